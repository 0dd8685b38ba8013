"""Suppressions: people who must not be written to, for one sub-account or for all of them.

One hash a scope, number → since when and why. Measured on the embedded server with 100,000 numbers, and
1,000 recipients looked up by one script call (two busy cores; use the orders, not the digits):

    shape                                   bytes a number   server µs a 1,000
    one hash a scope, HMGET                             54                 500
    a set, SMISMEMBER, and a hash of details            93                 520
    a sorted set, ZMSCORE                               75                 300
    hash buckets of 64 (listpacks), HEXISTS             27               4,800

Buckets are half the size and ten times as slow, in every batch that is sent; so it is the one hash.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from store.calls import Call, Store, command, script_call, text
from store.keys import lifted, suppressed

EVERYWHERE = "*"
"""The scope that holds for all sub-accounts."""
AT_ONCE = 2000
"""People that one call may carry."""
KEPT_MS = 7 * 86_400_000
"""So long after it a release overrules wishes from before it that are told late."""


class Why(StrEnum):
    """Who wants it; the value is how it is stored."""

    REPLY = "r"
    OPERATOR = "o"
    IMPORT = "i"


_WORDS = {Why.REPLY: "reply", Why.OPERATOR: "operator", Why.IMPORT: "import"}


@dataclass(frozen=True, slots=True)
class Suppression:
    """Somebody who must not be written to."""

    who: str  # digits of an international number, or a channel's user id
    scope: str  # a sub-account, or EVERYWHERE
    since: int  # ms since 1970
    why: Why

    @property
    def reason(self) -> str:
        """`reply`, `operator` or `import`."""
        return _WORDS[self.why]


Wish = tuple[str, int | None]
"""Who, and when it was uttered in ms since 1970; None = now, by Redis' clock."""


@dataclass(frozen=True, slots=True)
class Suppressed:
    """What became of wishes to be left alone."""

    new: int = 0
    known: int = 0
    overtaken: int = 0  # released since they were uttered


@dataclass(frozen=True, slots=True)
class Released:
    """What became of releases."""

    released: int = 0
    none: int = 0  # were not suppressed
    kept: int = 0  # by an operator, or by a later wish


def suppress(scope: str, wishes: Sequence[Wish], why: Why) -> Call[Suppressed]:
    """Suppress at most `AT_ONCE` people. Repeating it changes nothing."""
    return script_call(
        "suppress", (suppressed(scope), lifted(scope)), (why, *_words(wishes)),
        lambda reply: Suppressed(*map(int, reply)),
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
    written = text(value)
    return Suppression(who, scope, int(written[:-1]), Why(written[-1]))


def _words(wishes: Sequence[Wish]) -> Iterator[str | int]:
    for who, at in wishes:
        yield who
        yield "" if at is None else at
