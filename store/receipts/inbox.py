"""Inboxes: webhook bodies, kept until they are applied.

Each receiving process has a numbered inbox, a stream. It adds a body before it answers 200; bodies that
arrive at the same time share an entry. A consumer reads a few entries of each inbox, applies them and
acknowledges them; entries of a consumer that died are reclaimed by another. So an entry is applied at
least once, and applying it must be idempotent.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, NamedTuple

from store.client import Call, command, first, in_turn, script_call, text
from store.keys import ASIDE, INBOXES, inbox, inbox_figures

GROUP = "appliers"
"""The consumer group: each entry goes to one of its consumers."""
MOST = 1000
"""Most entries per call, so that scripts stay short."""
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
LEASE_MS = 60_000
"""A receiving process without a sign of life for so long loses its inbox."""
MOST_ASIDE = 100_000
"""Most unmatched bodies; the oldest are dropped first."""


@lru_cache(1024)
def stored_at(id: str) -> int:
    """Time at which an entry of a stream was stored, ms since 1970 by Redis' clock."""
    return int(id.partition("-")[0])


class Entry(NamedTuple):
    """One webhook body as received."""

    id: str  # of the stream's entry, which may hold others; begins with its ms
    body: bytes

    @property
    def came_ms(self) -> int:
        """Time at which it was stored, ms since 1970 by Redis' clock."""
        return stored_at(self.id)

    def moment(self, event_ms: int | None) -> int:
        """Time of an event in it, ms since 1970: the event's own unless implausible. A sender's clock
        may be ahead of Redis', and some senders give unset times as the year 1."""
        if event_ms is None or not 0 < event_ms <= self.came_ms:
            return self.came_ms
        return event_ms


def take_inbox(number: int | None = None) -> Call[int]:
    """Take the first free inbox for `LEASE_MS`, or renew it.

    Args:
        number: the inbox to renew.
    """
    args = ("" if number is None else number, LEASE_MS)
    return script_call("take_inbox", (INBOXES,), args, int)


def inbox_numbers() -> Call[list[int]]:
    """Numbers of the existing inboxes. The first one always exists."""
    return command(
        "ZRANGE", INBOXES, 0, -1, parse=lambda reply: sorted({0, *(int(one) for one in reply)})
    )


def add_to_inbox(*bodies: bytes, number: int = 0) -> Call[str]:
    """Store bodies that arrived at the same time, all or none; returns their entry's id. Intake:
    StoreFull when there is no memory for them."""
    args = (len(bodies), ",".join(map(str, map(len, bodies))), b"".join(bodies))
    return script_call("add_to_inbox", (inbox(number), inbox_figures(number)), args, text)


def read_inbox(consumer: str, most: int = 100, number: int = 0) -> Call[list[Entry]]:
    """Take the oldest entries not taken yet, at most `most`, or a megabyte of them. Does not block."""
    return script_call("read_inbox", (inbox(number),), (GROUP, consumer, min(most, MOST)), _entries)


def reclaim(
    consumer: str, idle_ms: int, most: int = 100, number: int = 0, *, forget_ms: int = HOUR_MS
) -> Call[list[Entry]]:
    """Take again this consumer's unacknowledged entries; if it has none, those of others that are at
    least `idle_ms` old.

    Also deletes consumers without entries that were not seen for `forget_ms`.
    """
    args = (GROUP, consumer, idle_ms, min(most, MOST), forget_ms)
    return script_call("reclaim_inbox", (inbox(number),), args, _entries)


def acknowledge(
    ids: Iterable[str], figures: Mapping[str, int] | None = None, number: int = 0
) -> Call[int]:
    """Delete applied entries (at most `MOST` a call); returns how many bodies existed.

    Args:
        ids: one for each body.
        figures: their counts, by the names of `InboxFigures` or `unmatched:<kind>`; counted once.
    """
    counted = [word for pair in (figures or {}).items() for word in pair if pair[1]]
    bodies = Counter(ids)
    args = (GROUP, len(bodies), *bodies, *bodies.values(), *counted)
    return script_call("acknowledge_inbox", (inbox(number), inbox_figures(number)), args, int)


