"""Subscriptions: what an endpoint wants, and how far it is in the outcome stream.

A subscription is a reader of the stream with its position in Redis; a worker with its lease sends. What
an endpoint does not take in three days is a dead letter: the range of positions, while the stream keeps
the changes themselves. The secret that signs is derived from the secret of the settings, so it is not
in Redis.
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Final

from config.sections import SettingsError
from config.settings import Settings
from store.access.audit import entry
from store.client import Call, Store, command, first, script_call, text
from store.errors import StoreRefused
from store.keys import SUBSCRIPTIONS, subscription
from store.outcomes.stream import (
    STATUS_EVENTS,
    Position,
    Read,
    end_of_stream,
    read_stream,
    want_outcomes,
)
from store.people.events import OPT_OUT, REPLY
from store.states import RECORD_STATES, State
from store.templates import CHANGED

MOST_SUBSCRIPTIONS: Final = 20
"""Of a sub-account."""
MOST_DEAD: Final = 1000
ROTATED_SECONDS: Final = 86_400
"""Seconds after a rotation for which the old secret signs, too."""
TYPES: Final = (
    *sorted({f"message.{row.state}" for row in RECORD_STATES if row.counted}),
    f"message.{State.QUEUED}",
    *sorted(set(STATUS_EVENTS.values())),
    OPT_OUT,
    REPLY,
    CHANGED,
)
WILDCARDS: Final = ("message.*", "campaign.*")


class Format(StrEnum):
    """The form of what an endpoint is sent."""

    STANDARD = "standard"  # Standard Webhooks: signed JSON
    SLACK = "slack"  # a text for people, unsigned, as incoming webhooks of chat tools take it


@dataclass(frozen=True, slots=True)
class Subscription:
    """An endpoint, and the events it wants."""

    id: str
    url: str
    types: tuple[str, ...]
    sub_account: str
    with_numbers: bool
    made_at: int  # s since 1970
    check: str  # digest of its secret
    generation: int = 1  # of its secret
    rotated_at: int = 0  # s since 1970
    disabled: str = ""  # why nothing is sent; empty: it is active
    format: Format = Format.STANDARD

    def wants(self, type_: str) -> bool:
        """True for an event of this type."""
        return type_ in self.types or f"{type_.partition('.')[0]}.*" in self.types

    def dump(self) -> str:
        """As it is stored."""
        return json.dumps(asdict(self), sort_keys=True)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a subscription is."""

    cursor: str = ""
    answer: str = ""  # the endpoint's last answer, in words
    failures: int = 0  # in a row
    failing_since: int = 0  # ms since 1970; 0: it works
    due: int = 0  # ms since 1970 of the next try
    answered_at: int = 0  # ms
    events: int = 0  # taken so far
    dead: int = 0  # batches that were given up


@dataclass(frozen=True, slots=True)
class Taken:
    """A subscription with its lease."""

    subscription: Subscription
    now_ms: int
    position: Position
    failures: int
    failing_since: int  # ms; 0: it works
    well_at: int  # ms of the last success, or of its beginning


def secret_of(key: bytes, id: str, generation: int) -> bytes:
    """The secret that signs for a subscription."""
    return hmac.digest(key, f"subscription {id} {generation}".encode(), hashlib.sha256)


def secret_text(secret: bytes) -> str:
    """The secret as its owner gets it."""
    return f"whsec_{base64.b64encode(secret).decode()}"


def secrets_of(key: bytes, one: Subscription, now: int) -> list[bytes]:
    """The secrets that sign now, the newest first; empty if the secret of the settings has changed."""
    newest = secret_of(key, one.id, one.generation)
    if _check(newest) != one.check:
        return []
    is_recent = now < one.rotated_at + ROTATED_SECONDS
    return [newest, secret_of(key, one.id, one.generation - 1)] if is_recent else [newest]


