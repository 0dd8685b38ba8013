"""What messages are for: the registry of templates as this process knows it, and how it is kept fresh.

A sweep has the provider asked for the templates of each sub-account whose account and channel are
configured, every 15 minutes, one worker at a time; nothing waits for that. Each process reads the
registry anew once a minute.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from chatapps.management import ProviderError
from chatapps.rendering.job_line import purpose_letter, template_in
from chatapps.templates import RegisteredTemplate
from config.sections import SettingsError
from config.settings import Settings
from store.client import AsyncStore
from store.errors import StoreError
from store.lanes.lane import Lane
from store.purposes import BY_LETTER, Purpose, purpose_of
from store.templates import (
    Registry,
    come_again,
    keep_registry,
    read_registry,
    take_turn,
    template_name,
)

log = structlog.get_logger(__name__)

ASK_SECONDS = 900.0
"""Between two questions to the provider …"""
ASK_AGAIN_SECONDS = 60.0
"""… and after one that it did not answer."""
READ_SECONDS = 60.0
"""Between two looks of a process at the registry."""
_NO_REGISTRY: Registry = {}

ListTemplates = Callable[[str], Awaitable[Sequence[RegisteredTemplate]]]
"""Gives the templates of a sub-account; raises ProviderError or SettingsError."""


@dataclass(frozen=True, slots=True)
class LanePurposes:
    """What the messages of one lane are for.

    Args:
        of_all: the same for all of them, as those of a campaign are; None: each line tells.
    """

    of_all: Purpose | None
    registry: Registry

    def of(self, line: bytes) -> Purpose:
        """What the message of this job line is for."""
        if self.of_all is not None:
            return self.of_all
        used = template_in(line) if self.registry else None
        registered = self.registry.get(template_name(*used)) if used else None
        return purpose_of(registered, BY_LETTER.get(purpose_letter(line)), Purpose.UTILITY)


class Templates:
    """The registries of all sub-accounts, as this process has read them. One object a process.

    Args:
        list_templates: asks the provider; None: nobody is asked from here.
    """

    def __init__(self, list_templates: ListTemplates | None = None) -> None:
        self._list = list_templates
        self._known: dict[str, tuple[float, Registry]] = {}  # sub-account → read at, our clock
        self._asking: asyncio.Task[None] | None = None

    async def look(self, store: AsyncStore, sub_account: str, clock: float) -> None:
        """Read the registry of a sub-account again if that is due. What was known stays if the store
        does not answer."""
        read_at, known = self._known.get(sub_account, (float("-inf"), _NO_REGISTRY))
        if clock < read_at + READ_SECONDS:
            return
        with contextlib.suppress(StoreError):
            known = await store.run(read_registry(sub_account))
        self._known[sub_account] = clock, known

    def purposes(self, lane: Lane) -> LanePurposes:
        """What the messages of a lane are for, by the registry that was read last."""
        _, registry = self._known.get(lane.sub_account, (0.0, _NO_REGISTRY))
        if lane.kind != "campaign":
            return LanePurposes(None, registry)
        registered = registry.get(lane.template)
        return LanePurposes(purpose_of(registered, lane.purpose, Purpose.MARKETING), registry)

    def refresh(self, store: AsyncStore, settings: Settings) -> None:
        """See that the provider is asked where it is time, unless this process is at it."""
        if self._list is not None and (self._asking is None or self._asking.done()):
            self._asking = asyncio.create_task(self._refresh(store, settings, self._list))

    async def close(self) -> None:
        """End what is under way."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    async def _refresh(self, store: AsyncStore, settings: Settings, ask: ListTemplates) -> None:
        for name, account in settings.sub_accounts.items():
            if account.account_id is None or account.channel_id is None:
                continue
            with contextlib.suppress(StoreError):
                if await store.run(take_turn(name, ASK_SECONDS)):
                    await self._ask(store, name, ask)

    async def _ask(self, store: AsyncStore, sub_account: str, ask: ListTemplates) -> None:
        try:
            found = await ask(sub_account)
        except (ProviderError, SettingsError) as error:
            log.warning("templates_not_read", sub_account=sub_account, error=str(error))
            await store.run(come_again(sub_account, ASK_AGAIN_SECONDS))
            return
        registry = {
            template_name(one.name, one.language): Purpose(one.category.lower())
            for one in found
            if one.category.lower() in set(Purpose)
        }
        await store.run(keep_registry(sub_account, registry))
        self._known.pop(sub_account, None)
        log.info("templates_read", sub_account=sub_account, templates=len(registry))
