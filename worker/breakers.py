"""What the answers of the provider mean for the breakers of their sub-account.

A breaker protects, and promises nothing: where the store does not answer, sending goes on, and the lease
of a probe ends by itself.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import structlog

from chatapps.answers import Answered, NotSent, Refused, Result
from chatapps.codes import CodeClass, classify_request
from store.breakers import (
    ACCOUNT,
    SERVER,
    STALL,
    Counted,
    Probing,
    close_breaker,
    count_server_error,
    open_breaker,
    release_probe,
)
from store.calls import Call
from store.errors import StoreError
from store.unreached import forget_unreached, note_unreached
from worker.answers import request_name
from worker.decisions import explain_failure, is_server_error, is_silence
from worker.flight import Flight, Tools

log = structlog.get_logger(__name__)
T = TypeVar("T")

SUSPICION = 3600.0
"""Seconds for which a lane is remembered that had its sub-account held up."""


class Breakers:
    """Tells the store how the requests of this process fare, where that is news to the breakers."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._failing: set[str] = set()  # sub-accounts whose last word to us was a server error
        self._unreached: set[str] = set()  # sub-accounts whose last request was not sent
        self._suspects: dict[str, float] = {}  # lanes → since when, our clock
        self._taken: dict[str, float] = {}  # sub-accounts → when a message of theirs was taken last

    def is_suspect(self, lane: str) -> bool:
        """The lane had its whole sub-account held up of late. If its messages ask for a channel that is
        not there, they would do so again and again."""
        since = self._suspects.get(lane) if self._suspects else None
        return since is not None and since + SUSPICION > self._tools.clock()

    def is_well_since(self, flight: Flight) -> bool:
        """Messages of the sub-account were taken since its lane became suspect."""
        since = self._suspects.get(flight.id)
        return since is not None and self._taken.get(flight.lane.sender.id, since) > since

    def suspect(self, lane: str) -> None:
        """The lane has had its sub-account held up, or would have."""
        now = self._tools.clock()
        fresh = {one: at for one, at in self._suspects.items() if at + SUSPICION > now}
        self._suspects = {**fresh, lane: now}

    def taken(self, flight: Flight) -> None:
        """Messages of this flight were taken."""
        self._taken[flight.lane.sender.id] = self._tools.clock()

    async def heard(self, flight: Flight, messages: int, result: Result, took: float) -> None:
        """A request has ended, after `took` seconds. Sets `flight.slowed` if `server` is open."""
        answers, sender = self._tools.answers, flight.lane.sender.id
        failed, silent = is_server_error(result), is_silence(result, flight.id)
        if failed or silent:
            await self._failed(flight, messages, explain_failure(result), silent=silent)
        elif isinstance(result, Answered):
            answers.took(sender, took)
        await self._note_reach(flight, result)
        trusted = not (failed or silent or isinstance(result, NotSent))
        answers.ended(sender, request_name(flight.permits.op, messages), trusted=trusted)

    async def _note_reach(self, flight: Flight, result: Result) -> None:
        """Show why requests are not sent from this host, until one is."""
        sender, host = flight.lane.sender.id, self._tools.owner.split(":")[0]
        if isinstance(result, NotSent):
            self._unreached.add(sender)
            now = flight.now(self._tools.clock())
            await self._tell(note_unreached(sender, host, result.reason, now), otherwise=None)
        elif sender in self._unreached:
            self._unreached.discard(sender)
            await self._tell(forget_unreached(sender, host), otherwise=None)

    def not_posted(self, flight: Flight, messages: int) -> None:
        """A request waits for no answer: it was about to be posted and was not, or was cut short."""
        request = request_name(flight.permits.op, messages)
        self._tools.answers.ended(flight.lane.sender.id, request, trusted=False)

    async def _failed(self, flight: Flight, messages: int, reason: str, *, silent: bool) -> None:
        sender, terms = flight.lane.sender.id, self._tools.settings.breakers
        self._failing.add(sender)
        counted = await self._tell(
            count_server_error(
                sender,
                reason,
                op=flight.permits.op,
                messages=messages,
                silent=silent,
                in_a_row=terms.server_errors,
                probing=Probing(terms.server_first, terms.server_longest),
            ),
            otherwise=Counted(server=False, stalled=False),
        )
        flight.slowed = counted.server
        if counted.stalled:
            log.warning(
                "no answer that can be trusted; only probing", **flight.fields, reason=reason
            )
        if flight.slowed:
            log.warning("the provider fails; going slow", lane=flight.id, batch=flight.batch)
        await self._release(flight, later=True, but=(SERVER, STALL))

    async def account(self, flight: Flight, reason: str) -> None:
        """Key, account or channel: nothing of this sub-account can pass until somebody mends that."""
        sender, terms = flight.lane.sender.id, self._tools.settings.breakers
        opened = await self._tell(
            open_breaker(
                sender,
                ACCOUNT,
                reason,
                by="worker",
                probe_after=terms.account_first,
                longest=terms.account_longest,
                op=flight.permits.op,
            ),
            otherwise=False,
        )
        self.suspect(flight.id)
        if opened:
            log.error("sub-account held up", lane=flight.id, sub_account=sender, reason=reason)
        if self._is_news(flight):
            await self._close(flight, SERVER)
        flight.probe_told()

    async def answered(self, flight: Flight, result: Result) -> None:
        """Any end but those two: the provider serves this sub-account, or has told nothing."""
        throttled = isinstance(result, Refused) and (
            classify_request(result.status, result.code) is CodeClass.THROTTLE
        )
        if throttled or isinstance(result, NotSent):
            await self._release(flight, later=False)
            return
        await self.well(flight)

    async def let_go(self, flight: Flight) -> None:
        """Messages of a lane that probed the breaker that held it up were taken."""
        for scope in flight.probes:
            if scope not in (ACCOUNT, SERVER) and await self._close(flight, scope):
                log.warning("what was held up goes on", lane=flight.id, breaker=scope)

    async def well(self, flight: Flight) -> None:
        """The provider serves this sub-account: what that proves closed is closed."""
        if not self._is_news(flight):
            return
        await self._close(flight, SERVER)
        if ACCOUNT in flight.probes and await self._close(flight, ACCOUNT):
            log.warning("the sub-account is well again", lane=flight.id)
        flight.probe_told()

    async def unused(self, flight: Flight) -> None:
        """The request was not made; whoever asks next may probe."""
        await self._release(flight, later=False)

    def _is_news(self, flight: Flight) -> bool:
        return flight.permits.permits.news or flight.lane.sender.id in self._failing

    async def _close(self, flight: Flight, scope: str) -> bool:
        sender = flight.lane.sender.id
        self._failing.discard(sender)
        return await self._tell(
            close_breaker(sender, scope, by="worker", op=flight.permits.op), otherwise=False
        )

    async def _release(self, flight: Flight, *, later: bool, but: Sequence[str] = ()) -> None:
        for scope in flight.probes:
            if scope not in but:
                call = release_probe(
                    flight.lane.sender.id, scope, op=flight.permits.op, later=later
                )
                await self._tell(call, otherwise=False)
        flight.probe_told()

    async def _tell(self, call: Call[T], *, otherwise: T) -> T:
        return await tell(self._tools.store.run, call, otherwise=otherwise)


async def tell(
    run: Callable[[Call[T]], Awaitable[T]], call: Call[T], *, otherwise: T, **fields: Any
) -> T:
    """Run a call that must not hold up a batch; `otherwise` where the store does not answer."""
    try:
        return await run(call)
    except StoreError as error:
        log.warning("a breaker could not be told", error=str(error), **fields)
        return otherwise
