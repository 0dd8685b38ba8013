"""Service windows: the time until which a person may be sent messages other than templates, by channel
and sub-account; and people who could not be reached, likewise.

A message from the person opens the window for 24 hours, or extends it (provider docs, WhatsApp rules).
It counts from the message's own time; a late webhook does not extend it. One sorted set per sub-account,
channel and shard, person → end, so that closed windows are found without a scan; 75 bytes a person.
"""

from collections.abc import Iterable, Sequence
from itertools import compress
from typing import Any, NamedTuple

from store.client import Call, command, in_turn, script_call, text
from store.keys import (
    PEOPLE,
    PEOPLE_SHARDS,
    shard_of,
    suppressed,
    unmarketed,
    unreachable,
    windows,
)
from store.people.suppressions import (
    EVERYWHERE,
    ConsentChange,
    by_shard,
    note_people,
    suppressed_of,
    words_of,
)
from store.purposes import Purpose

HOURS = 24.0
"""Hours for which a message from the person keeps the window open."""
WHATSAPP = "whatsapp"
"""The only channel with service windows."""
AT_ONCE = 2000
"""People per call."""
SUPPRESSED, WINDOWS, UNMARKETED, SUPPRESSED_EVERYWHERE, UNREACHABLE = 1, 2, 4, 8, 16
"""Checks that may be needed, as bits. UNMARKETED: last messages are to be noted."""
UNMARKETED_MS = 15 * 86_400_000
"""A last message that was not marketing is remembered for at most 14 days."""
UNREACHABLE_MS = 90 * 86_400_000
"""People who could not be reached are remembered for at most 90 days."""
_REPLIED, _MISSED = "replied:", "unreachable:"


def open_windows(
    sub_account: str,
    people: Sequence[ConsentChange],
    *,
    written: bool,
    hours: float = HOURS,
    channel: str = WHATSAPP,
) -> Call[int]:
    """Open the window of at most `AT_ONCE` people, each from its own time.

    Args:
        written: they have written to us; from then on policy `auto` skips closed windows.

    Returns (when run):
        Number of windows opened or extended.
    """
    moments = [since for _, since in people]
    latest = None if None in moments else max(filter(None, moments), default=0)
    begin = note_people(_replied(sub_account, channel), latest if written else 0, parse=lambda _: 0)
    calls = [
        script_call(
            "open_windows",
            (windows(sub_account, channel, shard), unreachable(sub_account, shard)),
            (int(hours * 3_600_000), "", *words_of(some)),
            int,
        )
        for shard, some in by_shard(people)
    ]
    return in_turn([begin, *calls], sum)


def mark_unreachable(
    sub_account: str, people: Sequence[ConsentChange], seconds: float
) -> Call[int]:
    """Remember at most `AT_ONCE` people who could not be reached, each from its own time: they get no
    marketing until the time is over or their window opens. Those who have written since are left out.
    Returns how many marks are new or longer."""
    begin = note_people(f"{_MISSED}{sub_account}", parse=lambda _: 0)
    calls = [
        script_call(
            "open_windows",
            (unreachable(sub_account, shard), windows(sub_account, WHATSAPP, shard)),
            (int(seconds * 1000), int(HOURS * 3_600_000), *words_of(some)),
            int,
        )
        for shard, some in by_shard(people)
    ]
    return in_turn([begin, *calls], sum)


def unreachable_until(sub_account: str, who: str) -> Call[int]:
    """Until when a person counts as unreachable, ms since 1970 by Redis' clock; 0 = not."""
    return command(
        "ZSCORE", unreachable(sub_account, shard_of(who)), who,
        parse=lambda reply: 0 if reply is None else int(float(reply)),
    )  # fmt: skip


def count_unreachable(sub_account: str, now_ms: int) -> Call[int]:
    """Number of people who get no marketing, since they could not be reached."""
    keys = [unreachable(sub_account, shard) for shard in range(PEOPLE_SHARDS)]
    return in_turn([command("ZCOUNT", key, now_ms, "+inf", parse=int) for key in keys], sum)


def window_end(sub_account: str, who: str, *, channel: str = WHATSAPP) -> Call[int]:
    """End of a person's window, ms since 1970 by Redis' clock; 0 = none, or closed long ago."""
    return command(
        "ZSCORE", windows(sub_account, channel, shard_of(who)), who,
        parse=lambda reply: 0 if reply is None else int(float(reply)),
    )  # fmt: skip


def last_reply(sub_account: str, *, channel: str = WHATSAPP) -> Call[int]:
    """Time of the last message to the sub-account, ms since 1970; 0 = none."""
    return command(
        "HGET", PEOPLE, _replied(sub_account, channel), parse=lambda reply: int(reply or 0)
    )


def channels_with_windows() -> Call[list[tuple[str, str]]]:
    """Sub-accounts and channels that have windows; channel '' stands for unreachable people."""

    def parse(reply: Any) -> list[tuple[str, str]]:
        names = [text(name) for name in reply]
        missed = [(name.removeprefix(_MISSED), "") for name in names if name.startswith(_MISSED)]
        return missed + [_parts(name) for name in names if name.startswith(_REPLIED)]

    return command("HKEYS", PEOPLE, parse=parse)


def forget_windows(sub_account: str, channel: str, shard: int, *, most: int = 1000) -> Call[int]:
    """Delete closed windows of a shard, or (channel '') marks of unreachable people, at most `most`;
    returns how many."""
    key = windows(sub_account, channel, shard) if channel else unreachable(sub_account, shard)
    return script_call("forget_windows", (key,), (most,), int)


