"""Service windows: until when a person may be sent what is no template, by channel and sub-account.

A message from the person opens the window for 24 hours, or keeps it open (provider docs, WhatsApp
rules). The moment is that of the message; who is late in telling us does not make it longer. One sorted
set a sub-account, channel and shard, person → end, so that what has closed is found without looking at
the rest; 75 bytes a person.
"""

from collections.abc import Iterable, Sequence
from itertools import compress
from typing import Any, NamedTuple

from store.client import Call, command, in_turn, script_call, text
from store.keys import PEOPLE, PEOPLE_SHARDS, shard_of, suppressed, unmarketed, windows
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
"""How long a message from the person keeps the window open."""
WHATSAPP = "whatsapp"
"""The only channel that has the rule."""
AT_ONCE = 2000
"""People that one call may carry."""
SUPPRESSED, WINDOWS, UNMARKETED, SUPPRESSED_EVERYWHERE = 1, 2, 4, 8
"""Rules there may be, as bits. UNMARKETED: it is to be noted who gets marketing now."""
UNMARKETED_MS = 15 * 86_400_000
"""It is remembered for at most 14 days whose last message was not marketing."""
_REPLIED = "replied:"


def open_windows(
    sub_account: str,
    people: Sequence[ConsentChange],
    *,
    written: bool,
    hours: float = HOURS,
    channel: str = WHATSAPP,
) -> Call[int]:
    """Open the window for at most `AT_ONCE` people, since the moment that stands with each.

    Args:
        written: they have written to us; from then on windows are known to be told (policy `auto`).

    Returns (when run):
        How many windows are open longer than before.
    """
    moments = [since for _, since in people]
    latest = None if None in moments else max(filter(None, moments), default=0)
    begin = note_people(_replied(sub_account, channel), latest if written else 0, parse=lambda _: 0)
    calls = [
        script_call(
            "open_windows",
            (windows(sub_account, channel, shard),),
            (int(hours * 3_600_000), *words_of(some)),
            int,
        )
        for shard, some in by_shard(people)
    ]
    return in_turn([begin, *calls], sum)


def window_end(sub_account: str, who: str, *, channel: str = WHATSAPP) -> Call[int]:
    """Until when the window of a person is open, ms since 1970 by Redis' clock; 0 = it never was, or
    closed long ago."""
    return command(
        "ZSCORE", windows(sub_account, channel, shard_of(who)), who,
        parse=lambda reply: 0 if reply is None else int(float(reply)),
    )  # fmt: skip


def last_reply(sub_account: str, *, channel: str = WHATSAPP) -> Call[int]:
    """When somebody wrote to the sub-account last, ms since 1970; 0 = nobody ever has."""
    return command(
        "HGET", PEOPLE, _replied(sub_account, channel), parse=lambda reply: int(reply or 0)
    )


def channels_with_windows() -> Call[list[tuple[str, str]]]:
    """Sub-accounts and channels that windows have been opened for."""

    def parse(reply: Any) -> list[tuple[str, str]]:
        names = [text(name) for name in reply]
        return [_parts(name) for name in names if name.startswith(_REPLIED)]

    return command("HKEYS", PEOPLE, parse=parse)


def forget_windows(sub_account: str, channel: str, shard: int, *, most: int = 1000) -> Call[int]:
    """Forget windows of a shard that have closed, at most so many; returns how many."""
    return script_call("forget_windows", (windows(sub_account, channel, shard),), (most,), int)


def read_rules(sub_account: str, policy: str) -> Call[int]:
    """Which rules there are at the moment for what a sub-account sends, as bits.

    Args:
        policy: skip, auto, or '' where no window counts.
    """
    noted = (
        suppressed_of(sub_account), _replied(sub_account, WHATSAPP), _unmarketed(sub_account),
        suppressed_of(EVERYWHERE),
    )  # fmt: skip
    return script_call("read_rules", (PEOPLE,), (policy, UNMARKETED_MS, *noted), int)


class Eligible(NamedTuple):
    """Who of a batch must not be written to, by places among the people that were asked about."""

    suppressed: list[int]
    closed: list[int]  # those whose window is closed


