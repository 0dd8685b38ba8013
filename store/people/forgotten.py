"""What stays of people who have been forgotten: a digest, and what suppressions of theirs still hold.

The digest is keyed by the secret of the settings, which is not in Redis: without it nobody can tell by
trying all numbers who they were. It keeps them out of files that are added or retried.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from config.sections import SettingsError
from store.client import Call, best_effort, command, first, in_turn, script_call, text
from store.keys import PEOPLE, PEOPLE_SHARDS, forgotten, shard_of
from store.people.suppressions import EVERYWHERE, Purposes, note_people, purposes_in
from store.purposes import Purpose

DIGEST_BYTES = 16
NOTED = "forgotten"
_BY = "forgotten by"


def digest_of(who: str, secret: bytes) -> str:
    """What stands for a person who is forgotten."""
    return hashlib.blake2b(who.encode(), key=secret, digest_size=DIGEST_BYTES).hexdigest()


@dataclass(frozen=True, slots=True)
class Forgotten:
    """A person who has been forgotten, in one scope."""

    since: int  # ms since 1970
    stopped: Purposes  # what must not be sent to them

    def stops(self, purpose: Purpose) -> bool:
        """Whether a message of this purpose must not be sent."""
        return purpose in self.stopped


def keep_forgotten(
    digest: str, scope: str, suppression: str, *, changes: bool = False
) -> Call[bool]:
    """Keep somebody as forgotten, with the suppression as it is stored.

    Args:
        changes: of one who is kept already; an empty suppression takes it away.
    """
    shard = shard_of(digest)
    args = (digest, suppression, int(changes))
    return script_call("keep_forgotten", (forgotten(scope, shard),), args, bool)


def release_forgotten(secret: bytes | None, scope: str, people: Iterable[str]) -> list[Call[bool]]:
    """Take away what suppressions of forgotten people still hold, where they are among these. Nothing
    without a secret: then nobody has been forgotten."""
    return [
        keep_forgotten(digest_of(who, secret), scope, "", changes=True) for who in people if secret
    ]


def fingerprint(secret: bytes) -> str:
    """What tells one secret from another, and nothing of it."""
    return digest_of("", secret)[:8]


def see_that_secret(secret: bytes | None, by: str) -> bytes:
    """The secret of the settings, by which people are forgotten.

    Args:
        by: fingerprint of the secret by which others have been forgotten; empty for none.

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
    """Note that there is another one, so that all processes read them again."""
    by = best_effort("HSET", PEOPLE, _BY, fingerprint(secret), parse=int)
    return first(by, lambda _: note_people(NOTED, parse=int))


def read_noted() -> Call[tuple[int, str]]:
    """When the last one was forgotten, ms since 1970 (0 = nobody has been), and the fingerprint of the
    secret."""
    return command(
        "HMGET", PEOPLE, NOTED, _BY, parse=lambda reply: (int(reply[0] or 0), text(reply[1]))
    )


def is_forgotten(digest: str, scope: str = EVERYWHERE) -> Call[Forgotten | None]:
    """Whether somebody has been forgotten; what a scope keeps of them."""
    key = forgotten(scope, shard_of(digest))
    return command("HGET", key, digest, parse=lambda reply: _forgotten(reply) if reply else None)


def all_forgotten(scope: str) -> Call[dict[str, Forgotten]]:
    """Everybody who has been forgotten, by digest: what this scope keeps of them."""
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
