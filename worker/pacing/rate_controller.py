"""Learns the rate that the provider really takes from a sub-account. Pure.

WhatsApp's throttles come as receipts, seconds after the provider has accepted a message; one that queues
shows only in late receipts. Both are attributed to the second of posting, so that messages posted
before a change of the rate do not count against the new one.

    slow start   x 1.25 after each clean 10 to 30 s, depending on the receipts' lag, until a limit shows
    throttled    more than 0.5 % of the messages: 0.95 x what went through, which is measured better as
                 the rest of the receipts come
    queueing     receipts much later than usual: what comes out of the queue is the capacity; slower
                 until the queue is empty, then 0.97 x the capacity
    429          0.7 x, or what went through
    recovery     after each clean minute a step up, each 1.5 x the one before; small again when what went
                 through is reached
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from chatapps.receipt_codes import RECEIPT_CODES, Action
from store.limits.learned import CLEAN_SECONDS, FIRST_RATE, FIRST_STEP, Cause, Learned
from store.limits.signals import SLOT_SECONDS, Signals

THROTTLE_CODES = frozenset(
    code for (_, code), row in RECEIPT_CODES.items() if row.action is Action.SLOW_DOWN
) - {1038}
"""Receipt codes of a sender or an account that is too fast; 1038 is about a flow."""
FORGET_AFTER = 86_400
"""Seconds without messages after which the rate is learned again."""
THROTTLED_SHARE, THROTTLED_LEAST = 0.005, 5
RIPE_SHARE, RIPE_SECONDS = 0.7, 60
"""A second tells its share of throttled messages when so many of its receipts are there, or so old."""
FOLLOW_SECONDS = 2
"""Seconds until all workers follow a lower rate; what they post meanwhile counts against the old one."""
RAW_SHARE, RAW_LEAST = 0.1, 50
"""The same for a glut of throttled messages, which is acted on sooner and measured again later."""
CUT, CUT_429, AFTER_DRAIN = 0.95, 0.7, 0.97
GLUT_SHARE = 0.1
"""Share of throttled messages that is acted on before the receipts are complete."""
FASTER, PROBE_STEP, LARGEST_STEP, STEP_GROWS = 1.25, 0.01, 0.25, 1.5
NEAR = 0.98
"""Share of the measured capacity from which on steps are small again."""
SLOW_START_SECONDS, SLOW_START_LAG = (10, 30), 5
USED_SHARE = 0.8
"""A rate is raised only if so much of it was used."""
LATE, LATE_SECONDS, IN_TIME, IN_TIME_SECONDS = 1.5, 10, 1.25, 5
"""Lags, as multiples of the usual one and as seconds more: above them a queue, below them none."""
LEAST_RECEIPTS = 20
"""Receipts of a slot whose median counts."""
DRAIN_SECONDS = 60
"""Seconds in which a queue of the provider is to be emptied."""
SLOWEST_DRAIN, FASTEST_DRAIN = 0.8, 0.2
BASE_SECONDS = 1800
"""The usual lag is the least median of this period and the one before."""


def start(now: int, ceiling: float, first: float = FIRST_RATE) -> Learned:
    """The state before anything is learned."""
    return Learned(min(ceiling, first), since=now, cut_at=now, cut_before=now, used_at=now)


def decide(old: Learned, signals: Signals, ceiling: float) -> Learned:
    """The rate from now on.

    Args:
        ceiling: the configured rate, which is never exceeded.
    """
    now = signals.now
    if now - old.used_at > FORGET_AFTER and not old.pinned:
        old = replace(start(now, ceiling), bases=old.bases)
    old = _note_lag(replace(old, used_at=max([old.used_at, *signals.posted])), signals)
    if old.pinned:
        return _moved(old, now, min(old.pinned, ceiling), Cause.PINNED)
    evidence = _Evidence(old, signals, signals.throttled(THROTTLE_CODES))
    new = (
        _throttled(old, evidence)
        or _refused(old, evidence)
        or _queueing(old, evidence)
        or _raised(old, evidence, ceiling)
        or old
    )
    if new.rate > ceiling:
        return _moved(old, now, ceiling, Cause.CEILING)
    least = max(1.0, ceiling / 100)
    return replace(new, rate=least) if new.rate < least else new


class _Evidence:
    """The signals as the rules look at them."""

    def __init__(self, old: Learned, signals: Signals, throttled: Mapping[int, int]) -> None:
        self.signals, self.old, self.now = signals, old, signals.now
        self.throttled = throttled

    def through(self, start_: int, end: int) -> tuple[float, float] | None:
        """Messages per second that went through while the provider throttled, and the share of throttled
        ones; None if it did not."""
        ripe = self._with_receipts(start_, end, RIPE_SHARE, or_old=True)
        found = self._measure(ripe, THROTTLED_SHARE, THROTTLED_LEAST)
        if found is not None:
            return found
        raw = self._with_receipts(start_, end, RAW_SHARE)
        return self._measure(raw, GLUT_SHARE, RAW_LEAST)

    def _with_receipts(
        self, start_: int, end: int, share: float, *, or_old: bool = False
    ) -> list[int]:
        """The seconds of posting with receipts for this share of their messages."""
        posted, seen, old = self.signals.posted, self.signals.seen, self.now - RIPE_SECONDS
        return [
            at
            for at in range(start_, end)
            if seen.get(at, 0) and (seen[at] >= share * posted.get(at, 0) or (or_old and at < old))
        ]

    def _measure(
        self, seconds: Sequence[int], share: float, least: int
    ) -> tuple[float, float] | None:
        """Messages/s that went through, from the first to the last second with throttled messages."""
        bad = [at for at in seconds if self.throttled.get(at)]
        total = sum(self.throttled[at] for at in bad)
        seen = sum(self.signals.seen[at] for at in seconds)
        if total < least or total <= share * seen:
            return None
        span = [at for at in seconds if bad[0] <= at <= bad[-1]]
        span = (
            span[1:] if len(span) > 2 else span
        )  # what had gathered goes through in the first one
        idle = sum(not self.signals.posted.get(at) for at in range(span[0], bad[-1] + 1))
        through = sum(
            self.signals.posted.get(at, 0)
            * (1 - min(1.0, self.throttled.get(at, 0) / self.signals.seen[at]))
            for at in span
        )
        return through / (len(span) + idle), total / seen

    def main_code(self) -> int:
        """The most frequent code of throttled messages."""
        sums = Counter[int]()
        for codes in self.signals.codes.values():
            sums.update({code: n for code, n in codes.items() if code in THROTTLE_CODES})
        return sums.most_common(1)[0][0] if sums else 0

    def used(self, since: int) -> float:
        """Messages per second since then."""
        return _sum(self.signals.posted, since, self.now) / max(1, self.now - since)


def _throttled(old: Learned, evidence: _Evidence) -> Learned | None:
    now = evidence.now
    found = evidence.through(max(old.cut_at, now - CLEAN_SECONDS - 2 * max(0, old.lag)), now)
    if found is not None and CUT * found[0] < old.rate:
        cut = _cut(old, now, CUT * found[0], Cause.THROTTLED)
        share, code = round(found[1], 4), evidence.main_code()
        return replace(cut, estimate=found[0], share=share, code=code)
    if old.cause is Cause.THROTTLED and now < old.cut_at + CLEAN_SECONDS:
        late = evidence.through(old.cut_before, old.cut_at)
        if late is not None and abs(CUT * late[0] / old.rate - 1) > 1 - NEAR:
            again = _moved(old, now, CUT * late[0], Cause.THROTTLED)
            return replace(again, estimate=late[0], share=round(late[1], 4))
    return None


def _refused(old: Learned, evidence: _Evidence) -> Learned | None:
    """After a 429: once per slot, and only for requests since the last cut."""
    now = evidence.now
    n = _sum(evidence.signals.refused, old.cut_at + 1, now + 1)
    if not n or (old.cause is Cause.REFUSED and now < old.since + SLOT_SECONDS):
        return None
    through = CUT * evidence.used(max(old.cut_at, now - SLOT_SECONDS))
    return _cut(old, now, min(old.rate, max(CUT_429 * old.rate, through)), Cause.REFUSED)


def _queueing(old: Learned, evidence: _Evidence) -> Learned | None:
    base, now = old.base, evidence.now
    if base is None or old.lag < 0:
        return None
    if old.is_draining and not _is_late(old, IN_TIME, IN_TIME_SECONDS):
        rate = AFTER_DRAIN * old.estimate
        return replace(_cut(old, now, rate, Cause.DRAINED), is_draining=False)
    if not old.is_draining and not _is_late(old, LATE, LATE_SECONDS):
        return None
    if old.is_draining and now < old.since + SLOT_SECONDS:
        return old
    estimate = _leaving(evidence) if not old.is_draining else old.estimate
    if not estimate:
        return None
    excess = (old.lag - base) / DRAIN_SECONDS
    rate = estimate * min(SLOWEST_DRAIN, max(FASTEST_DRAIN, 1 - excess))
    moved = _moved(old, now, min(old.rate, rate) if not old.is_draining else rate, Cause.QUEUEING)
    return replace(moved, estimate=estimate, is_draining=True, step=FIRST_STEP)


def _leaving(evidence: _Evidence) -> float:
    """Messages per second that leave the provider's queue."""
    slot = _last_slot(evidence.signals)
    return 0.0 if slot is None else sum(evidence.signals.lags[slot].values()) / SLOT_SECONDS


