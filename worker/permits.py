"""Permits: waiting for the turn that the sub-account's limits allow."""

import secrets

from store.limits import acquire_permits, block_sender, return_permits
from worker.flight import Reservation, Sender, Tools

HORIZON = 0.5
"""Seconds ahead that a turn may be reserved."""
TRIES = 3
"""Turns that may be missed before a batch goes late: a store that is far away must not stop us."""


class PermitOffice:
    """Takes permits for this process; the limits themselves are kept in the store for all."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def reserve(self, sender: Sender, n: int, *, urgent: bool) -> Reservation:
        """Ask once, for `n` messages and one request."""
        op, asked = secrets.token_hex(8), self._tools.clock()
        call = acquire_permits(sender.id, sender.limits, n, op=op, urgent=urgent, horizon=HORIZON)
        permits = await self._tools.store.run(call)
        return Reservation(op, n, permits, asked + permits.wait)

    async def await_turn(self, reservation: Reservation) -> None:
        """Sleep until the permits may be used."""
        wait = reservation.turn - self._tools.clock()
        if wait > 0:
            await self._tools.sleep(wait)

    async def wait_for(self, sender: Sender, n: int, *, urgent: bool, patience: float) -> bool:
        """Take permits, however long the turn is away within `patience` seconds; False if it is not."""
        give_up, missed = self._tools.clock() + patience, 0
        while True:
            reservation = await self.reserve(sender, n, urgent=urgent)
            if not reservation.granted and reservation.turn > give_up:
                return False
            await self.await_turn(reservation)
            if not reservation.granted:
                continue
            if reservation.is_good(self._tools.clock()) or missed == TRIES:
                return True
            missed += 1

    async def give_back(self, sender: Sender, reservation: Reservation, unused: int) -> None:
        """Return permits that no message used."""
        if unused > 0 and sender.limits.messages_per_second > 0:
            await self._tools.store.run(
                return_permits(sender.id, sender.limits, unused, op=reservation.op)
            )

    async def block(self, sender: Sender, seconds: float) -> None:
        """Nobody sends for this sub-account for a while."""
        await self._tools.store.run(block_sender(sender.id, seconds))
