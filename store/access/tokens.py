"""API tokens: authorization of HTTP requests. Only the digest of a secret is stored.

A token reads `sm_<id>_<secret>`: the id finds the record, the secret proves it. The secret is 256 random
bits, so a plain SHA-256 of it cannot be reversed and is cheap to check.
"""

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple

from store.client import Call, Store, command, script_call, text
from store.errors import StoreRefused
from store.keys import SECRETS, TOKENS, TOKENS_USED, quota

_ID_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
_ID_LENGTH: Final = 8
_FORM: Final = re.compile(r"sm_([a-z0-9]{8})_([A-Za-z0-9_-]{43})")


class Scope(StrEnum):
    """Permissions of a token; none contains another."""

    READ = "read"  # counts, states, limits, metrics: no person
    PEOPLE = "people"  # numbers: exports, unconfirmed messages, messages by recipient
    ENQUEUE = "enqueue"  # enqueue messages
    SEND = "send"  # launch campaigns
    MANAGE = "manage"  # pause, resume, cancel; settle messages in doubt; breakers
    ADMIN = "admin"  # the audit trail, subscriptions; no route yet for tokens


_LIMIT: Final = re.compile(r"([1-9]\d{0,6})/(s|min|h|d)")
_UNIT_SECONDS: Final = {"s": 1, "min": 60, "h": 3600, "d": 86_400}


class Limit(NamedTuple):
    """Most messages that a token hands in at once, and the seconds in which these are there again."""

    messages: int
    seconds: int

    def __str__(self) -> str:
        unit = next(unit for unit, seconds in _UNIT_SECONDS.items() if seconds == self.seconds)
        return f"{self.messages}/{unit}"


def read_limit(given: str) -> Limit | None:
    """A limit such as `100/s`; None if it is malformed."""
    found = _LIMIT.fullmatch(given)
    return Limit(int(found[1]), _UNIT_SECONDS[found[2]]) if found else None


@dataclass(frozen=True, slots=True)
class Token:
    """A token without its secret."""

    id: str
    name: str
    scopes: frozenset[Scope]
    sub_accounts: frozenset[str]  # empty: all
    limit: Limit | None = None

    def may_use(self, sub_account: str) -> bool:
        """True when it is valid for this sub-account."""
        return not self.sub_accounts or sub_account in self.sub_accounts


Needs = Callable[[Scope], Callable[..., Token | Awaitable[Token]]]
"""Returns a FastAPI dependency that raises 401 or 403, else returns the caller's token."""


@dataclass(frozen=True, slots=True)
class KeptToken:
    """A token as it is stored."""

    token: Token
    digest: str  # SHA-256 of the secret, in hex
    made_at: int  # s since 1970
    expires_at: int  # s since 1970; 0: never
    used_at: int = 0  # s since 1970, to the hour; 0: never

    def proves(self, secret: str) -> bool:
        """Compare the secret, in constant time."""
        return hmac.compare_digest(self.digest, digest(secret))


def draw_token() -> tuple[str, str]:
    """A new id and a new secret."""
    id = "".join(secrets.choice(_ID_LETTERS) for _ in range(_ID_LENGTH))
    return id, secrets.token_urlsafe(32)


def token_text(id: str, secret: str) -> str:
    """The token as its owner sends it."""
    return f"sm_{id}_{secret}"


def read_token_text(given: str) -> tuple[str, str] | None:
    """Split a token into id and secret; None if it is malformed."""
    found = _FORM.fullmatch(given)
    return (found[1], found[2]) if found else None


def digest(secret: str) -> str:
    """The stored digest of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def add_token(token: Token, secret: str, *, lives: int = 0) -> Call[KeptToken]:
    """Store a token; only the digest of its secret leaves this process.

    Args:
        lives: seconds until it expires; 0 is never.
    """
    kept = json.dumps(
        {
            "name": token.name,
            "sha256": digest(secret),
            "scopes": sorted(token.scopes),
            "sub_accounts": sorted(token.sub_accounts),
            **({"limit": str(token.limit)} if token.limit else {}),
        }
    )

    def parse(reply: Any) -> KeptToken:
        found = kept_token(token.id, reply)
        if not found.proves(secret):
            raise StoreRefused("There is a token with this id: draw another.")
        return found

    return script_call("add_token", (TOKENS,), (token.id, lives, kept), parse)


def find_token(id: str) -> Call[KeptToken | None]:
    """The token with this id, if it is valid."""
    return script_call(
        "find_token",
        (TOKENS,),
        (id,),
        lambda reply: None if reply is None else kept_token(id, reply),
    )


def note_token_use(id: str) -> Call[bool]:
    """Note a use of the token, to the hour."""
    return script_call("note_token_use", (TOKENS, TOKENS_USED), (id,), bool)


class Quota(NamedTuple):
    """The messages that a limited token may hand in now."""

    taken: bool
    left: int
    more_ms: int  # until one more is left
    wait_ms: int  # until those that were not taken could be


def take_quota(token: str, limit: Limit, messages: int) -> Call[Quota]:
    """Take messages out of the quota of the token with this id, all or none."""

    def parse(reply: Any) -> Quota:
        taken, *figures = map(int, reply)
        return Quota(bool(taken), *figures)

    return script_call("take_quota", (quota(token),), (messages, *limit), parse)


def revoke_token(id: str) -> Call[bool]:
    """Delete a token; False if there was none. Processes that have cached it accept it for some
    seconds."""
    return script_call("revoke_token", (TOKENS, TOKENS_USED), (id,), bool)


def list_tokens() -> Call[list[KeptToken]]:
    """All stored tokens, expired ones too, the oldest first."""
    return script_call("list_tokens", (TOKENS, TOKENS_USED), (), _listed)


def cursor_key(store: Store) -> bytes:
    """The key that signs the cursors of lists; created once, the same for all web processes."""
    read = command("HGET", SECRETS, "cursors", parse=lambda reply: bytes(reply or b""))
    if kept := store.run(read):
        return kept
    store.run(command("HSETNX", SECRETS, "cursors", secrets.token_bytes(32), parse=bool))
    return store.run(read)


def _listed(reply: Any) -> list[KeptToken]:
    records, used = (dict(_pairs(part)) for part in reply)
    found = (kept_token(id, record, int(used.get(id, 0))) for id, record in records.items())
    return sorted(found, key=lambda kept: (kept.made_at, kept.token.id))


def _pairs(flat: list[bytes]) -> Iterable[tuple[str, str]]:
    words = [text(word) for word in flat]
    return zip(words[::2], words[1::2], strict=True)


def kept_token(id: str, record: bytes | str, used_at: int = 0) -> KeptToken:
    made, expires, kept = text(record).split(" ", 2)
    values = json.loads(kept)
    token = Token(
        id,
        values["name"],
        frozenset(map(Scope, values["scopes"])),
        frozenset(values["sub_accounts"]),
        read_limit(values.get("limit", "")),
    )
    return KeptToken(token, values["sha256"], int(made), int(expires), used_at)