def _raised(old: Learned, evidence: _Evidence, ceiling: float) -> Learned | None:
    now, signals = evidence.now, evidence.signals
    if old.rate >= ceiling or old.is_draining or _is_late(old, IN_TIME, IN_TIME_SECONDS):
        return None
    is_first = not old.estimate and old.cause in (Cause.START, Cause.SLOW_START, Cause.CEILING)
    least, most = SLOW_START_SECONDS
    lag = old.lag if old.lag >= 0 else SLOW_START_LAG
    wait = min(most, max(least, 5 + 2 * lag)) if is_first else CLEAN_SECONDS
    since = max(old.since, now - wait)
    if now < old.since + wait or evidence.used(since) < USED_SHARE * old.rate:
        return None
    if _sum(signals.refused, since, now) or _sum(signals.failed, since, now):
        return None
    if is_first:
        return _moved(old, now, min(ceiling, old.rate * FASTER), Cause.SLOW_START)
    rate, near = min(ceiling, old.rate * (1 + old.step)), NEAR * old.estimate
    arrives = old.rate < near <= rate
    step = PROBE_STEP if arrives else min(LARGEST_STEP, old.step * STEP_GROWS)
    return replace(_moved(old, now, rate, Cause.RECOVERY), step=step)


def _cut(old: Learned, now: int, rate: float, cause: Cause) -> Learned:
    moved = _moved(old, now, rate, cause)
    cut_at = now + FOLLOW_SECONDS
    return replace(moved, since=now, cut_at=cut_at, cut_before=old.cut_at, step=FIRST_STEP)


