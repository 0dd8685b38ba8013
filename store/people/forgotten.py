"""Digests of forgotten people, with the suppressions that still hold.

The digest is keyed by the secret of the settings, which is not in Redis: without it the people cannot be
found out by trying all numbers. It keeps them out of recipient files.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from config.sections import SettingsError
from store.access.audit import about_people, audited
from store.client import Call, best_effort, command, first, in_turn, script_call, text
from store.keys import PEOPLE, PEOPLE_SHARDS, forgotten, shard_of
from store.people.suppressions import (
    EVERYWHERE,
    Purposes,
    Released,
    note_people,
    purposes_in,
    release,
)
from store.purposes import Purpose

DIGEST_BYTES = 16
NOTED = "forgotten"
_BY = "forgotten by"


def digest_of(who: str, secret: bytes) -> str:
    """The digest of a forgotten person."""
    return hashlib.blake2b(who.encode(), key=secret, digest_size=DIGEST_BYTES).hexdigest()


@dataclass(frozen=True, slots=True)
class Forgotten:
    """A forgotten person in one scope."""

    since: int  # ms since 1970
    stopped: Purposes  # purposes that must not be sent

    def stops(self, purpose: Purpose) -> bool:
        """True when a message of this purpose must not be sent."""
        return purpose in self.stopped


def keep_forgotten(
    digest: str, scope: str, suppression: str, *, changes: bool = False
) -> Call[bool]:
    """Store the digest of a person with the suppression as it is stored.

    Args:
        changes: replaces that of a stored one; an empty suppression removes it.
    """
    shard = shard_of(digest)
    args = (digest, suppression, int(changes))
    return script_call("keep_forgotten", (forgotten(scope, shard),), args, bool)


def release_forgotten(secret: bytes | None, scope: str, people: Iterable[str]) -> list[Call[bool]]:
    """Remove the suppressions of forgotten people among these. Nothing without a secret: then no person
    was forgotten."""
    return [
        keep_forgotten(digest_of(who, secret), scope, "", changes=True) for who in people if secret
    ]


def release_people(secret: bytes | None, scope: str, people: Collection[str]) -> Call[Released]:
    """Release at most `AT_ONCE` people on an operator's word, forgotten ones too."""
    released = release(scope, [(who, None) for who in people])
    noted = audited(released, "suppress.remove", about_people(people, scope))
    also = release_forgotten(secret, scope, people)
    return first(noted, lambda done: in_turn(also, lambda _: done) if also else done)


def fingerprint(secret: bytes) -> str:
    """Identifies a secret without revealing it."""
    return digest_of("", secret)[:8]


def see_that_secret(secret: bytes | None, by: str) -> bytes:
    """The secret of the settings, checked against earlier erasures.

    Args:
        by: fingerprint of the secret used before; empty for none.

    Raises:
        SettingsError: there is none, or it is another one.
    """
    if secret is None:
        raise SettingsError(
            "People are forgotten by a secret that is not in Redis: set SENDMANY_SECRET, or secret_file"
        )
    if by and fingerprint(secret) != by:
        raise SettingsError(
            "People have been forgotten by another secret than the one that is configured: use that "
            "one, or they come back with old files"
        )
    return secret


def note_forgotten(secret: bytes) -> Call[int]:
    """Announce a new digest, so that all processes reload them."""
    by = best_effort("HSET", PEOPLE, _BY, fingerprint(secret), parse=int)
    return first(by, lambda _: note_people(NOTED, parse=int))


def read_noted() -> Call[tuple[int, str]]:
    """Time of the last erasure, ms since 1970 (0 = none), and the fingerprint of the secret."""
    return command(
        "HMGET", PEOPLE, NOTED, _BY, parse=lambda reply: (int(reply[0] or 0), text(reply[1]))
    )


def is_forgotten(digest: str, scope: str = EVERYWHERE) -> Call[Forgotten | None]:
    """The entry of a forgotten person in a scope, or None."""
    key = forgotten(scope, shard_of(digest))
    return command("HGET", key, digest, parse=lambda reply: _forgotten(reply) if reply else None)


def all_forgotten(scope: str) -> Call[dict[str, Forgotten]]:
    """The entries of all forgotten people in a scope, by digest."""
    calls = [
        command("HGETALL", forgotten(scope, shard), parse=_all) for shard in range(PEOPLE_SHARDS)
    ]
    return in_turn(calls, _joined)


def _joined(found: Iterable[Mapping[str, Forgotten]]) -> dict[str, Forgotten]:
    return {digest: one for part in found for digest, one in part.items()}


def _all(reply: Any) -> dict[str, Forgotten]:
    pairs = (
        reply.items() if isinstance(reply, Mapping) else zip(reply[::2], reply[1::2], strict=True)
    )
    return {text(digest): _forgotten(value) for digest, value in pairs}


def _forgotten(value: Any) -> Forgotten:
    since, _, suppression = text(value).partition(" ")
    return Forgotten(int(since), purposes_in(suppression))
