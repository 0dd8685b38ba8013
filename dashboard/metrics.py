"""`/metrics`: sums that workers have counted, and gauges.

Labels are sub-accounts, priorities, states and other words of small sets, never a number, a lane or a
message.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from config.priorities import PRIORITIES
from store.lanes.lane import LaneStatus
from store.limits.breakers import Breaker
from store.limits.stops import Stopped
from store.metrics.counters import COUNTED, MICRO, Counted, sums_of
from store.receipts.inbox import InboxFigures
from store.reports.gauges import Gauges, LaneNow
from store.states import OPEN_STATES, State

MOST_MARKS = 240
"""Marks kept per lane; beyond, every second one is dropped."""


class Ages:
    """Arrival marks of all lanes, to estimate the age of waiting jobs."""

    def __init__(self) -> None:
        self._marks: dict[str, deque[tuple[int, int]]] = {}  # lane → (jobs taken so far, ms)

    def look(self, lanes: Iterable[LaneNow], now_ms: int) -> dict[str, float]:
        """Age of the oldest waiting job by lane, in seconds; 0 when none waits."""
        lanes = list(lanes)
        marks = self._marks
        self._marks = {lane.id: marks.get(lane.id, deque()) for lane in lanes}
        return {lane.id: _age(self._marks[lane.id], lane, now_ms) for lane in lanes}


def _age(marks: deque[tuple[int, int]], lane: LaneNow, now_ms: int) -> float:
    while marks and marks[0][0] <= lane.gone:
        marks.popleft()
    if not lane.open[State.QUEUED]:
        return 0.0
    if not marks or marks[-1][0] < lane.accepted:
        if len(marks) >= MOST_MARKS:
            kept = list(marks)[::2]
            marks.clear()
            marks.extend(kept)
        marks.append((lane.accepted, now_ms))
    return max(0, now_ms - marks[0][1]) / 1000


@dataclass(frozen=True, slots=True)
class Standing:
    """A gauge."""

    name: str
    meaning: str
    labels: tuple[str, ...] = ()
    is_sum: bool = False  # monotonic; the name lacks its `_total`


REDIS_UP = Standing(
    "sendmany_redis_up", "1 if Redis answered; otherwise all that is kept there is missing here."
)
MESSAGES = Standing(
    "sendmany_messages",
    "Messages of lanes that have not ended, by what they wait for.",
    ("sub_account", "priority", "state"),
)
OLDEST = Standing(
    "sendmany_queue_oldest_seconds",
    "How long the oldest job of a lane that is sending has been waiting, at least.",
    ("sub_account", "priority"),
)
LANES = Standing("sendmany_lanes", "Lanes that have not ended.", ("priority", "status"))
LOOPS = Standing(
    "sendmany_dispatchers",
    "Dispatchers that run, by the priorities they serve: one a worker process, idle or not.",
    ("serves",),
)
BLOCKED = Standing(
    "sendmany_blocked_seconds",
    "How long all workers still leave the sub-account alone because the provider asked for it.",
    ("sub_account",),
)
LEARNED = Standing(
    "sendmany_learned_rate",
    "Messages a second that a sub-account is known to take; `used` is no if that is only observed.",
    ("sub_account", "used"),
)
BREAKERS = Standing(
    "sendmany_breakers_open",
    "Breakers that are open: what is stopped because its cause concerns more than a message.",
    ("sub_account", "scope"),
)
STOPS = Standing(
    "sendmany_stopped",
    "1 for what an operator has stopped with `sendmany stop`; `sub_account` is empty for all.",
    ("what", "sub_account"),
)
INBOX = Standing("sendmany_inbox_webhooks", "Webhooks that were stored and not applied yet.")
INBOX_OLDEST = Standing(
    "sendmany_inbox_oldest_seconds", "How long ago the oldest of them was stored; 0 = none waits."
)
WEBHOOKS = Standing(
    "sendmany_webhooks", "Webhooks that were dealt with, by what they were.", ("kind",), is_sum=True
)
OPT_WORDS = Standing(
    "sendmany_opt_words",
    "Replies that asked for no more messages (`out`), or took that back (`in`).",
    ("word",),
    is_sum=True,
)
UNCONFIRMED = Standing(
    "sendmany_unconfirmed",
    "Messages that were posted, got no answer to be trusted, and need a decision.",
    ("sub_account",),
)
LAG = Standing(
    "sendmany_subscription_lag_seconds",
    "How long ago the oldest change came that a subscription has not passed on; 0 = none waits.",
    ("sub_account", "subscription"),
)
STANDING = (
    REDIS_UP, MESSAGES, OLDEST, LANES, LOOPS, BLOCKED, LEARNED, BREAKERS, STOPS, UNCONFIRMED, LAG, INBOX,
    INBOX_OLDEST, WEBHOOKS, OPT_WORDS,
)  # fmt: skip

HTTP_REQUESTS = Counted(
    "sendmany_http_request_seconds",
    "Time to answer a request of the HTTP API, of the web process that is asked.",
    ("method", "route", "status"),
    (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
    MICRO,
)
BREAKER_SCOPES = ("account", "server", "stall", "bulk", "template")

Values = Iterable[tuple[tuple[str, ...], float]]
"""Values by their labels."""


class Snapshot(Collector):
    """Families read before, for prometheus_client to write."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


