"""The audit trail: actions of operators, kept for a year; their addresses, kept for 90 days.

Every action writes one entry, by `audited` or `entry`, where it is done. People are masked; states
before and after are kept as digests: enough to prove a value, not to reveal it.
"""

import getpass
import hashlib
import os
import socket
from collections.abc import Callable, Collection, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeVar

from store.client import Call, Store, best_effort, command, first, script_call, text
from store.keys import AUDIT, AUDIT_ADDRESSES

T = TypeVar("T")
_DAY_MS: Final = 86_400_000
KEPT_MS: Final = 366 * _DAY_MS
ADDRESSES_MS: Final = 90 * _DAY_MS
MOST_ENTRIES: Final = 1_000_000
"""Older ones are dropped even within their year."""
_AT_ONCE: Final = 500
_SHOWN: Final = 2  # characters at each end of a masked name


class Actor(NamedTuple):
    """The actor and their address."""

    who: str  # `cli:user@host`, `token:name`
    address: str = ""


ACTOR: ContextVar[Actor | None] = ContextVar("actor", default=None)
"""Set for each request with a token; None: the user of this process."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One action."""

    id: str
    at: int  # ms since 1970
    who: str
    act: str  # such as `campaign.pause`
    object: str  # target of the action; a person is masked
    before: str  # digest; empty for nothing
    after: str
    address: str  # empty: none, or older than 90 days


def entry(act: str, about: str, before: object = "", after: object = "") -> Call[str]:
    """Write an entry; returns (when run) its id."""
    who, address = ACTOR.get() or Actor(_process_owner())
    facts = (who, act, about, _digest(before), _digest(after), address)
    kept = (KEPT_MS, ADDRESSES_MS, MOST_ENTRIES)
    return script_call("write_audit", (AUDIT, AUDIT_ADDRESSES), (*kept, *facts), text)


def audited(
    call: Call[T],
    act: str,
    about: str,
    before: object = "",
    after: Callable[[T], object] = lambda answer: answer,
) -> Call[T]:
    """A call followed by its entry; `after` derives the new state from the result."""

    def then(answer: T) -> Call[T]:
        return first(entry(act, about, before, after(answer)), lambda _: answer)

    return first(call, then)


def masked(who: str) -> str:
    """A person, unrecognisable: `44…01`."""
    return f"{who[:_SHOWN]}…{who[-_SHOWN:]}" if len(who) > 3 * _SHOWN else "…"


def about_people(people: Collection[str], scope: str) -> str:
    """Description of people of a scope as the object of an action."""
    who = masked(next(iter(people))) if len(people) == 1 else f"{len(people):,} people"
    return f"{who} of {scope}"


def read_audit(
    store: Store, before: str = "", takes: Callable[[Entry], bool] = lambda _: True
) -> Iterator[Entry]:
    """Entries, newest first.

    Args:
        before: only those older than the entry of this id.
    """
    while True:
        end = f"({before}" if before else "+"
        page = store.run(_page(AUDIT, end, "-", _AT_ONCE))
        if not page:
            return
        told = store.run(_page(AUDIT_ADDRESSES, page[0][0], page[-1][0], _AT_ONCE))
        addresses = {id_: is_["address"] for id_, is_ in told}
        for id_, is_ in page:
            at = int(id_.partition("-")[0])
            one = Entry(id=id_, at=at, **is_, address=addresses.get(id_, ""))
            if takes(one):
                yield one
        before = page[-1][0]


def forget_old_entries(now_ms: int) -> list[Call[int]]:
    """Delete expired entries and addresses."""
    return [
        best_effort("XTRIM", key, "MINID", max(0, now_ms - kept), parse=int)
        for key, kept in ((AUDIT, KEPT_MS), (AUDIT_ADDRESSES, ADDRESSES_MS))
    ]


def _page(key: str, end: str, start: str, most: int) -> Call[list[tuple[str, dict[str, str]]]]:
    def parse(reply: Any) -> list[tuple[str, dict[str, str]]]:
        return [(text(id_), _fields(found)) for id_, found in reply]

    return command("XREVRANGE", key, end, start, "COUNT", most, parse=parse)


def _fields(found: Any) -> dict[str, str]:
    pairs = found.items() if isinstance(found, dict) else zip(found[::2], found[1::2], strict=True)
    return {text(name): text(value) for name, value in pairs}


def _digest(value: object) -> str:
    if value in ("", None):
        return ""
    return hashlib.blake2b(repr(value).encode(), digest_size=8).hexdigest()


def _process_owner() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = str(os.getuid())
    return f"cli:{user}@{socket.gethostname()}"
