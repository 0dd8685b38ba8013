"""Counters of this process for `/metrics`: kept in memory, flushed every second.

Only flushed counts are shown, so a killed process loses at most a second. Counts whose flush was not
answered are written again under its number, then those since, by the same flush.
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import Collection
from functools import lru_cache

import structlog

from chatapps.codes import classify_item, classify_request
from chatapps.receipt_codes import receipt_code
from chatapps.responses import Answered, NoAnswer, NotSent, Refused, Result
from store.client import AsyncStore
from store.errors import StoreError
from store.lanes.lane import Priority
from store.limits import signals
from store.limits.rate_limit import Permits
from store.limits.signals import flush_signals
from store.metrics import counters
from store.metrics.counters import Tally, flush_metrics
from store.queue.settlement import Recovered, Settlement
from store.receipts.status_updates import Applied
from store.records.outcome import LocalReason, Origin
from store.states import OPEN_STATES, State

log = structlog.get_logger(__name__)

FLUSH_SECONDS = 2.0
"""Timeout of a flush in seconds: nothing waits for figures."""
_STILL_OPEN = frozenset({*OPEN_STATES, State.TRIED})
_NO_CAUSE, _NO_ANSWER = "none", "no_answer"
REQUEST_TIMED_OUT = 408
"""HTTP status that proves nothing."""
_LOCAL = {reason.value: reason.name.lower() for reason in LocalReason}


class Meters(Tally):
    """The counts of one process.

    Args:
        learning: sub-accounts whose rate is learned.
    """

    def __init__(self, learning: Collection[str] = ()) -> None:
        super().__init__()
        self._process = secrets.token_hex(8)
        self._learning = frozenset(learning)
        self._signals: dict[str, signals.Tally] = {}  # by sub-account
        self._flying: dict[str, Counter[str]] = {}  # posted and not answered yet: signals by
        # sub-account, and the sums of /metrics under ''
        self._number = 0  # number of the current or last flush
        self._flushing = asyncio.Lock()

    async def flush(self, store: AsyncStore) -> None:
        """Write the counts to the store; they are kept for the next flush if it is away."""
        async with self._flushing:
            unfinished = bool(self._flying)
            await self._write(store)
            if unfinished and not self._flying:
                await self._write(store)

    async def _write(self, store: AsyncStore) -> None:
        """Write one set of counts; its number makes it safe to repeat."""
        if not self._flying:
            self._flying = {"": self.take(), **self._signals}
            self._flying = {name: counts for name, counts in self._flying.items() if counts}
            self._signals = {}
            self._number += 1
        if not self._flying:
            return
        by = (self._process, self._number)
        calls = [
            flush_signals(name, *by, counts) if name else flush_metrics(*by, counts)
            for name, counts in self._flying.items()
        ]
        try:
            async with asyncio.timeout(FLUSH_SECONDS):
                await store.run_all(calls)
        except (StoreError, TimeoutError) as error:
            log.debug("metrics_flush_failed", error=type(error).__name__)
        else:
            self._flying = {}

    # Called by the steps of a batch.

    def claimed(self, priority: Priority, messages: int) -> None:
        """A batch was claimed."""
        self.observe(counters.BATCHES, messages, priority)

    def permits(self, sub_account: str, permits: Permits) -> None:
        """The limiter has answered."""
        if permits.granted:
            self.observe(counters.PERMIT_WAITS, permits.wait, sub_account)
        else:
            self.add(counters.PERMITS_REFUSED, 1, sub_account, _refusal(permits))

    def answered(self, sub_account: str, result: Result, seconds: float) -> None:
        """A request to the provider has ended."""
        self.observe(counters.REQUESTS, seconds, sub_account, status_of(result))

    def settled(self, sub_account: str, what: Settlement) -> None:
        """A batch or an in-doubt batch was settled."""
        plain = {state: n for state, n in what.counts.items() if state not in _STILL_OPEN}
        for name, n in what.codes.items():
            state, origin, code = name.split(":")
            if state in plain:
                plain[State(state)] -= n
                self.add(counters.OUTCOMES, n, sub_account, state, cause(origin, int(code)))
        for state, n in plain.items():
            if n > 0:
                self.add(counters.OUTCOMES, n, sub_account, state, _NO_CAUSE)
        if sent := what.counts.get(State.ACCEPTED, 0):
            self.add(counters.SENT, sent, sub_account)
        if in_doubt := what.counts.get(State.IN_DOUBT, 0):
            self.add(counters.IN_DOUBT, in_doubt, sub_account)
        if retried := what.stats.get("retried", 0):
            self.add(counters.RETRIES, retried, sub_account)

    def signals_of(self, sub_account: str) -> signals.Tally | None:
        """The signals to count for a sub-account; None if its rate is not learned."""
        if sub_account not in self._learning:
            return None
        return self._signals.setdefault(sub_account, signals.Tally())

    @property
    def learns(self) -> bool:
        """True when the rate of any sub-account is learned."""
        return bool(self._learning)

    def recovered(self, sub_account: str, what: Recovered) -> None:
        """Batches of lost workers were recovered."""
        for to, n in (("queue", what.back), ("in_doubt", what.in_doubt), ("aside", what.aside)):
            if n:
                self.add(counters.RECOVERED, n, to)
        if what.in_doubt:
            self.add(counters.IN_DOUBT, what.in_doubt, sub_account)

    def progress(self, applied: Applied) -> None:
        """Status updates, of receipts or of late answers, have told how far messages have come."""
        for figure, n in (
            (counters.SENT, applied.sent),
            (counters.DELIVERED, applied.delivered),
            (counters.READ, applied.read),
        ):
            if n:
                self.add(figure, n, applied.sub_account)
        for code, n in applied.undelivered.items():
            why = receipt_code("", code or None).code_class or _NO_CAUSE
            self.add(counters.UNDELIVERED, n, applied.sub_account, why)

    def receipts(self, applied: Applied) -> None:
        """Receipts were applied."""
        self.progress(applied)
        for result, n in (
            ("counted", applied.counted),
            ("early", applied.early),
            ("stale", applied.stale),
            ("unknown", applied.unknown),
            ("foreign", applied.foreign),
        ):
            if n:
                self.add(counters.RECEIPTS, n, result)
        tally = self.signals_of(applied.sub_account) if applied.signals else None
        if tally is not None:
            for posted, at, code, is_first, n in applied.signals:
                tally.receipts(posted, at, code, n, is_first=is_first)

    def swept(self, seconds: float) -> None:
        """A sweep has ended."""
        self.observe(counters.SWEEPS, seconds)


def _refusal(permits: Permits) -> str:
    if permits.held_by:
        return "breaker"
    return "blocked" if permits.blocked else "rate"


def status_of(result: Result) -> str:
    """The result of a request, as a word of a small set."""
    match result:
        case Answered():
            return "2xx"
        case Refused(status=429):
            return "429"
        case Refused(status=status):
            return f"{status // 100}xx"
        case NotSent():
            return "not_sent"
        case NoAnswer():
            return _NO_ANSWER


@lru_cache(maxsize=1024)
def cause(origin: str, code: int) -> str:
    """The reaction to a code, or our own reason: a word of a small set, never the code itself."""
    match Origin[origin.upper()]:
        case Origin.API:
            return classify_item(code or None)
        case Origin.REQUEST:
            return classify_request(400, code)
        case Origin.HTTP:
            silent = code < 300 or code == REQUEST_TIMED_OUT
            return _NO_ANSWER if silent else classify_request(code, None)
        case Origin.LOCAL:
            return _LOCAL.get(code, _NO_CAUSE)
        case _:
            return _NO_CAUSE