def sign(signers: list[bytes], id: str, timestamp: int, body: bytes) -> str:
    """The header `webhook-signature` of Standard Webhooks."""
    content = b"%b.%d.%b" % (id.encode(), timestamp, body)
    macs = (hmac.digest(secret, content, hashlib.sha256) for secret in signers)
    return " ".join(f"v1,{base64.b64encode(mac).decode()}" for mac in macs)


def check_types(
    types: Sequence[str], format: Format = Format.STANDARD, *, with_numbers: bool = False
) -> tuple[str, ...]:
    """Types of events without repetitions; raises ValueError with the known ones, or if they do not fit
    the format."""
    known = (*WILDCARDS, *TYPES)
    unknown = [one for one in types if one not in known]
    if unknown or not types:
        which = f'"{unknown[0]}" is no type of event' if unknown else "no type of event is named"
        raise ValueError(f"{which}: there are {', '.join(known)}")
    bad = [one for one in types if not one.startswith("campaign.")]
    if format is Format.SLACK and bad:
        raise ValueError(
            f'"{bad[0]}" does not go with the format slack: take campaign.* types only'
        )
    if format is Format.SLACK and with_numbers:
        raise ValueError("numbers of people do not go with the format slack: leave them out")
    return tuple(dict.fromkeys(types))


def key_of(settings: Settings) -> bytes:
    """The secret of the settings, which the secrets of subscriptions are derived from.

    Raises:
        SettingsError: there is none.
    """
    key = settings.secret_key()
    if key is None:
        raise SettingsError(
            "Subscriptions are signed with secrets that are not in Redis: set SENDMANY_SECRET, or "
            "secret_file, for all processes"
        )
    return key


def add_subscription(
    store: Store, key: bytes, now: int, url: str, types: tuple[str, ...], sub_account: str,
    *, with_numbers: bool, format: Format = Format.STANDARD,
) -> tuple[Subscription, str]:  # fmt: skip
    """Add a subscription to changes from now on.

    Returns:
        It, and its secret.

    Raises:
        StoreRefused: the sub-account has too many.
    """
    id = secrets.token_hex(6)
    secret = secret_of(key, id, 1)
    one = Subscription(
        id, url, types, sub_account, with_numbers, now, _check(secret), format=format
    )
    want_outcomes(store, sub_account)
    begin_at(store, id, store.run(end_of_stream(sub_account)))
    if not store.run(_keep(one.id, "", one)):
        raise StoreRefused(
            f"A sub-account has at most {MOST_SUBSCRIPTIONS} subscriptions: remove one."
        )
    store.run(entry("subscription.add", id, "", one))
    return one, secret_text(secret)


def rotate_secret(store: Store, key: bytes, now: int, one: Subscription) -> str:
    """Give a subscription a new secret; the old one signs, too, for a day."""
    secret = secret_of(key, one.id, one.generation + 1)
    new = replace(one, generation=one.generation + 1, rotated_at=now, check=_check(secret))
    _change(store, one, new, "subscription.rotate")
    return secret_text(secret)


def replay(store: Store, one: Subscription, since_ms: int) -> None:
    """Send again what came since then, as far as it is kept; a disabled subscription goes on."""
    _change(store, one, replace(one, disabled=""), "subscription.replay")
    want_outcomes(store, one.sub_account)
    begin_at(store, one.id, Position(f"{since_ms}-0"))


def remove_subscription(store: Store, one: Subscription) -> None:
    """Remove a subscription with its dead letters."""
    _change(store, one, None, "subscription.remove")


def disable(one: Subscription, why: str) -> Call[bool]:
    """Send nothing more for a subscription; False if it has changed meanwhile."""
    return _keep(one.id, one.dump(), replace(one, disabled=why))


def list_subscriptions() -> Call[list[Subscription]]:
    """All subscriptions, the oldest first."""

    def parse(reply: Any) -> list[Subscription]:
        values = reply.values() if isinstance(reply, dict) else reply[1::2]
        return sorted(map(_load, values), key=lambda one: (one.made_at, one.id))

    return command("HGETALL", SUBSCRIPTIONS, parse=parse)


