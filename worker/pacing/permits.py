"""Permits: waiting for the turn that the sub-account's limits allow."""

import secrets
from collections.abc import Sequence

from store.client import Call
from store.limits.breakers import release_probe
from store.limits.rate_limit import (
    acquire_permits,
    begin_request,
    pause_sub_account,
    return_permits,
)
from worker.batch import Reservation, Sender, Tools

HORIZON = 0.5
"""Seconds ahead that a turn may be reserved."""
PROBE_MARGIN = 5.0
"""Seconds that a probe has for everything around its request."""
TRIES = 3
"""Turns that may be missed before a batch goes late: a store that is far away must not stop us."""


class PermitOffice:
    """Takes permits for this process; the limits themselves are kept in the store for all."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def reserve(
        self, sender: Sender, n: int, *, urgent: bool, scopes: Sequence[str] = ()
    ) -> Reservation:
        """Ask once, for `n` messages and one request.

        Args:
            scopes: of breakers that hold up the lane, beside those of the sub-account.
        """
        op, asked = secrets.token_hex(8), self._tools.clock()
        answers = self._tools.answers
        ended = answers.untold(sender.id)
        call = acquire_permits(
            sender.id,
            sender.limits,
            n,
            op=op,
            urgent=urgent,
            horizon=HORIZON,
            most_probed=self._tools.settings.breakers.account_messages,
            probe_lease=self._tools.settings.http.deadline + PROBE_MARGIN,
            ended=ended,
            patience=answers.patience(sender.id),
            batch=self._tools.settings.batch.max_messages,
            scopes=scopes,
        )
        permits = await self._tools.store.run(call)
        answers.told(sender.id, ended)
        self._tools.meters.permits(sender.id, permits)
        return Reservation(op, permits.n or n, permits, asked + permits.wait)

    def begin(self, sender: Sender, n: int, *, op: str, ended: str, urgent: bool) -> Call[str]:
        """The question whether a request with these permits may still be posted.

        Args:
            ended: what the other processes have to be told about answers.
        """
        return begin_request(
            sender.id,
            sender.limits,
            n,
            op=op,
            urgent=urgent,
            ended=ended,
            patience=self._tools.answers.patience(sender.id),
            batch=self._tools.settings.batch.max_messages,
            lease=self._tools.settings.http.deadline + PROBE_MARGIN,
        )

    async def await_turn(self, reservation: Reservation) -> None:
        """Sleep until the permits may be used."""
        wait = reservation.turn - self._tools.clock()
        if wait > 0:
            await self._tools.sleep(wait)

    async def wait_for(
        self,
        sender: Sender,
        n: int,
        *,
        urgent: bool,
        patience: float,
        scopes: Sequence[str] = (),
    ) -> Reservation | None:
        """Take permits, however long the turn is away within `patience` seconds; None if it is further,
        or if a breaker is in the way."""
        give_up, missed = self._tools.clock() + patience, 0
        while True:
            reservation = await self.reserve(sender, n, urgent=urgent, scopes=scopes)
            if not reservation.granted and (
                reservation.permits.held_by or reservation.turn > give_up
            ):
                return None
            if reservation.granted and reservation.n < n:  # a probe, and too large for one
                await self.give_back(sender, reservation, reservation.n)
                return None
            await self.await_turn(reservation)
            if not reservation.granted:
                continue
            if reservation.is_good(self._tools.clock()) or missed == TRIES:
                return reservation
            await self.let_go(sender, reservation)
            missed += 1

    async def give_back(self, sender: Sender, reservation: Reservation, unused: int) -> None:
        """Return permits that no message used, and the probe if none at all went out."""
        if unused >= reservation.n:
            await self.let_go(sender, reservation)
        if unused > 0 and sender.limits.messages_per_second > 0:
            await self._tools.store.run(
                return_permits(sender.id, sender.limits, unused, op=reservation.op)
            )

    async def let_go(self, sender: Sender, reservation: Reservation) -> None:
        """No request was made with these permits: others may probe what it would have probed."""
        for scope in reservation.permits.probes:
            await self._tools.store.run(
                release_probe(sender.id, scope, op=reservation.op, later=False)
            )

    async def block(self, sender: Sender, seconds: float) -> None:
        """Nobody sends for this sub-account for a while."""
        await self._tools.store.run(pause_sub_account(sender.id, seconds))
