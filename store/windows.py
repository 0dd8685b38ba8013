"""Service windows: until when a person may be sent what is no template, by channel and sub-account.

A message from the person opens the window for 24 hours, or keeps it open (provider docs, WhatsApp
rules). The moment is that of the message; who is late in telling us does not make it longer. One sorted
set a sub-account and channel, person → end, so that what has closed is found without looking at the
rest; 75 bytes a person.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from store.calls import Call, command, script_call, text
from store.keys import REPLIES, suppressed, unmarketed, windows
from store.purposes import Purpose
from store.suppressions import EVERYWHERE, Wish

HOURS = 24.0
"""How long a message from the person keeps the window open."""
WHATSAPP = "whatsapp"
"""The only channel that has the rule."""
AT_ONCE = 2000
"""People that one call may carry."""
SUPPRESSED, WINDOWS, UNMARKETED = 1, 2, 4
"""Rules there may be, as bits. UNMARKETED: it is to be noted who gets marketing now."""


def open_windows(
    sub_account: str,
    people: Sequence[Wish],
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
    args: list[str | int] = [_name(sub_account, channel), int(written), int(hours * 3_600_000)]
    for who, since in people:
        args += (who, "" if since is None else since)
    return script_call("open_windows", (windows(sub_account, channel), REPLIES), args, int)


def window_end(sub_account: str, who: str, *, channel: str = WHATSAPP) -> Call[int]:
    """Until when the window of a person is open, ms since 1970 by Redis' clock; 0 = it never was, or
    closed long ago."""
    return command(
        "ZSCORE", windows(sub_account, channel), who,
        parse=lambda reply: 0 if reply is None else int(float(reply)),
    )  # fmt: skip


def last_reply(sub_account: str, *, channel: str = WHATSAPP) -> Call[int]:
    """When somebody wrote to the sub-account last, ms since 1970; 0 = nobody ever has."""
    return command(
        "HGET", REPLIES, _name(sub_account, channel), parse=lambda reply: int(reply or 0)
    )


def channels_with_windows() -> Call[list[tuple[str, str]]]:
    """Sub-accounts and channels that windows have been opened for."""
    return command(
        "HKEYS", REPLIES,
        parse=lambda reply: [_parts(text(name)) for name in reply],
    )  # fmt: skip


def forget_windows(sub_account: str, channel: str, *, most: int = 1000) -> Call[int]:
    """Forget windows that have closed, at most so many; returns how many."""
    return script_call("forget_windows", (windows(sub_account, channel),), (most,), int)


@dataclass(frozen=True, slots=True)
class Screened:
    """Who of a batch must not be written to."""

    rules: int  # bits, whether anybody in the batch is concerned or not
    suppressed: list[int]  # places among the people that were asked about
    closed: list[int]  # places of those whose window is closed


def screen_people(
    sub_account: str,
    people: Sequence[bytes],
    purposes: Sequence[Purpose],
    *,
    policy: str,
    subject: int,
) -> Call[Screened]:
    """Hold a batch of at most about 1,000 people against suppressions and windows, in one call. Notes of
    those who are not left out whether their last message is marketing.

    Args:
        people: digits or user ids; those who get what needs an open window stand first. None at all asks
            only which rules there are.
        purposes: of their messages: one for all of them, or one each.
        policy: skip, auto, or '' where no window counts.
        subject: how many get what needs an open window.
    """
    return script_call(
        "screen_people",
        (
            suppressed(EVERYWHERE), suppressed(sub_account), windows(sub_account, WHATSAPP), REPLIES,
            *unmarketed(sub_account),
        ),
        (
            policy, _name(sub_account, WHATSAPP), subject, b"\n".join([*people, b""]),
            "".join([purpose.letter for purpose in purposes]),
        ),
        _screened,
    )  # fmt: skip


def _screened(reply: Any) -> Screened:
    return Screened(int(reply[0]), list(reply[1]), list(reply[2]))


def _name(sub_account: str, channel: str) -> str:
    return f"{sub_account}:{channel}"


def _parts(name: str) -> tuple[str, str]:
    sub_account, _, channel = name.rpartition(":")
    return sub_account, channel
