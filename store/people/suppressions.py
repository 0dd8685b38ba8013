"""Suppressions: people who must not be written to, here or by any sub-account, for some purposes or all.

One hash a scope and shard, person → entries. An entry holds its start, its source and its purposes; a
source has one at most (`store/lua/suppression.lua`). Measured on the embedded server with 100,000
numbers, and 1,000 recipients looked up by one script call (two busy cores; use the orders, not the
digits):

    shape                                   bytes a number   server µs a 1,000
    one hash a scope, HMGET                             54                 500
    a set, SMISMEMBER, and a hash of details            93                 520
    a sorted set, ZMSCORE                               75                 300
    hash buckets of 64 (listpacks), HEXISTS             27               4,800

Buckets are half the size and ten times as slow for every batch; so it is the one hash.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from store.client import Call, Store, command, first, in_turn, script_call, text
from store.keys import (
    PEOPLE,
    PEOPLE_SHARDS,
    lifted,
    person_events,
    shard_of,
    suppressed,
    unmarketed,
)
from store.people.events import OPT_OUT, wanting
from store.purposes import BY_LETTER, Purpose

T = TypeVar("T")
EVERYWHERE = "*"
"""The scope of all sub-accounts."""
AT_ONCE = 2000
"""People per call."""
KEPT_MS = 7 * 86_400_000
"""A release overrules earlier opt-outs that arrive within so long."""


class Why(StrEnum):
    """The source of a suppression; the value is its stored form. In order of precedence."""

    OPERATOR = "o"
    IMPORT = "i"
    REPLY = "r"
    RECEIPT = "b"


Purposes = frozenset[Purpose]
"""Purposes that a suppression stops."""
MARKETING: Purposes = frozenset({Purpose.MARKETING})
EVERYTHING: Purposes = frozenset(Purpose)
_ENTRY = re.compile(r"(\d+)([oirb])([mua]*)")


@dataclass(frozen=True, slots=True)
class Suppression:
    """A suppressed person."""

    who: str  # digits of an international number, or a channel's user id
    scope: str  # a sub-account, or EVERYWHERE
    since: int  # ms since 1970, of its first entry
    why: Why  # of the entry with precedence
    purposes: Purposes = EVERYTHING

    @property
    def reason(self) -> str:
        """`operator`, `import`, `reply` or `receipt`."""
        return self.why.name.lower()

    @property
    def stopped(self) -> str:
        if self.purposes == EVERYTHING:
            return "all"
        return ",".join(purpose for purpose in Purpose if purpose in self.purposes)


ConsentChange = tuple[str, int | None]
"""Person, and time in ms since 1970; None = now, by Redis' clock."""


@dataclass(frozen=True, slots=True)
class Suppressed:
    """Counts of suppressed people."""

    new: int = 0  # people with new suppressions
    known: int = 0
    overtaken: int = 0  # a later release overruled them

    def __add__(self, other: "Suppressed") -> "Suppressed":
        return Suppressed(
            self.new + other.new, self.known + other.known, self.overtaken + other.overtaken
        )


@dataclass(frozen=True, slots=True)
class Released:
    """Counts of released people."""

    released: int = 0
    none: int = 0  # not suppressed
    kept: int = 0  # suppressed by an operator, or by a later opt-out

    def __add__(self, other: "Released") -> "Released":
        return Released(
            self.released + other.released, self.none + other.none, self.kept + other.kept
        )


def suppress(
    scope: str,
    changes: Sequence[ConsentChange],
    why: Why,
    purposes: Purposes = EVERYTHING,
    everything_for: Collection[str] = (),
) -> Call[Suppressed]:
    """Suppress at most `AT_ONCE` people. Repeating it changes nothing. It is told to subscriptions, an
    import is not: a list of a million would be a flood.

    Args:
        everything_for: people for whom all purposes stop, whatever `purposes` says.
    """
    all_ = _letters(purposes)

    def of_shard(shard: int, some: Sequence[ConsentChange], told: str) -> Call[Suppressed]:
        words = [
            word
            for who, at in some
            for word in (who, "" if at is None else at, "" if who in everything_for else all_)
        ]
        keys = (suppressed(scope, shard), lifted(scope, shard), person_events(scope, shard))
        return script_call(
            "suppress", keys, (why, told, *words), lambda reply: Suppressed(*map(int, reply))
        )

    def change(subscribed: Collection[str]) -> Call[Suppressed]:
        is_told = scope in subscribed or (scope == EVERYWHERE and subscribed)
        told = why.name.lower() if is_told and why is not Why.IMPORT else ""
        calls = [of_shard(shard, some, told) for shard, some in by_shard(changes)]
        begin = note_people(suppressed_of(scope), 1, parse=lambda _: Suppressed())
        return in_turn([begin, *calls], lambda found: sum(found, Suppressed()))

    return first(wanting(OPT_OUT), change)


def opt_out(
    scope: str,
    changes: Sequence[ConsentChange],
    why: Why,
    purposes: Purposes | None = None,
    *,
    asked: Collection[str],
) -> Call[Suppressed]:
    """Suppress at most `AT_ONCE` people.

    Args:
        purposes: None: as their own opt-out: marketing, and everything for those whose last message was
            not marketing.
        asked: sub-accounts whose last message to them counts then.
    """
    if purposes or not asked:
        return suppress(scope, changes, why, purposes or MARKETING)
    people = [who for who, _ in changes]
    found = in_turn(
        [find_unmarketed(name, people) for name in asked], lambda some: set[str]().union(*some)
    )
    return first(found, lambda those: suppress(scope, changes, why, MARKETING, those))


