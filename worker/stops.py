"""An operator's stops, changes of quiet hours, and tiers, cached by a worker process."""

from collections.abc import Sequence
from typing import Any

from config.settings import Settings
from store.client import AsyncStore, Call
from store.lanes.lane import Lane
from store.limits.stops import Stop, read_stops, stop_of
from store.limits.tier import Tiers, note_settings, read_tiers
from store.people.quiet_hours import LiveHours, read_live_hours

REFRESH_SECONDS = 0.25
"""Most age of the cache: a stop takes effect on all workers within a second."""


class Stops:
    """Read from the store before anything is claimed or posted, at most every `REFRESH_SECONDS`."""

    def __init__(self) -> None:
        self.live_hours = LiveHours()
        self.tiers = Tiers()
        self._found: Sequence[Stop] = ()
        self._read_at = float("-inf")
        self._noted = False

    @property
    def revision(self) -> int:
        """Changes with the rules by which people wait: quiet hours, tiers."""
        return self.live_hours.revision + self.tiers.revision

    async def refresh(self, store: AsyncStore, now: float, settings: Settings) -> None:
        """Read the stops again if the cache is too old.

        Args:
            now: our clock, s.
            settings: their tiers are noted before anything is claimed.

        Raises:
            StoreError: they cannot be read, so nothing may be posted.
        """
        if now >= self._read_at + REFRESH_SECONDS:
            calls: list[Call[Any]] = [read_stops(), read_live_hours(), read_tiers()]
            self._found, self.live_hours, self.tiers = await store.run_all(calls)
            if not self._noted:
                await self._note_settings(store, settings)
            self._read_at = now

    async def _note_settings(self, store: AsyncStore, settings: Settings) -> None:
        """Before a process claims: people who wait by tiers of earlier settings are looked at again."""
        accounts = settings.sub_accounts.items()
        tiers = [
            f"{settings.portfolio_of(name)} {one.tier} {one.tier_reserve}"
            for name, one in accounts
            if one.tier is not None
        ]
        call = note_settings(self.tiers, "\n".join(sorted(tiers)))
        if call is not None and await store.run(call):
            self.tiers = await store.run(read_tiers())
        self._noted = True

    def holds(self, lane: Lane) -> bool:
        """True when nothing of this lane may be sent now."""
        return stop_of(self._found, lane) is not None
