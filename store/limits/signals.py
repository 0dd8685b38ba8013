"""Signals of a sub-account: counts by second, from which its rate is learned.

Workers add to a hash, with the same flush as their metrics; old fields are deleted with each decision.

    p|<second>          messages that the provider accepted, by second of posting
    s|<second>          first receipts, by second of posting
    c|<second>|<code>   receipts with a code, by second of posting
    l|<slot>|<lag>      first receipts by the slot of their time, and their seconds since posting
    r|<second>          requests refused with 429
    e|<second>          requests that failed at the provider (5xx)
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from store.client import Argument, Call, script_call, text
from store.keys import signals as signals_key
from store.keys import signals_flushed

BETWEEN = "|"
SLOT_SECONDS = 10
"""Seconds of receipts over which a median of lags is taken."""
KEEP_SECONDS = 180
"""Age at which a field is deleted."""
LONGEST_LAG = 600


@dataclass(frozen=True, slots=True)
class Signals:
    """Signals by second since 1970, Redis' clock."""

    now: int
    posted: Mapping[int, int] = field(default_factory=dict)
    seen: Mapping[int, int] = field(default_factory=dict)
    codes: Mapping[int, Mapping[int, int]] = field(default_factory=dict)  # second → code → n
    lags: Mapping[int, Mapping[int, int]] = field(default_factory=dict)  # slot → lag → n
    refused: Mapping[int, int] = field(default_factory=dict)
    failed: Mapping[int, int] = field(default_factory=dict)

    def throttled(self, codes: Collection[int]) -> dict[int, int]:
        """By second of posting, the messages with one of these codes."""
        found = {at: sum(of.get(code, 0) for code in codes) for at, of in self.codes.items()}
        return {at: n for at, n in found.items() if n}


class Tally(Counter[str]):
    """Signals of one sub-account in this process since the last flush."""

    def accepted(self, posted: int, n: int) -> None:
        """The provider accepted messages."""
        self[f"p|{posted}"] += n

    def refused(self, posted: int, *, throttled: bool) -> None:
        """The provider refused a request: too many of them, or a failure of its own."""
        self[f"{'r' if throttled else 'e'}|{posted}"] += 1

    def receipts(self, posted: int, at: int, code: int, n: int, *, is_first: bool) -> None:
        """Receipts about messages posted in one second."""
        if is_first:
            self[f"s|{posted}"] += n
            if not code:
                self[f"l|{at - at % SLOT_SECONDS}|{_rounded(at - posted)}"] += n
        if code:
            self[f"c|{posted}|{code}"] += n


def _rounded(lag: int) -> int:
    """A lag with four significant bits, so that there are few different ones."""
    lag = max(0, min(lag, LONGEST_LAG))
    return lag if lag < 16 else lag - lag % (1 << lag.bit_length() - 4)


def flush_signals(
    sub_account: str, process: str, number: int, counts: Mapping[str, int]
) -> Call[bool]:
    """Add the counts of a process, once; as `store.metrics.counters.flush_metrics`."""
    words: list[Argument] = [word for pair in counts.items() for word in pair]
    keys = (signals_key(sub_account), signals_flushed(sub_account, process))
    return script_call("flush_metrics", keys, (number, *words), bool)


def read_fields(fields: Mapping[str, int], now: int) -> Signals:
    """The signals in the fields of the hash."""
    plain: dict[str, dict[int, int]] = {kind: {} for kind in "psre"}
    nested: dict[str, dict[int, dict[int, int]]] = {kind: {} for kind in "cl"}
    for name, n in fields.items():
        kind, second, *rest = name.split(BETWEEN)
        if rest:
            nested[kind].setdefault(int(second), {})[int(rest[0])] = n
        else:
            plain[kind][int(second)] = n
    return Signals(now, plain["p"], plain["s"], nested["c"], nested["l"], plain["r"], plain["e"])


def old_fields(fields: Iterable[str], now: int) -> list[str]:
    """The fields that no decision needs any more."""
    return [name for name in fields if int(name.split(BETWEEN)[1]) < now - KEEP_SECONDS]


def numbers(reply: Any) -> dict[str, int]:
    """The fields of the hash as Redis returns them."""
    return {text(name): int(n) for name, n in reply.items()}