def find_subscription(id: str) -> Call[Subscription | None]:
    """The subscription with this id."""
    return command("HGET", SUBSCRIPTIONS, id, parse=lambda reply: _load(reply) if reply else None)


def read_progress(id: str) -> Call[Progress]:
    """How far a subscription is."""
    progress, dead = subscription(id)
    fields = ("cursor", "answer", "failures", "failing_since", "due", "answered_at", "events")

    def count_dead(words: list[str]) -> Call[Progress]:
        cursor, answer, *numbers = words
        failures, since, due, answered_at, events = (int(word or 0) for word in numbers)
        facts = (cursor, answer, failures, since, due, answered_at, events)
        return command("LLEN", dead, parse=lambda n: Progress(*facts, int(n)))

    read = command("HMGET", progress, *fields, parse=lambda reply: [text(one) for one in reply])
    return first(read, count_dead)


def oldest_unread(one: Subscription) -> Call[int]:
    """Time of the oldest change that a subscription has not passed on, ms since 1970; 0: none."""

    def read(cursor: str) -> Call[int]:
        position = Position.parse(cursor or "0-0")

        def judge(found: Read) -> int:
            if found.gap:
                return position.order[0]
            return Position(found.entries[0].id).order[0] if found.entries else 0

        return first(read_stream(one.sub_account, position, 1), judge)

    return first(command("HGET", subscription(one.id)[0], "cursor", parse=text), read)


def read_dead(id: str, most: int = 20) -> Call[list[dict[str, Any]]]:
    """The newest dead letters of a subscription."""
    _, dead = subscription(id)
    return command(
        "LRANGE", dead, -most, -1, parse=lambda reply: [json.loads(one) for one in reply]
    )


def begin_at(store: Store, id: str, position: Position) -> None:
    """Have a subscription go on from a position, at once."""
    store.run(script_call("begin_subscription", subscription(id)[:1], (str(position),), bool))


def take_subscription(id: str, owner: str, lease_ms: int) -> Call[Taken | None]:
    """Take the lease of a subscription that is due."""

    def parse(reply: Any) -> Taken | None:
        if not reply:
            return None
        kept, now, cursor, failures, since, well_at = reply
        position = Position.parse(text(cursor))
        return Taken(_load(kept), int(now), position, int(failures), int(since), int(well_at))

    keys = (SUBSCRIPTIONS, subscription(id)[0])
    return script_call("take_subscription", keys, (id, owner, lease_ms), parse)


def note_delivery(
    id: str,
    owner: str,
    *,
    lease_ms: int = 0,
    position: Position | None = None,
    result: str = "",
    events: int = 0,
    due_ms: int = 0,
    answer: str = "",
    dead: dict[str, Any] | None = None,
) -> Call[bool]:
    """Note how far a subscription is; False if this process has not its lease any more.

    Args:
        result: ok, failed, dead (given up), or empty: nothing was sent.
    """
    letter = json.dumps(dead) if dead else ""
    place = "" if position is None else str(position)
    words = (owner, lease_ms, place, result, events, due_ms, answer, letter, MOST_DEAD)
    return script_call("note_delivery", subscription(id), words, bool)


def _change(store: Store, old: Subscription, new: Subscription | None, act: str) -> None:
    if not store.run(_keep(old.id, old.dump(), new)):
        raise StoreRefused("The subscription has just been changed: look at it again.")
    store.run(entry(act, old.id, old, new or ""))


def _keep(id: str, old: str, new: Subscription | None) -> Call[bool]:
    words = (id, old, new.dump() if new else "", new.sub_account if new else "", MOST_SUBSCRIPTIONS)
    keys = (SUBSCRIPTIONS, *subscription(id))
    return script_call("keep_subscription", keys, words, lambda reply: text(reply) == "ok")


def _load(kept: Any) -> Subscription:
    values = json.loads(kept)
    form = Format(values.get("format", Format.STANDARD))
    return Subscription(**{**values, "types": tuple(values["types"]), "format": form})


def _check(secret: bytes) -> str:
    return hashlib.sha256(secret).hexdigest()[:12]