def check_recipients(
    sub_account: str,
    people: Sequence[bytes],
    purposes: Sequence[Purpose],
    *,
    rules: int,
    subject: int,
) -> list[Call[Eligible]]:
    """Hold a batch of at most about 1,000 people against suppressions and windows of a sub-account: one
    call a shard, to be run together. Notes of those who are not left out whether their last message is
    marketing.

    Args:
        people: digits or user ids, b"" for nobody; those who get what needs an open window stand first.
        purposes: of their messages: one for all of them, or one each.
        rules: as they are believed to be.
        subject: how many get what needs an open window.
    """
    bits = (int(rules & WINDOWS > 0), int(rules & UNMARKETED > 0))
    return [
        _check_eligibility(
            (suppressed(sub_account, shard), windows(sub_account, WHATSAPP, shard),
             *unmarketed(sub_account, shard)),
            (*bits, chosen.count(1, 0, subject)), people, chosen, purposes,
        )
        for shard, chosen in _by_shard(people)
    ]  # fmt: skip


def find_ineligible(
    sub_account: str, people: Sequence[bytes], purpose: Purpose, rules: int
) -> list[Call[Eligible]]:
    """Who of at most about 1,000 people would be left out now. Nothing is noted: it is for a plan.

    Args:
        rules: as they are believed to be; where windows count, all get what needs an open one.
    """
    calls = screen_everywhere(people, (purpose,)) if rules & SUPPRESSED_EVERYWHERE else []
    if not rules & (SUPPRESSED | WINDOWS):
        return calls
    windows_count = int(rules & WINDOWS > 0)
    return calls + [
        _check_eligibility(
            (suppressed(sub_account, shard), windows(sub_account, WHATSAPP, shard)),
            (windows_count, 0, chosen.count(1) * windows_count),
            people, chosen, (purpose,),
        )
        for shard, chosen in _by_shard(people)
    ]  # fmt: skip


def screen_everywhere(people: Sequence[bytes], purposes: Sequence[Purpose]) -> list[Call[Eligible]]:
    """The same against suppressions that hold for all sub-accounts, and nothing else."""
    return [
        _check_eligibility((suppressed(EVERYWHERE, shard),), (0, 0, 0), people, chosen, purposes)
        for shard, chosen in _by_shard(people)
    ]


def note_unmarketed(sub_account: str) -> Call[None]:
    """Note that people get messages of a sub-account that are not marketing; once a day is enough."""
    return note_people(_unmarketed(sub_account), parse=lambda _: None)


def united(found: Iterable[Eligible]) -> Eligible:
    """What the shards say of one batch."""
    some = list(found)
    return Eligible(
        [place for one in some for place in one.suppressed],
        [place for one in some for place in one.closed],
    )


_CHOOSES = [
    bytes(int(last > 0 and shard_of(bytes([last])) == shard) for last in range(256))
    for shard in range(PEOPLE_SHARDS)
]
"""For each shard: 1 where a last byte leads to it. A byte 0 stands for nobody."""


def _by_shard(people: Sequence[bytes]) -> list[tuple[int, bytes]]:
    """For each shard that has some of the people: a 1 in the place of each. As `shard_of`, of which a
    thousand calls would cost a worker a tenth of what it does for them."""
    lasts = bytes([who[-1] if who else 0 for who in people])
    chosen = [(shard, lasts.translate(table)) for shard, table in enumerate(_CHOOSES)]
    return [one for one in chosen if 1 in one[1]]


def _check_eligibility(
    keys: Sequence[str],
    figures: Sequence[int],
    people: Sequence[bytes],
    chosen: bytes,
    purposes: Sequence[Purpose],
) -> Call[Eligible]:
    names = b"\n".join([*compress(people, chosen), b""])
    some = purposes if len(purposes) == 1 else compress(purposes, chosen)
    letters = "".join([purpose.letter for purpose in some])

    def parse(reply: Any) -> Eligible:
        if not any(reply):
            return Eligible([], [])
        places = list(compress(range(len(people)), chosen))
        return Eligible(*([places[place] for place in found] for found in reply))

    return script_call("check_recipients", keys, (*figures, names, letters), parse)


def _replied(sub_account: str, channel: str) -> str:
    return f"{_REPLIED}{sub_account}:{channel}"


def _unmarketed(sub_account: str) -> str:
    return f"unmarketed:{sub_account}"


def _parts(name: str) -> tuple[str, str]:
    sub_account, _, channel = name.removeprefix(_REPLIED).rpartition(":")
    return sub_account, channel