def counted_families(
    fields: Mapping[str, int], figures: Sequence[Counted] = COUNTED
) -> Iterator[Metric]:
    """Counters as Prometheus families."""
    for figure in figures:
        if figure.bounds:
            yield _histogram(figure, fields)
        else:
            counter = CounterMetricFamily(figure.name, figure.meaning, labels=figure.labels)
            for sums in sums_of(figure, fields):
                counter.add_metric(sums.labels, sums.count)
            yield counter


def _histogram(figure: Counted, fields: Mapping[str, int]) -> HistogramMetricFamily:
    family = HistogramMetricFamily(figure.name, figure.meaning, labels=figure.labels)
    for sums in sums_of(figure, fields):
        so_far, buckets = 0, list[tuple[str, float]]()
        for bound, n in sums.buckets.items():
            so_far += n
            buckets.append((bound, so_far))
        family.add_metric(sums.labels, buckets, sums.sum)
    return family


def standing_families(gauges: Gauges, ages: Ages, sub_accounts: Sequence[str]) -> Iterator[Metric]:
    """Gauges as Prometheus families."""
    now = gauges.now_ms
    yield _family(MESSAGES, _messages(gauges, sub_accounts))
    yield _family(OLDEST, _oldest(gauges, ages, sub_accounts))
    yield _family(LANES, Counter((lane.priority, lane.status) for lane in gauges.lanes).items())
    loops = [((served or "all",), n) for served, n in gauges.loops.items() if n or not served]
    yield _family(LOOPS, loops)
    backoff = gauges.blocked_until_ms.items()
    yield _family(BLOCKED, [((name,), max(0, until - now) / 1000) for name, until in backoff])
    learned = gauges.learned.items()
    used = [((name, "yes" if of.in_force else "no"), of.rate) for name, of in learned]
    yield _family(LEARNED, used)
    yield _family(BREAKERS, _breakers(gauges.breakers, sub_accounts))
    stopped = {(str(stop.what), stop.sub_account): 1.0 for stop in gauges.stops}
    yield _family(STOPS, (dict.fromkeys([(what, "") for what in Stopped], 0.0) | stopped).items())
    unconfirmed = dict.fromkeys(sub_accounts, 0) | gauges.unconfirmed
    yield _family(UNCONFIRMED, [((name,), n) for name, n in unconfirmed.items()])
    yield _family(LAG, gauges.lags.items())
    yield from _inbox(gauges.inbox)


def _inbox(inbox: InboxFigures) -> Iterator[Metric]:
    yield _family(INBOX, [((), inbox.waiting)])
    yield _family(INBOX_OLDEST, [((), inbox.oldest_age)])
    kinds = {
        "receipt": inbox.applied,
        "unmatched": sum(inbox.unmatched.values()),
        "reply": inbox.replies,
        "event": inbox.events,
        "unreadable": inbox.unreadable,
    }
    yield _family(WEBHOOKS, [((kind,), n) for kind, n in kinds.items()])
    yield _family(OPT_WORDS, [(("out",), inbox.opt_outs), (("in",), inbox.opt_ins)])


def up_family(up: bool) -> Metric:
    """1 if Redis answered."""
    return _family(REDIS_UP, [((), int(up))])


def _messages(gauges: Gauges, sub_accounts: Sequence[str]) -> Values:
    places = product(sub_accounts, PRIORITIES, map(str, OPEN_STATES))
    sums = dict.fromkeys(places, 0)
    for lane in gauges.lanes:
        for state, n in lane.open.items():
            place = (lane.sub_account, str(lane.priority), str(state))
            sums[place] = sums.get(place, 0) + n
    return sums.items()


def _oldest(gauges: Gauges, ages: Ages, sub_accounts: Sequence[str]) -> Values:
    found = {(name, priority): 0.0 for name in sub_accounts for priority in PRIORITIES}
    age_of = ages.look(gauges.lanes, gauges.now_ms)
    for lane in gauges.lanes:
        if lane.status is LaneStatus.SENDING:
            place = (lane.sub_account, str(lane.priority))
            found[place] = max(found.get(place, 0.0), age_of[lane.id])
    return found.items()


def _breakers(breakers: Iterable[Breaker], sub_accounts: Sequence[str]) -> Values:
    sums = Counter(dict.fromkeys(product(sub_accounts, BREAKER_SCOPES), 0))
    sums.update((breaker.sub_account, breaker.scope.partition(":")[0]) for breaker in breakers)
    return sums.items()


def _family(figure: Standing, values: Values) -> Metric:
    kind = CounterMetricFamily if figure.is_sum else GaugeMetricFamily
    family = kind(figure.name, figure.meaning, labels=figure.labels)
    for labels, value in sorted(values):
        family.add_metric(labels, value)
    return family
