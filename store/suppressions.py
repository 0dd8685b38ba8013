"""Suppressions: people who must not be written to, here or by any sub-account, for some purposes or all.

One hash a scope, person → entries. An entry says since when, by which source, and for which purposes; a
source has one at most (`store/lua/include/suppression.lua`). Measured on the embedded server with
100,000 numbers, and 1,000 recipients looked up by one script call (two busy cores; use the orders, not
the digits):

    shape                                   bytes a number   server µs a 1,000
    one hash a scope, HMGET                             54                 500
    a set, SMISMEMBER, and a hash of details            93                 520
    a sorted set, ZMSCORE                               75                 300
    hash buckets of 64 (listpacks), HEXISTS             27               4,800

Buckets are half the size and ten times as slow, in every batch that is sent; so it is the one hash.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from store.calls import Call, Store, command, script_call, text
from store.keys import lifted, suppressed, unmarketed
from store.purposes import BY_LETTER, Purpose

EVERYWHERE = "*"
"""The scope that holds for all sub-accounts."""
AT_ONCE = 2000
"""People that one call may carry."""
KEPT_MS = 7 * 86_400_000
"""So long after it a release overrules wishes from before it that are told late."""


class Why(StrEnum):
    """The source of a suppression; the value is how it is stored. What stands first is told first."""

    OPERATOR = "o"
    IMPORT = "i"
    REPLY = "r"
    RECEIPT = "b"


Purposes = frozenset[Purpose]
"""What a suppression stops."""
MARKETING: Purposes = frozenset({Purpose.MARKETING})
EVERYTHING: Purposes = frozenset(Purpose)
_ENTRY = re.compile(r"(\d+)([oirb])([mua]*)")


@dataclass(frozen=True, slots=True)
class Suppression:
    """Somebody who must not be written to."""

    who: str  # digits of an international number, or a channel's user id
    scope: str  # a sub-account, or EVERYWHERE
    since: int  # ms since 1970, of its first entry
    why: Why  # of the entry that weighs most
    purposes: Purposes = EVERYTHING

    @property
    def reason(self) -> str:
        """`operator`, `import`, `reply` or `receipt`."""
        return self.why.name.lower()

    @property
    def stopped(self) -> str:
        """The purposes in words: `all`, or `marketing,utility`."""
        if self.purposes == EVERYTHING:
            return "all"
        return ",".join(purpose for purpose in Purpose if purpose in self.purposes)


Wish = tuple[str, int | None]
"""Who, and when it was uttered in ms since 1970; None = now, by Redis' clock."""


@dataclass(frozen=True, slots=True)
class Suppressed:
    """What became of wishes to be left alone."""

    new: int = 0  # people who get less than before
    known: int = 0
    overtaken: int = 0  # released since they were uttered


@dataclass(frozen=True, slots=True)
class Released:
    """What became of releases."""

    released: int = 0
    none: int = 0  # were not suppressed
    kept: int = 0  # by an operator, or by a later wish


def suppress(
    scope: str,
    wishes: Sequence[Wish],
    why: Why,
    purposes: Purposes = EVERYTHING,
    everything_for: Collection[str] = (),
) -> Call[Suppressed]:
    """Suppress at most `AT_ONCE` people. Repeating it changes nothing.

    Args:
        everything_for: people for whom it stops all purposes, whatever `purposes` says.
    """
    all_ = _letters(purposes)
    words = [
        word
        for who, at in wishes
        for word in (who, "" if at is None else at, "" if who in everything_for else all_)
    ]
    return script_call(
        "suppress", (suppressed(scope), lifted(scope)), (why, *words),
        lambda reply: Suppressed(*map(int, reply)),
    )  # fmt: skip


def find_unmarketed(sub_account: str, people: Sequence[str]) -> Call[set[str]]:
    """Those of at most `AT_ONCE` people whose last message from a sub-account was not marketing, as far
    as it is remembered: for 7 to 14 days. A STOP of theirs means everything."""
    return script_call(
        "find_unmarketed", unmarketed(sub_account), people,
        lambda reply: {people[place] for place in reply},
    )  # fmt: skip


def release(scope: str, wishes: Sequence[Wish], *, replied: bool = False) -> Call[Released]:
    """Let at most `AT_ONCE` people be written to again. Repeating it changes nothing.

    Args:
        replied: they said so themselves, which takes back what they said, and not an operator's word.
    """
    by = Why.REPLY if replied else Why.OPERATOR
    return script_call(
        "unsuppress", (suppressed(scope), lifted(scope)), (KEPT_MS, by, *_words(wishes)),
        lambda reply: Released(*map(int, reply)),
    )  # fmt: skip


def read_suppression(scope: str, who: str) -> Call[Suppression | None]:
    """Whether somebody is suppressed in this scope."""
    return command(
        "HGET", suppressed(scope), who,
        parse=lambda reply: None if reply is None else _suppression(scope, who, reply),
    )  # fmt: skip


def count_suppressions(scope: str) -> Call[int]:
    """How many are suppressed in this scope."""
    return command("HLEN", suppressed(scope), parse=int)


def all_suppressions(store: Store, scope: str) -> Iterator[Suppression]:
    """Everybody who is suppressed in this scope, in no order; who comes meanwhile may be missing."""
    cursor, seen = 0, set[str]()
    while True:
        cursor, pairs = store.run(_some(scope, cursor))
        for who, value in pairs:
            if who not in seen:  # a hash that changes its size is told in part twice
                seen.add(who)
                yield _suppression(scope, who, value)
        if not cursor:
            return


def _some(scope: str, cursor: int) -> Call[tuple[int, list[tuple[str, bytes]]]]:
    def parse(reply: Any) -> tuple[int, list[tuple[str, bytes]]]:
        next_, found = reply
        pairs = (
            found.items() if isinstance(found, dict) else zip(found[::2], found[1::2], strict=True)
        )
        return int(next_), [(text(who), value) for who, value in pairs]

    return command("HSCAN", suppressed(scope), cursor, "COUNT", 1000, parse=parse)


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


def _purposes(letters: str) -> Purposes:
    return frozenset(BY_LETTER[letter] for letter in letters) or EVERYTHING


def _letters(purposes: Purposes) -> str:
    if purposes == EVERYTHING:
        return ""
    return "".join(purpose.letter for purpose in Purpose if purpose in purposes)


def _words(wishes: Sequence[Wish]) -> Iterator[str | int]:
    for who, at in wishes:
        yield who
        yield "" if at is None else at