def _moved(old: Learned, now: int, rate: float, cause: Cause) -> Learned:
    if rate == old.rate and cause is old.cause:
        return old
    return replace(old, rate=rate, cause=cause, since=now)


def _is_late(old: Learned, times: float, seconds: int) -> bool:
    """True when receipts are so much later than usual."""
    return old.base is not None and old.lag > max(times * old.base, old.base + seconds)


def _note_lag(old: Learned, signals: Signals) -> Learned:
    """The state with the median lag of the last complete slot."""
    slot = _last_slot(signals)
    if slot is None:
        return replace(old, lag=-1)
    lag = _median(signals.lags[slot])
    period = slot // BASE_SECONDS
    least = dict(old.bases)
    least[period] = min(lag, least.get(period, lag))
    bases = tuple((at, n) for at, n in sorted(least.items()) if at >= period - 1)
    return replace(old, lag=lag, bases=bases)


def _last_slot(signals: Signals) -> int | None:
    """The last complete slot with enough receipts, unless it is long ago."""
    full = (
        slot
        for slot, lags in signals.lags.items()
        if signals.now - 3 * SLOT_SECONDS <= slot <= signals.now - SLOT_SECONDS
        and sum(lags.values()) >= LEAST_RECEIPTS
    )
    return max(full, default=None)


def _median(lags: Mapping[int, int]) -> int:
    half = (sum(lags.values()) + 1) // 2
    for lag, n in sorted(lags.items()):
        half -= n
        if half <= 0:
            return lag
    raise ValueError("no lags")


def _sum(by_second: Mapping[int, int], start_: int, end: int) -> int:
    return sum(n for at, n in by_second.items() if start_ <= at < end)