def keep_unmatched(bodies: Sequence[bytes]) -> Call[int]:
    """Keep bodies that concern no message of ours: replies, business events, receipts of others."""
    return script_call("keep_unmatched", (ASIDE,), (MOST_ASIDE, *bodies), int)


def forget_aside(days: float) -> Call[int]:
    """Delete unmatched bodies older than so many days; returns how many."""
    return script_call("forget_aside", (ASIDE,), (int(days * DAY_MS),), int)


@dataclass(frozen=True, slots=True)
class InboxFigures:
    """Size of the inbox and counts since the beginning."""

    waiting: int  # bodies not applied yet
    oldest_age: float  # age of the oldest of these, s
    applied: int  # receipts about messages of ours, repeated ones included
    replies: int
    opt_outs: int  # replies that are opt-outs
    opt_ins: int  # replies that withdraw one
    events: int  # about templates, numbers and accounts
    unreadable: int
    unmatched: dict[str, int]  # receipts about no message of ours, by problem
    matched: int = 0  # of those applied: matched by batch and umid or person


_COUNTED = [one.name for one in fields(InboxFigures) if one.name not in ("oldest_age", "unmatched")]


def read_inbox_figures() -> Call[InboxFigures]:
    """Sizes and counts of the inboxes."""

    def read(numbers: list[int]) -> Call[InboxFigures]:
        calls = [
            script_call("read_inbox_figures", (inbox(one), inbox_figures(one)), (), _figures)
            for one in numbers
        ]
        return in_turn(calls, _sum)

    return first(inbox_numbers(), read)


def inbox_length() -> Call[int]:
    """Bodies that are not acknowledged, taken or not."""
    return first(read_inbox_figures(), lambda figures: figures.waiting)


def _sum(found: Sequence[InboxFigures]) -> InboxFigures:
    """The sum over all inboxes."""
    counted: Counter[str] = Counter()
    for one in found:
        counted += Counter({name: getattr(one, name) for name in _COUNTED})
    unmatched = sum((Counter(one.unmatched) for one in found), Counter())
    oldest = max(one.oldest_age for one in found)
    return InboxFigures(
        oldest_age=oldest, unmatched=dict(unmatched), **{name: counted[name] for name in _COUNTED}
    )


def split_bodies(sizes: bytes, bodies: bytes) -> Iterator[bytes]:
    """The bodies of an entry, by their sizes separated by commas; without sizes it is one."""
    at = 0
    for size in map(int, sizes.split(b",")) if sizes else (len(bodies),):
        yield bodies[at : at + size]
        at += size


def _entries(reply: Any) -> list[Entry]:
    return [
        Entry(id, body)
        for id_, sizes, bodies in zip(reply[::3], reply[1::3], reply[2::3], strict=True)
        for id in (text(id_),)
        for body in split_bodies(sizes, bodies)
    ]


def _figures(reply: Any) -> InboxFigures:
    waiting, oldest, now, flat = reply
    counted = {text(name): int(n) for name, n in zip(flat[::2], flat[1::2], strict=True)}
    since = int(text(oldest).partition("-")[0] or now)
    return InboxFigures(
        waiting=int(waiting),
        oldest_age=max(0, int(now) - since) / 1000,
        applied=counted.get("applied", 0),
        replies=counted.get("replies", 0),
        opt_outs=counted.get("opt_outs", 0),
        opt_ins=counted.get("opt_ins", 0),
        events=counted.get("events", 0),
        unreadable=counted.get("unreadable", 0),
        matched=counted.get("matched", 0),
        unmatched={
            name.partition(":")[2]: n
            for name, n in counted.items()
            if name.startswith("unmatched:")
        },
    )
