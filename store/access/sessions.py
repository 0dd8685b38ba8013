"""Sessions of the page: a signed-in browser acts with the rights of one token.

Only the browser knows the id of a session; Redis holds its SHA-256. A session ends with its token: one
script reads both.
"""

import secrets
from typing import Any, Final, NamedTuple

from store.access.tokens import KeptToken, digest, kept_token
from store.client import Call, command, script_call, text
from store.keys import TOKENS, session, sign_in_code

SESSION_SECONDS: Final = 12 * 3600
IDLE_SECONDS: Final = 3600
"""Idle timeout of a session that may do more than read."""
CODE_SECONDS: Final = 60


class Session(NamedTuple):
    """A valid session."""

    kept: KeptToken
    ends_at: int  # s since 1970, at the latest


def draw_secret() -> str:
    """A new random id of a session, or a new code."""
    return secrets.token_urlsafe(32)


def open_session(id: str, token: str, idle_seconds: int) -> Call[None]:
    """Open a session of the token with this id."""
    argv = (token, SESSION_SECONDS * 1000, idle_seconds * 1000)
    return script_call("open_session", (session(digest(id)),), argv, lambda _: None)


def find_session(id: str, *, touch: bool) -> Call[Session | None]:
    """The session with this id.

    Args:
        touch: reset its idle time.
    """

    def parse(reply: Any) -> Session | None:
        if not reply:
            return None
        ends, token, record = reply
        return Session(kept_token(text(token), record), int(ends) // 1000)

    return script_call("find_session", (session(digest(id)), TOKENS), (int(touch),), parse)


def close_session(id: str) -> Call[bool]:
    """End a session; False if there was none."""
    return command("DEL", session(digest(id)), parse=bool)


def keep_code(code: str, token: str) -> Call[None]:
    """Let a code sign in for a token, once, within `CODE_SECONDS`."""
    key = sign_in_code(digest(code))
    return command("SET", key, token, "EX", CODE_SECONDS, parse=lambda _: None)


def take_code(code: str) -> Call[str]:
    """The id of a code's token; empty for a used or unknown code."""
    return command("GETDEL", sign_in_code(digest(code)), parse=lambda reply: text(reply or b""))
