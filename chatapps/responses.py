"""Interprets the provider's HTTP answers: bytes in, one value of a closed set out. No transport.

    Result
    ├── Answered   a readable 2xx: one item per message (missing, doubled or reordered ones possible)
    ├── Refused    a status of 300 or more, except 408; a 5xx may have been processed nevertheless
    ├── NotSent    confirmed: the provider did not process the request
    └── NoAnswer   nothing is known: the request may or may not have been processed

One exception, which does not leave `judge_answer`:

    ValueError
    └── UnreadableAnswer   the body is no batch answer
"""

import json
import math
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Annotated, Any, TypeAlias

import msgspec

UNREADABLE_STATE = "unknown"
"""State of an item whose own state is missing or not text: it proves nothing."""

_TEXT_LIMIT = 128  # ids are UUIDs, or ours of at most 50 characters
_REFUSED_STATES = frozenset({"rejected", "failed", "undelivered", "error"})


_Id = Annotated[str, msgspec.Meta(max_length=_TEXT_LIMIT)]


class UnreadableAnswer(ValueError):
    """The body is not an answer to a batch request."""


class ItemStatus(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The `status` member of an item, without unused members."""

    state: str
    error_code: int | None = None


class AnswerItem(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """An answer's item about one message. Only `state` says whether it was accepted: a refused message
    has a `umid`, too (provider docs, send message many)."""

    status: ItemStatus
    umid: _Id | None = None
    client_message_id: _Id | None = None

    @property
    def state(self) -> str:
        """In lower case: the provider's documents vary the case."""
        return self.status.state.strip().lower()

    @property
    def error_code(self) -> int | None:
        return self.status.error_code


class BatchAnswer(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The answer to one batch request. `messages` may be incomplete and in any order."""

    accepted_count: int
    rejected_count: int
    batch_id: _Id | None = None
    messages: list[AnswerItem] = msgspec.field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """The parsed part of an error body; the text of `message` is dropped."""

    code: int | None = None
    error_id: str | None = None  # for support requests to the provider


@dataclass(frozen=True, slots=True)
class Answered:
    """The provider sent a readable answer."""

    answer: BatchAnswer


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider refused the request as a whole. With a 5xx it may have accepted it before."""

    status: int
    code: int | None = None
    error_id: str | None = None
    retry_after: float | None = None  # seconds from now, uncapped


@dataclass(frozen=True, slots=True)
class NotSent:
    """The provider did not process the request: sending it again is safe."""

    reason: str


class Silence(StrEnum):
    """The reason why there is no usable answer."""

    TIMEOUT = "timeout"
    CONNECTION = "connection"  # reset, or closed before an answer came
    TLS = "tls"  # TLS failed
    CUT_OFF = "cut_off"  # the answer was incomplete
    STATUS = "status"  # a success without a body, a 408, or a status outside the standard
    UNREADABLE = "unreadable"  # a success whose body is not the provider's
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """There is no usable answer: the request may have been processed."""

    reason: str
    why: Silence = field(default=Silence.OTHER, compare=False)
    status: int = field(default=0, compare=False)  # of HTTP; 0 = none came


Result: TypeAlias = Answered | Refused | NotSent | NoAnswer


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """An HTTP answer as far as it arrived."""

    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    flaw: str | None = None  # why the body is incomplete


@dataclass(frozen=True, slots=True)
class Received:
    """A 2xx with its whole body."""

    body: bytes


def judge_answer(raw: RawAnswer, *, now: float, max_bytes: int) -> Answered | Refused | NoAnswer:
    """Interpret a raw answer to a batch request.

    `now` in epoch seconds is used only when the answer names a date to retry at and has no `Date` of its
    own; `max_bytes` bounds a compressed body when it is unpacked.
    """
    received = judge_transfer(raw, now=now, max_bytes=max_bytes)
    if not isinstance(received, Received):
        return received
    if not received.body:
        return NoAnswer(f"HTTP {raw.status} without a body", Silence.STATUS, raw.status)
    try:
        return Answered(decode_batch_answer(received.body))
    except UnreadableAnswer as exc:
        return _unreadable(raw, exc)


def judge_transfer(raw: RawAnswer, *, now: float, max_bytes: int) -> Received | Refused | NoAnswer:
    """Interpret a raw answer of any kind; the body is not parsed."""
    if raw.status >= 300 and raw.status != 408:
        return _refused(raw, now, max_bytes)
    if not 200 <= raw.status < 300:
        return NoAnswer(f"HTTP {raw.status}", Silence.STATUS, raw.status)
    if raw.flaw is not None:
        return NoAnswer(f"HTTP {raw.status}, then {raw.flaw}", Silence.CUT_OFF, raw.status)
    try:
        return Received(_unpack(raw, max_bytes))
    except UnreadableAnswer as exc:
        return _unreadable(raw, exc)


def _unreadable(raw: RawAnswer, why: UnreadableAnswer) -> NoAnswer:
    """Such bodies are mostly HTML of a proxy or of a network that asks for a login."""
    page = raw.body.lstrip()[:1] == b"<"
    what = "a page of HTML or XML" if page else str(why)
    return NoAnswer(f"HTTP {raw.status}, unreadable: {what}", Silence.UNREADABLE, raw.status)


def _refused(raw: RawAnswer, now: float, max_bytes: int) -> Refused:
    try:
        error = decode_error_body(_unpack(raw, max_bytes))
    except UnreadableAnswer:
        error = ErrorBody()
    wait = parse_retry_after(raw.headers.get("retry-after"), _server_time(raw, now))
    return Refused(raw.status, error.code, error.error_id, wait)


def decode_batch_answer(body: bytes) -> BatchAnswer:
    """Read the answer to a batch request.

    Null means absent, unknown members are skipped, a code may be a string of digits. Missing counts are
    computed from the items. Raises `UnreadableAnswer`.
    """
    try:
        return _FAST.decode(body)
    except (ValueError, RecursionError):  # every error of msgspec is a ValueError
        return _decode_tolerantly(body)


_FAST = msgspec.json.Decoder(BatchAnswer)


def _decode_tolerantly(body: bytes) -> BatchAnswer:
    data = _json_object(body)
    entries = data.get("messages")
    items = [_item(e) for e in entries if isinstance(e, dict)] if isinstance(entries, list) else []
    accepted, rejected = _whole(data.get("acceptedCount")), _whole(data.get("rejectedCount"))
    if not items and (accepted is None or rejected is None):
        raise UnreadableAnswer("neither counts nor messages")
    refused = sum(item.state in _REFUSED_STATES for item in items)
    return BatchAnswer(
        accepted_count=len(items) - refused if accepted is None else accepted,
        rejected_count=refused if rejected is None else rejected,
        batch_id=_text(data.get("batchId")),
        messages=items,
    )


def _item(entry: dict[str, Any]) -> AnswerItem:
    status = entry.get("status")
    if not isinstance(status, dict):
        status = {}
    return AnswerItem(
        ItemStatus(_text(status.get("state")) or UNREADABLE_STATE, _whole(status.get("errorCode"))),
        _text(entry.get("umid")),
        _text(entry.get("clientMessageId")),
    )


def decode_error_body(body: bytes) -> ErrorBody:
    """Read `code` and `errorId` of an error body; unreadable members are None. Never raises."""
    try:
        data = _json_object(body)
    except UnreadableAnswer:
        return ErrorBody()
    return ErrorBody(_whole(data.get("code")), _text(data.get("errorId")))


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body, strict=False)
    except (ValueError, RecursionError) as exc:
        raise UnreadableAnswer("not JSON") from exc
    if not isinstance(data, dict):
        raise UnreadableAnswer("not a JSON object")
    return data


def _whole(value: object) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"\d{1,9}", value, re.ASCII):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _text(value: object) -> str | None:
    """A short printable string, safe for stores and logs, or None."""
    if isinstance(value, str) and 0 < len(value) <= _TEXT_LIMIT and value.isprintable():
        return value
    return None


