"""Purposes of messages: this process's copy of the registry of templates, and its refresh.

A sweep fetches the templates of each sub-account whose account and channel are configured from the
provider every 15 minutes, one worker at a time, in the background. Each process reloads the registry
once a minute.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
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
from store.outcomes.stream import tell
from store.people.events import wanting
from store.purposes import BY_LETTER, Purpose, purpose_of
from store.templates import (
    CHANGED,
    Registry,
    come_again,
    keep_registry,
    read_registry,
    take_turn,
    template_name,
)

log = structlog.get_logger(__name__)

ASK_SECONDS = 900.0
"""Seconds between two listings of the provider's templates …"""
ASK_AGAIN_SECONDS = 60.0
"""… and after a failed one."""
READ_SECONDS = 60.0
"""Seconds between two reads of the registry by a process."""
_NO_REGISTRY: Registry = {}

ListTemplates = Callable[[str], Awaitable[Sequence[RegisteredTemplate]]]
"""Lists the templates of a sub-account; raises ProviderError or SettingsError."""


@dataclass(frozen=True, slots=True)
class LanePurposes:
    """Purposes of the messages of one lane.

    Args:
        of_all: the purpose of all of them, as in a campaign; None: given by each line.
    """

    of_all: Purpose | None
    registry: Registry

    def of(self, line: bytes) -> Purpose:
        """The purpose of this job line's message."""
        if self.of_all is not None:
            return self.of_all
        used = template_in(line) if self.registry else None
        registered = self.registry.get(template_name(*used)) if used else None
        return purpose_of(registered, BY_LETTER.get(purpose_letter(line)), Purpose.UTILITY)


class Templates:
    """Registries of all sub-accounts, as read by this process. One object per process.

    Args:
        list_templates: lists the provider's templates; None: not from this process.
    """

    def __init__(self, list_templates: ListTemplates | None = None) -> None:
        self._list = list_templates
        self._known: dict[str, tuple[float, Registry]] = {}  # sub-account → read at, our clock
        self._asking: asyncio.Task[None] | None = None

    async def look(self, store: AsyncStore, sub_account: str, clock: float) -> None:
        """Read the registry of a sub-account again if due. The old one stays if the store does not
        answer."""
        read_at, known = self._known.get(sub_account, (float("-inf"), _NO_REGISTRY))
        if clock < read_at + READ_SECONDS:
            return
        with contextlib.suppress(StoreError):
            known = await store.run(read_registry(sub_account))
        self._known[sub_account] = clock, known

    def purposes(self, lane: Lane) -> LanePurposes:
        """Purposes of a lane's messages, by the registry read last."""
        _, registry = self._known.get(lane.sub_account, (0.0, _NO_REGISTRY))
        if lane.kind != "campaign":
            return LanePurposes(None, registry)
        registered = registry.get(lane.template)
        return LanePurposes(purpose_of(registered, lane.purpose, Purpose.MARKETING), registry)

    def refresh(self, store: AsyncStore, settings: Settings) -> None:
        """Start a refresh if due, unless this process is refreshing."""
        if self._list is not None and (self._asking is None or self._asking.done()):
            self._asking = asyncio.create_task(self._refresh(store, settings, self._list))

    async def close(self) -> None:
        """Cancel a running refresh."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    async def _refresh(self, store: AsyncStore, settings: Settings, ask: ListTemplates) -> None:
        for name, account in settings.sub_accounts.items():
            if account.account_id is None or account.channel_id is None:
                continue
            with contextlib.suppress(StoreError):
                if await store.run(take_turn(name, ASK_SECONDS)):
                    await self._ask(store, settings, name, ask)

    async def _ask(
        self, store: AsyncStore, settings: Settings, sub_account: str, ask: ListTemplates
    ) -> None:
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
        if known := await store.run(read_registry(sub_account)):
            await tell_changes(store, settings, [sub_account], differences(known, registry))
        await store.run(keep_registry(sub_account, registry))
        self._known.pop(sub_account, None)
        log.info("templates_read", sub_account=sub_account, templates=len(registry))


def differences(known: Registry, found: Registry) -> dict[str, dict[str, str]]:
    """Templates whose category is another; that of one that is not registered is empty."""
    return {
        name: {"category": found.get(name, ""), "previous_category": known.get(name, "")}
        for name in sorted({*known, *found})
        if known.get(name) != found.get(name)
    }


async def tell_changes(
    store: AsyncStore,
    settings: Settings,
    sub_accounts: Iterable[str],
    changes: Mapping[str, Mapping[str, str]],
) -> None:
    """Tell changed templates to the subscriptions of these sub-accounts."""
    stream = settings.stream
    wanted = await store.run(wanting(CHANGED)) if changes else set()
    for sub_account in wanted.intersection(sub_accounts):
        for name, about in changes.items():
            said = {what: value for what, value in about.items() if value}
            event = {"type": CHANGED, "id": name, "about": said}
            call = tell(sub_account, event, keep_days=stream.keep_days, most_bytes=stream.max_bytes)
            await store.run(call)
