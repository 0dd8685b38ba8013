"""The calls, without I/O: each is a generator that asks for requests and pauses, and returns its result.

`client.py` carries them out, blocking or on an event loop. A call without a trustworthy answer is
repeated after a pause, the server's `Retry-After` at least. Each is safe to repeat: messages have keys,
and a campaign that is launched again goes on where it was.
"""

import json
import os
import random
from collections.abc import Generator, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from itertools import count
from pathlib import Path
from typing import IO, Any, Final, TypeVar, cast
from urllib.parse import quote

import httpx
from pydantic import BaseModel

from sendmany_client.errors import Conflict, SendmanyError, Unavailable, error_of
from sendmany_client.models import (
    Campaign,
    Launched,
    Message,
    MessagePage,
    MessageStatus,
    MessageStatuses,
    OutcomePage,
    Result,
    Sent,
)

MOST_ITEMS: Final = 1000
"""Messages of one request; the server takes 10,000, and a small request is repeated faster."""
MOST_BYTES: Final = 8 << 20
FIRST_PAUSE_SECONDS: Final = 0.25
UPLOAD_SECONDS: Final = 3600.0
"""Seconds that the answer to an uploaded file may take: it comes when all rows are stored."""

Recipients = str | os.PathLike[str] | bytes
"""A path, or the contents of a file."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request, as often as it is sent."""

    method: str
    path: str
    params: tuple[tuple[str, str | int], ...] = ()
    content: bytes | None = None  # JSON
    file: tuple[bytes, Recipients] | None = None  # instead: a campaign and its recipients

    def build(self, http: httpx.Client | httpx.AsyncClient, stack: ExitStack) -> httpx.Request:
        """The request for one try; what it opens is closed with `stack`."""
        if self.file is None:
            headers = {"Content-Type": "application/json"} if self.content is not None else {}
            return http.build_request(
                self.method, self.path, params=self.params, content=self.content, headers=headers
            )
        form, given = self.file
        name, content = "recipients.csv", cast(IO[bytes] | bytes, given)
        if not isinstance(given, bytes):
            name = Path(given).name
            content = stack.enter_context(open(given, "rb"))  # noqa: SIM115 (the stack closes it)
        files = {
            "campaign": (None, form, "application/json"),
            "recipients": (name, content, "application/octet-stream"),
        }
        limits = {**http.timeout.as_dict(), "read": UPLOAD_SECONDS}
        return http.build_request(
            self.method, self.path, files=files, timeout=httpx.Timeout(**limits)
        )


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing is sent for so many seconds."""

    seconds: float


T = TypeVar("T")
A = TypeVar("A", bound=BaseModel)
Plan = Generator[Request | Pause, httpx.Response | httpx.TransportError | None, T]


@dataclass(frozen=True, slots=True)
class Policy:
    """How a call is repeated.

    Attributes:
        retries: after the first try.
        max_wait: the longest pause, seconds; a longer `Retry-After` ends the call.
    """

    retries: int = 5
    max_wait: float = 60.0

    def pause(self, tries: int, asked: float = 0) -> float:
        """Seconds before the next try; spread, so that many clients do not come back together."""
        usual = min(FIRST_PAUSE_SECONDS * 2.0**tries, self.max_wait)
        return max(usual, asked) * random.uniform(1, 1.25)


def _ask(policy: Policy, request: Request, of: type[A]) -> Plan[A]:
    for tries in count():
        answer = yield request
        if isinstance(answer, httpx.Response) and answer.is_success:
            return of.model_validate_json(answer.content)
        error = _error(answer)
        asked = error.retry_after or 0
        is_final = not isinstance(error, Unavailable) or tries >= policy.retries
        if is_final or asked > policy.max_wait:
            raise error
        yield Pause(policy.pause(tries, asked))
    raise AssertionError


def _error(answer: httpx.Response | httpx.TransportError | None) -> SendmanyError:
    if isinstance(answer, httpx.Response):
        return error_of(answer)
    error = Unavailable(f"The server did not answer: {type(answer).__name__}.")
    error.__cause__ = answer
    return error


def send(policy: Policy, /, message: Message) -> Plan[Sent]:
    """Store one message; it will be sent. Safe to call again with the same object."""
    return (yield from _ask(policy, Request("POST", "/v1/messages", content=message.body()), Sent))


def send_many(
    policy: Policy, /, messages: Iterable[Message], *, at_once: int = MOST_ITEMS
) -> Plan[list[Result]]:
    """Store messages; a result for each, in their order.

    A bad one does not affect the others. After an error some may be stored: call again with the same
    objects.

    Args:
        at_once: messages of one request; no more than the limit of the token, if it has one.
    """
    results: list[Result] = []
    bodies: list[bytes] = []
    size = 0
    for body in (message.body() for message in messages):
        if bodies and (len(bodies) == at_once or size + len(body) > MOST_BYTES):
            results += yield from _send_batch(policy, bodies)
            bodies, size = [], 0
        bodies.append(body)
        size += len(body)
    return results + (yield from _send_batch(policy, bodies)) if bodies else results


class _Batch(BaseModel):
    results: list[Result]


def _send_batch(policy: Policy, bodies: Sequence[bytes]) -> Plan[list[Result]]:
    """Store up to a request of messages; those of which the server is not sure are sent again."""
    results: dict[int, Result] = {}
    left = list(range(len(bodies)))
    for tries in count():
        content = b'{"messages":[%b]}' % b",".join(bodies[at] for at in left)
        request = Request("POST", "/v1/messages/batch", content=content)
        answer = yield from _ask(policy, request, _Batch)
        results.update(zip(left, answer.results, strict=True))
        left = [at for at in left if results[at].status == "unavailable"]
        if not left or tries >= policy.retries:
            break
        yield Pause(policy.pause(tries))
    return [results[at] for at in range(len(bodies))]


def status(policy: Policy, /, message_id: str) -> Plan[MessageStatus]:
    """Status of a message."""
    return (yield from _ask(policy, Request("GET", _of("messages", message_id)), MessageStatus))


def statuses(
    policy: Policy,
    /,
    ids: Iterable[str] = (),
    keys: Iterable[str] = (),
    *,
    sub_account: str | None = None,
) -> Plan[MessageStatuses]:
    """Status of messages, a thousand of a request.

    Args:
        keys: idempotency keys that messages were given today or yesterday (UTC).
        sub_account: whose keys; None: the token's only one, or the server's default.
    """
    found = MessageStatuses()
    wanted = [("ids", id) for id in ids] + [("keys", key) for key in keys]
    for first in range(0, len(wanted), MOST_ITEMS):
        body: dict[str, Any] = {} if sub_account is None else {"sub_account": sub_account}
        for kind, name in wanted[first : first + MOST_ITEMS]:
            body.setdefault(kind, []).append(name)
        request = Request("POST", "/v1/statuses", content=json.dumps(body).encode())
        page = yield from _ask(policy, request, MessageStatuses)
        found = MessageStatuses(
            items=found.items + page.items,
            unknown=found.unknown + page.unknown,
            keys=found.keys | page.keys,
            unknown_keys=found.unknown_keys + page.unknown_keys,
        )
    return found


def messages(
    policy: Policy,
    /,
    day: date,
    *,
    states: Iterable[str] = (),
    sub_account: str | None = None,
    tag: str | None = None,
    cursor: str | None = None,
    limit: int = 100,
) -> Plan[MessagePage]:
    """A page of the messages that were sent on a day (UTC), with their status.

    Args:
        states: only these, such as `failed`.
        sub_account: only of this one; None: of all that the token is for.
        tag: only those that were sent with it.
        cursor: `next` of the page before. A page may be short and not be the last.
    """
    given = {"date": day, "sub_account": sub_account, "tag": tag, "cursor": cursor}
    params = [(name, str(value)) for name, value in given.items() if value is not None]
    params += [("limit", str(limit)), *(("state", one) for one in states)]
    return (yield from _ask(policy, Request("GET", "/v1/messages", tuple(params)), MessagePage))


def cancel(policy: Policy, /, message_id: str) -> Plan[MessageStatus]:
    """Cancel a message that still waits; one that is cancelled already is left as it is.

    Raises:
        Conflict: it is being sent, or has ended.
    """
    try:
        request = Request("DELETE", _of("messages", message_id))
        return (yield from _ask(policy, request, MessageStatus))
    except Conflict:  # by an earlier try whose answer was lost?
        found = yield from status(policy, message_id)
        if found.state != "cancelled":
            raise
        return found


def launch(
    policy: Policy, /, name: str, message: dict[str, Any], recipients: Recipients, **options: Any
) -> Plan[Launched]:
    """Launch a campaign; its recipients are streamed from the file.

    Called again with the same name, message and file it goes on where it was; each person gets one.

    Args:
        message: the provider's, without `user`; `{{column}}` is filled in.
        recipients: a path, or the contents of a CSV file.
        options: other members of the form: `send_at`, `rate`, `canary`, `purpose`, `sub_account`, …
    """
    form = json.dumps({"name": name, "message": message, **options}).encode()
    request = Request("POST", "/v1/campaigns", file=(form, recipients))
    return (yield from _ask(policy, request, Launched))


def campaign(policy: Policy, /, name: str) -> Plan[Campaign]:
    """Status of a campaign, by its name or id."""
    return (yield from _ask(policy, Request("GET", _of("campaigns", name)), Campaign))


def outcomes(
    policy: Policy,
    /,
    after: str | None = None,
    *,
    limit: int = 1000,
    sub_account: str | None = None,
) -> Plan[OutcomePage]:
    """A page of changes behind a cursor: `next` of the page before; None: all that is kept.

    Raises:
        Gap: changes behind this cursor are no longer kept.
    """
    given = {"after": after, "limit": limit, "sub_account": sub_account}
    params = tuple((key, value) for key, value in given.items() if value is not None)
    return (yield from _ask(policy, Request("GET", "/v1/outcomes", params), OutcomePage))


def _of(what: str, name: str) -> str:
    return f"/v1/{what}/{quote(name, safe='')}"
