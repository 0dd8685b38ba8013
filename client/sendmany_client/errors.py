"""Errors, one class for each decision of a caller.

    SendmanyError
    ├── Invalid        400, 422   correct the request; `problems` names each place
    ├── Unauthorized   401        the token is missing, unknown or expired
    ├── Forbidden      403        the token lacks the scope, or is not for this sub-account
    ├── NotFound       404        no such thing, or not this token's
    ├── Conflict       409        it contradicts what is there: a key used for another message, …
    ├── Gap            410        changes behind this cursor are no longer kept
    ├── TooLarge       413        send less at once
    └── Unavailable    408, 429, 5xx, no answer: stored or not; the same call again is safe

The server answers in the form of RFC 9457 (`application/problem+json`).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx
from pydantic import BaseModel, ValidationError


class Problem(BaseModel):
    """One problem of a request."""

    path: str = ""  # such as `message.content.text`; empty: the request as a whole
    message: str = ""


class SendmanyError(Exception):
    """The server refuses a request, or cannot answer it.

    Attributes:
        status: of the answer; None without one.
        detail: one sentence.
        problems: each with its place.
        retry_after: seconds that the server asks to wait; None if it does not say.
        request_id: of the answer, by which the server's log is searched; None without one.
    """

    def __init__(
        self,
        detail: str,
        *,
        status: int | None = None,
        problems: tuple[Problem, ...] = (),
        retry_after: float | None = None,
        request_id: str | None = None,
    ) -> None:
        told = "; ".join(f"{one.path}: {one.message}" for one in problems)
        super().__init__(f"{detail} ({told})" if told else detail)
        self.status = status
        self.detail = detail
        self.problems = problems
        self.retry_after = retry_after
        self.request_id = request_id


class Invalid(SendmanyError):
    """The request does not fit."""


class Unauthorized(SendmanyError):
    """The token is missing, unknown or expired."""


class Forbidden(SendmanyError):
    """The token lacks the scope, or is not for this sub-account."""


class NotFound(SendmanyError):
    """There is no such thing, or it is not for this token."""


class Conflict(SendmanyError):
    """The request contradicts what is there."""


class Gap(SendmanyError):
    """Changes behind a cursor are no longer kept."""


class TooLarge(SendmanyError):
    """The body is too large."""


class Unavailable(SendmanyError):
    """No trustworthy answer: the request has been carried out, or not."""


_BY_STATUS: Final[Mapping[int, type[SendmanyError]]] = {
    400: Invalid,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    408: Unavailable,
    409: Conflict,
    410: Gap,
    413: TooLarge,
    422: Invalid,
    429: Unavailable,
}


class _Body(BaseModel):
    detail: str
    problems: tuple[Problem, ...] = ()


def error_of(response: httpx.Response) -> SendmanyError:
    """The error that an answer tells of."""
    status = response.status_code
    kind = _BY_STATUS.get(status, Unavailable if status >= 500 else SendmanyError)
    try:
        body = _Body.model_validate_json(response.content)
    except ValidationError:  # of a proxy
        body = _Body(detail=f"The server answers {status} {response.reason_phrase}.")
    wait = _retry_after(response.headers.get("Retry-After", ""))
    return kind(
        body.detail,
        status=status,
        problems=body.problems,
        retry_after=wait,
        request_id=response.headers.get("X-Request-Id"),
    )


def _retry_after(text: str) -> float | None:
    """Seconds of the header, which is a number or a date."""
    if text.strip().isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(
        0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    )
