"""Counters summed over all workers: the catalogue and the storage.

A worker counts in memory and adds its counts about once a second; so a scrape of one web process covers
every host, and a killed worker loses at most the last second. All sums are kept in one hash, as
integers:

    <name>|<label>|…             a counter
    <name>|<label>|…|<bound>     observations of a histogram up to this bound and above the one before
    <name>|<label>|…|sum         their sum, in 1/scale of the unit
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from store.client import Argument, Call, command, script_call, text
from store.keys import METRICS, flushed

BETWEEN = "|"
INFINITE = "+Inf"
SUM = "sum"
MICRO = 1_000_000


@dataclass(frozen=True, slots=True)
class Counted:
    """A figure that workers count: a counter, or a histogram if it has bounds."""

    name: str  # Prometheus name; a counter without its `_total`
    meaning: str
    labels: tuple[str, ...]
    bounds: tuple[float, ...] = ()  # of the buckets, in the base unit, ascending
    scale: int = 1  # units of the stored integer sum per base unit
    _names: tuple[str, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        names = (*(f"{bound:g}" for bound in self.bounds), INFINITE)
        object.__setattr__(self, "_names", names)

    def field(self, *labels: str) -> str:
        """The hash field of the sum for these labels."""
        return BETWEEN.join((self.name, *labels))

    def bucket(self, value: float) -> str:
        """The bound of the bucket that holds a value."""
        return self._names[bisect_left(self.bounds, value)]

    @property
    def buckets(self) -> tuple[str, ...]:
        """The bounds as text, infinity last."""
        return self._names


_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_WAITS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1)
_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)

BATCHES = Counted(
    "sendmany_batch_messages",
    "Messages of a batch that was claimed; its count is the number of batches.",
    ("priority",),
    _SIZES,
)
REQUESTS = Counted(
    "sendmany_request_seconds",
    "Time from sending a request to the provider to its whole answer.",
    ("sub_account", "status"),
    _SECONDS,
    MICRO,
)
OUTCOMES = Counted(
    "sendmany_outcomes",
    "Messages that came to an end in a worker's hands, by state and by what asked for it.",
    ("sub_account", "state", "cause"),
)
SENT = Counted(
    "sendmany_sent",
    "Messages that the provider has taken, by its answer or by a later status update.",
    ("sub_account",),
)
DELIVERED = Counted(
    "sendmany_delivered", "Messages that have reached a handset, by receipt.", ("sub_account",)
)
READ = Counted("sendmany_read", "Messages that were read, by receipt.", ("sub_account",))
UNDELIVERED = Counted(
    "sendmany_undelivered",
    "Messages that were not delivered, by receipt and by what its code asks for. One that arrives after"
    " all is counted as delivered, too.",
    ("sub_account", "cause"),
)
RETRIES = Counted(
    "sendmany_retries", "Messages that were sent again, or will be.", ("sub_account",)
)
IN_DOUBT = Counted(
    "sendmany_in_doubt",
    "Messages that were posted and got no answer to be trusted.",
    ("sub_account",),
)
PERMIT_WAITS = Counted(
    "sendmany_limiter_wait_seconds",
    "How far ahead the turn lay that the limiter gave to a batch.",
    ("sub_account",),
    _WAITS,
    MICRO,
)
PERMITS_REFUSED = Counted(
    "sendmany_limiter_refused",
    "Times that the limiter had no turn to give: `rate` (used up), `blocked` (the provider asked for a"
    " pause) or `breaker`.",
    ("sub_account", "reason"),
)
RECEIPTS = Counted(
    "sendmany_receipts", "Receipts that were applied, by what they changed.", ("result",)
)
SWEEPS = Counted(
    "sendmany_sweep_seconds",
    "Time a sweep took; its count is the number of sweeps.",
    (),
    _SECONDS,
    MICRO,
)
RECOVERED = Counted(
    "sendmany_recovered",
    "Messages of batches whose worker was lost, by where they went.",
    ("to",),
)
BACKFILLED = Counted(
    "sendmany_backfill_statuses",
    "Statuses in the provider's log: `lost` receipts that were found there, `known` ones, `foreign` ones"
    " that contradict their message, and `other` ones of no message of ours.",
    ("sub_account", "result"),
)

COUNTED = (
    BATCHES, REQUESTS, OUTCOMES, SENT, DELIVERED, READ, UNDELIVERED, RETRIES, IN_DOUBT, PERMIT_WAITS,
    PERMITS_REFUSED, RECEIPTS, SWEEPS, RECOVERED, BACKFILLED,
)  # fmt: skip
"""The catalogue."""


class Tally:
    """Counts in memory, by the hash fields of the sums."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def add(self, figure: Counted, n: int, *labels: str) -> None:
        """Count `n` of something."""
        self.counts[figure.field(*labels)] += n

    def observe(self, figure: Counted, value: float, *labels: str) -> None:
        """Count one value of a histogram, in its base unit."""
        name = figure.field(*labels)
        self.counts[f"{name}{BETWEEN}{figure.bucket(value)}"] += 1
        self.counts[f"{name}{BETWEEN}{SUM}"] += round(value * figure.scale)

    def take(self) -> Counter[str]:
        """The counts since the last call."""
        taken, self.counts = self.counts, Counter()
        return taken


@dataclass(frozen=True, slots=True)
class Sums:
    """The sums of one figure for one set of labels."""

    labels: tuple[str, ...]
    count: int = 0
    buckets: Mapping[str, int] = field(default_factory=dict)  # bound → observations in it
    sum: float = 0.0  # in the base unit


def flush_metrics(process: str, number: int, counts: Mapping[str, int]) -> Call[bool]:
    """Add the counts of a process; False if this flush was added before.

    Args:
        process: unique name of the process.
        number: of the flush: 1, 2, …; a flush is repeated with its number until it is answered.
    """
    words: list[Argument] = [word for pair in counts.items() for word in pair]
    return script_call("flush_metrics", (METRICS, flushed(process)), (number, *words), bool)


def read_counted() -> Call[dict[str, int]]:
    """All sums, by field."""
    return command("HGETALL", METRICS, parse=_numbers)


def sums_of(figure: Counted, fields: Mapping[str, int]) -> Iterator[Sums]:
    """The sums of one figure, by labels. Unknown labels of other versions are left out."""
    found: dict[tuple[str, ...], dict[str, int]] = {}
    for name, number in fields.items():
        parts = name.split(BETWEEN)
        labels, rest = tuple(parts[1 : len(figure.labels) + 1]), parts[len(figure.labels) + 1 :]
        expected = bool(figure.bounds)
        if parts[0] == figure.name and len(labels) == len(figure.labels) and len(rest) == expected:
            found.setdefault(labels, {})[rest[0] if rest else ""] = number
    for labels, numbers in sorted(found.items()):
        yield _sums(figure, labels, numbers)


def _sums(figure: Counted, labels: tuple[str, ...], numbers: Mapping[str, int]) -> Sums:
    if not figure.bounds:
        return Sums(labels, numbers[""])
    buckets = {bound: numbers.get(bound, 0) for bound in figure.buckets}
    return Sums(labels, sum(buckets.values()), buckets, numbers.get(SUM, 0) / figure.scale)


def _numbers(reply: Any) -> dict[str, int]:
    return {text(name): int(value) for name, value in reply.items()}
