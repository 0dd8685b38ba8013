"""Asks for campaigns that send again days later, where the settings have such a reaction."""

import asyncio
from collections.abc import Callable

from config.reactions import Reaction
from config.settings import Settings

ASK_SECONDS = 60.0
"""Between two requests of a process."""


class Retries:
    """The requests of one process.

    Args:
        ask: sends the Celery task that schedules them (producer/campaigns/retry_later.py); may block.
    """

    def __init__(self, ask: Callable[[], None] = lambda: None) -> None:
        self._ask = ask
        self._asked_at = float("-inf")
        self._asking: asyncio.Task[None] | None = None

    def look(self, settings: Settings, clock: float) -> None:
        """Ask, if it is due; called by each sweep."""
        rules = settings.reactions_in_force.values()
        wanted = any(rule.action is Reaction.RETRY_CAMPAIGN for rule in rules)
        if wanted and clock >= self._asked_at + ASK_SECONDS:
            self._asked_at = clock
            self._asking = asyncio.create_task(asyncio.to_thread(self._ask))