def read_rules(sub_account: str, policy: str) -> Call[int]:
    """The checks that a sub-account's recipients need at the moment, as bits.

    Args:
        policy: skip, auto, or '' when no window counts.
    """
    noted = (
        suppressed_of(sub_account), _replied(sub_account, WHATSAPP), _unmarketed(sub_account),
        suppressed_of(EVERYWHERE), f"{_MISSED}{sub_account}",
    )  # fmt: skip
    longest = (UNMARKETED_MS, UNREACHABLE_MS)
    return script_call("read_rules", (PEOPLE,), (policy, *longest, *noted), int)


class Eligible(NamedTuple):
    """People of a batch who must not be written to, as positions in it."""

    suppressed: list[int]
    closed: list[int]  # whose window is closed
    unreachable: list[int]  # who could not be reached lately, and would get marketing


def check_recipients(
    sub_account: str,
    people: Sequence[bytes],
    purposes: Sequence[Purpose],
    *,
    rules: int,
    subject: int,
) -> list[Call[Eligible]]:
    """Check a batch of at most about 1,000 people against suppressions and windows of a sub-account: one
    call per shard, to be run together. Notes for the eligible ones whether their last message is
    marketing.

    Args:
        people: digits or user ids, b"" for none; those whose message needs an open window come first.
        purposes: of their messages: one for all of them, or one each.
        rules: bits as from `read_rules`.
        subject: number of people whose message needs an open window.
    """
    bits = (int(rules & WINDOWS > 0), int(rules & UNMARKETED > 0))
    return [
        _check_eligibility(
            (suppressed(sub_account, shard), windows(sub_account, WHATSAPP, shard),
             *unmarketed(sub_account, shard), unreachable(sub_account, shard)),
            (*bits, chosen.count(1, 0, subject)), people, chosen, purposes,
            int(rules & UNREACHABLE > 0),
        )
        for shard, chosen in shards_of(people)
    ]  # fmt: skip


def find_ineligible(
    sub_account: str, people: Sequence[bytes], purposes: Sequence[Purpose], rules: int
) -> list[Call[Eligible]]:
    """Those of at most about 1,000 people who would be left out now; nothing is noted.

    Args:
        rules: bits as from `read_rules`; if windows count, all messages need an open one.
    """
    calls = screen_everywhere(people, purposes) if rules & SUPPRESSED_EVERYWHERE else []
    if not rules & (SUPPRESSED | WINDOWS | UNREACHABLE):
        return calls
    windows_count = int(rules & WINDOWS > 0)
    return calls + [
        _check_eligibility(
            (suppressed(sub_account, shard), windows(sub_account, WHATSAPP, shard),
             *unmarketed(sub_account, shard), unreachable(sub_account, shard)),
            (windows_count, "", chosen.count(1) * windows_count),
            people, chosen, purposes,
            int(rules & UNREACHABLE > 0),
        )
        for shard, chosen in shards_of(people)
    ]  # fmt: skip


def screen_everywhere(people: Sequence[bytes], purposes: Sequence[Purpose]) -> list[Call[Eligible]]:
    """The same check against suppressions of all sub-accounts only."""
    return [
        _check_eligibility((suppressed(EVERYWHERE, shard),), (0, "", 0), people, chosen, purposes)
        for shard, chosen in shards_of(people)
    ]


def note_unmarketed(sub_account: str) -> Call[None]:
    """Note that people get messages of a sub-account that are not marketing; once a day is enough."""
    return note_people(_unmarketed(sub_account), parse=lambda _: None)


def united(found: Iterable[Eligible]) -> Eligible:
    """The union of the shards' results."""
    some = list(found)
    return Eligible(
        [place for one in some for place in one.suppressed],
        [place for one in some for place in one.closed],
        [place for one in some for place in one.unreachable],
    )


_CHOOSES = [
    bytes(int(last > 0 and shard_of(bytes([last])) == shard) for last in range(256))
    for shard in range(PEOPLE_SHARDS)
]
"""For each shard: 1 for each last byte that leads to it. Byte 0 stands for no person."""


def shards_of(people: Sequence[bytes]) -> list[tuple[int, bytes]]:
    """For each shard with some of the people: 1 at each one's position. Same as `shard_of`, a thousand
    calls of which would cost a worker a tenth of its CPU time."""
    lasts = bytes([who[-1] if who else 0 for who in people])
    chosen = [(shard, lasts.translate(table)) for shard, table in enumerate(_CHOOSES)]
    return [one for one in chosen if 1 in one[1]]


def _check_eligibility(
    keys: Sequence[str],
    figures: Sequence[int | str],
    people: Sequence[bytes],
    chosen: bytes,
    purposes: Sequence[Purpose],
    unreachable_count: int = 0,
) -> Call[Eligible]:
    names = b"\n".join([*compress(people, chosen), b""])
    some = purposes if len(purposes) == 1 else compress(purposes, chosen)
    letters = "".join([purpose.letter for purpose in some])

    def parse(reply: Any) -> Eligible:
        if not any(reply):
            return Eligible([], [], [])
        places = list(compress(range(len(people)), chosen))
        return Eligible(*([places[place] for place in found] for found in reply))

    return script_call(
        "check_recipients", keys, (*figures, names, letters, unreachable_count), parse
    )


def _replied(sub_account: str, channel: str) -> str:
    return f"{_REPLIED}{sub_account}:{channel}"


def _unmarketed(sub_account: str) -> str:
    return f"unmarketed:{sub_account}"


def _parts(name: str) -> tuple[str, str]:
    sub_account, _, channel = name.removeprefix(_REPLIED).rpartition(":")
    return sub_account, channel
