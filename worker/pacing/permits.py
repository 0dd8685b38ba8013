"""Permits: waiting for the turn that the sub-account's limits allow."""

import secrets
from collections.abc import Sequence

from store.client import Call
from store.limits.breakers import release_probe
from store.limits.rate_limit import (
    Limits,
    acquire_permits,
    begin_request,
    pause_sub_account,
    return_permits,
)
from worker.batch import Reservation, Sender, Tools

HORIZON = 0.5
"""Seconds ahead that a turn may be reserved."""
PROBE_MARGIN = 5.0
"""Seconds of a probe's lease besides its request."""
TRIES = 3
"""Missed turns before a batch is posted late: a distant store must not stop sending."""


class PermitOffice:
    """Takes permits for this process; the limits are kept in the store, shared by all."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._learned: dict[str, float] = {}  # sub-account → rate as of the last permits

    def limits(self, sender: Sender) -> Limits:
        """The limits that apply now: the configured ones, or a lower learned rate."""
        known = self._learned.get(sender.id, sender.limits.first_rate)
        return sender.limits.learned(known)

    async def reserve(
        self, sender: Sender, n: int, *, urgent: bool, scopes: Sequence[str] = (), lane: str = ""
    ) -> Reservation:
        """Take permits once, for `n` messages and one request.

        Args:
            scopes: breakers of the lane, besides those of the sub-account.
            lane: noted as active, to space messages to a person.
        """
        op, asked = secrets.token_hex(8), self._tools.clock()
        answers = self._tools.answers
        ended = answers.untold(sender.id)
        call = acquire_permits(
            sender.id,
            self.limits(sender),
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
            lane=lane if sender.pair_wait else "",
            apart=sender.pair_wait,
        )
        permits = await self._tools.store.run(call)
        answers.told(sender.id, ended)
        self._learned[sender.id] = permits.learned
        self._tools.meters.permits(sender.id, permits)
        return Reservation(op, permits.n or n, permits, asked + permits.wait)

    def begin(self, sender: Sender, n: int, *, op: str, ended: str, urgent: bool) -> Call[str]:
        """The call that checks whether a request with these permits may still be posted.

        Args:
            ended: ends of requests to report.
        """
        return begin_request(
            sender.id,
            self.limits(sender),
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
        """Take permits whose turn comes within `patience` seconds; None if it is later, or if a breaker
        refuses."""
        give_up, missed = self._tools.clock() + patience, 0
        while True:
            reservation = await self.reserve(sender, n, urgent=urgent, scopes=scopes)
            if not reservation.granted and (
                reservation.permits.held_by or reservation.turn > give_up
            ):
                return None
            if reservation.granted and reservation.n < n:  # a probe, and `n` is too large for it
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
        """Return unused permits, and the probe if nothing was sent."""
        if unused >= reservation.n:
            await self.let_go(sender, reservation)
        limits = self.limits(sender)
        if unused > 0 and limits.messages_per_second > 0:
            await self._tools.store.run(
                return_permits(sender.id, limits, unused, op=reservation.op)
            )

    async def let_go(self, sender: Sender, reservation: Reservation) -> None:
        """Free the probes of permits that no request used."""
        for scope in reservation.permits.probes:
            await self._tools.store.run(
                release_probe(sender.id, scope, op=reservation.op, later=False)
            )

    async def block(self, sender: Sender, seconds: float) -> None:
        """Pause a sub-account for all workers."""
        await self._tools.store.run(pause_sub_account(sender.id, seconds))