def parse_retry_after(value: str | None, now: float) -> float | None:
    """Seconds to wait from `now` (epoch seconds), by a `Retry-After` header in seconds or as an HTTP
    date; None when absent or invalid. A past date gives 0."""
    if value is None:
        return None
    value = value.strip()
    if re.fullmatch(r"\d+(\.\d+)?(\s*,\s*\d+(\.\d+)?)*", value, re.ASCII):
        seconds = max(map(float, value.split(",")))  # several, if a proxy added its own
        return seconds if math.isfinite(seconds) else None
    moment = _parse_http_date(value)
    return None if moment is None else max(0.0, moment - now)


def _server_time(raw: RawAnswer, now: float) -> float:
    """The server's own clock when it sends one: its dates refer to that clock, not to ours."""
    told = _parse_http_date(raw.headers.get("date", ""))
    return now if told is None else told


def _parse_http_date(value: str) -> float | None:
    try:
        moment = parsedate_to_datetime(value)
        return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _unpack(raw: RawAnswer, max_bytes: int) -> bytes:
    """The body without its content encoding, bounded: a small body may unpack to gigabytes."""
    encoding = raw.headers.get("content-encoding", "").strip().lower()
    if encoding in ("", "identity"):
        return raw.body
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise UnreadableAnswer("an unknown content encoding")
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 32)  # gzip or zlib, detected by the header
    try:
        body = inflater.decompress(raw.body, max_bytes)
    except zlib.error as exc:
        raise UnreadableAnswer("broken compression") from exc
    if not inflater.eof:
        raise UnreadableAnswer("cut off or too large when unpacked")
    return body
