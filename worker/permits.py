"""Permits: waiting for the turn that the sub-account's limits allow."""

import secrets
from dataclasses import dataclass

from store.limits import Permits, acquire_permits, block_sender, return_permits
from worker.flight import Sender, Tools

HORIZON = 0.5
"""Seconds ahead that a turn may be reserved."""
SHELF_LIFE = 1.0
"""Seconds for which permits are good; a worker that was frozen must ask again."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """Answer to a request for permits."""

    op: str
    n: int
    permits: Permits

    @property
    def granted(self) -> bool:
        """The permits are ours, from `wait` seconds on."""
        return self.permits.granted


class PermitOffice:
    """Takes permits for this process; the limits themselves are kept in the store for all."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def reserve(self, sender: Sender, n: int, *, urgent: bool) -> Reservation:
        """Ask once, for `n` messages and one request."""
        op = secrets.token_hex(8)
        call = acquire_permits(sender.id, sender.limits, n, op=op, urgent=urgent, horizon=HORIZON)
        return Reservation(op, n, await self._tools.store.run(call))

    async def wait_for(self, sender: Sender, n: int, *, urgent: bool, patience: float) -> bool:
        """Take permits, however long the turn is away within `patience` seconds; False if it is not."""
        give_up = self._tools.clock() + patience
        while True:
            reservation = await self.reserve(sender, n, urgent=urgent)
            wait = reservation.permits.wait
            if not reservation.granted and self._tools.clock() + wait > give_up:
                return False
            if wait > 0:
                await self._tools.sleep(wait)
            if reservation.granted:
                return True

    async def give_back(self, sender: Sender, reservation: Reservation, unused: int) -> None:
        """Return permits that no message used."""
        if unused > 0 and sender.limits.messages_per_second > 0:
            await self._tools.store.run(
                return_permits(sender.id, sender.limits, unused, op=reservation.op)
            )

    async def block(self, sender: Sender, seconds: float) -> None:
        """Nobody sends for this sub-account for a while."""
        await self._tools.store.run(block_sender(sender.id, seconds))