def note_people(what: str, at: int | None = None, *, parse: Callable[[Any], T]) -> Call[T]:
    """Note that a scope has some data about people; before they are written."""
    return script_call("note_people", (PEOPLE,), (what, "" if at is None else at), parse)


def suppressed_of(scope: str) -> str:
    """The name of suppressions of a scope in `note_people`."""
    return f"suppressed:{scope}"


def by_shard(changes: Iterable[ConsentChange]) -> list[tuple[int, list[ConsentChange]]]:
    """Changes by shard."""
    shards: dict[int, list[ConsentChange]] = {}
    for change in changes:
        shards.setdefault(shard_of(change[0]), []).append(change)
    return sorted(shards.items())


def find_unmarketed(sub_account: str, people: Sequence[str]) -> Call[set[str]]:
    """Those of at most `AT_ONCE` people whose last message from a sub-account was not marketing,
    remembered for 7 to 14 days. Their opt-out stops everything."""

    def of_shard(shard: int, some: Sequence[ConsentChange]) -> Call[set[str]]:
        names = [who for who, _ in some]
        return script_call(
            "find_unmarketed",
            unmarketed(sub_account, shard),
            names,
            lambda reply: {names[place] for place in reply},
        )

    calls = [of_shard(shard, some) for shard, some in by_shard((who, None) for who in people)]
    return in_turn(calls, lambda found: set().union(*found))


def release(
    scope: str, changes: Sequence[ConsentChange], *, replied: bool = False
) -> Call[Released]:
    """Release at most `AT_ONCE` people. Repeating it changes nothing.

    Args:
        replied: by their own reply, which does not lift an operator's suppression.
    """
    by = Why.REPLY if replied else Why.OPERATOR
    calls = [
        script_call(
            "unsuppress",
            (suppressed(scope, shard), lifted(scope, shard)),
            (KEPT_MS, by, *words_of(some)),
            lambda reply: Released(*map(int, reply)),
        )
        for shard, some in by_shard(changes)
    ]
    return in_turn(calls, lambda found: sum(found, Released()))


def read_suppression(scope: str, who: str) -> Call[Suppression | None]:
    """The suppression of a person in this scope, or None."""
    return command(
        "HGET", suppressed(scope, shard_of(who)), who,
        parse=lambda reply: None if reply is None else _suppression(scope, who, reply),
    )  # fmt: skip


def read_released(scope: str, who: str) -> Call[int]:
    """Time of a person's release in this scope, ms since 1970; 0 = no recent one."""
    key = lifted(scope, shard_of(who))
    return command("ZSCORE", key, who, parse=lambda reply: int(float(reply or 0)))


def count_suppressions(scope: str) -> Call[int]:
    """Number of suppressed people in this scope."""
    shards = range(PEOPLE_SHARDS)
    return in_turn([command("HLEN", suppressed(scope, shard), parse=int) for shard in shards], sum)


def all_suppressions(store: Store, scope: str) -> Iterator[Suppression]:
    """All suppressed people of this scope, unordered; those added meanwhile may be missing."""
    for shard in range(PEOPLE_SHARDS):
        cursor, seen = 0, set[str]()
        while True:
            cursor, some = store.run(scan_suppressions(scope, shard, cursor))
            for one in some:
                if one.who not in seen:  # HSCAN repeats entries when a hash is resized
                    seen.add(one.who)
                    yield one
            if not cursor:
                break


def scan_suppressions(
    scope: str, shard: int, cursor: int, most: int = 1000
) -> Call[tuple[int, list[Suppression]]]:
    """Some suppressed people of a shard, and the next cursor; 0 after the last ones.

    Args:
        most: about so many; Redis returns small hashes as a whole.
    """

    def parse(reply: Any) -> tuple[int, list[Suppression]]:
        next_, found = reply
        pairs = (
            found.items() if isinstance(found, dict) else zip(found[::2], found[1::2], strict=True)
        )
        return int(next_), [_suppression(scope, text(who), value) for who, value in pairs]

    return command("HSCAN", suppressed(scope, shard), cursor, "COUNT", most, parse=parse)


def _suppression(scope: str, who: str, value: bytes) -> Suppression:
    entries = _ENTRY.findall(text(value))
    sources = {Why(source) for _, source, _ in entries}
    return Suppression(
        who,
        scope,
        since=min(int(since) for since, _, _ in entries),
        why=next(why for why in Why if why in sources),
        purposes=frozenset().union(*(_purposes(letters) for _, _, letters in entries)),
    )


def purposes_in(value: str) -> Purposes:
    """Purposes that a stored suppression stops."""
    found = (_purposes(letters) for _, _, letters in _ENTRY.findall(value))
    return frozenset().union(*found)


def _purposes(letters: str) -> Purposes:
    return frozenset(BY_LETTER[letter] for letter in letters) or EVERYTHING


def _letters(purposes: Purposes) -> str:
    if purposes == EVERYTHING:
        return ""
    return "".join(purpose.letter for purpose in Purpose if purpose in purposes)


def words_of(changes: Sequence[ConsentChange]) -> Iterator[str | int]:
    """Changes as arguments of a script."""
    for who, at in changes:
        yield who
        yield "" if at is None else at
