"""Answers of the sandbox: form, texts, and distortions."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from chatapps.sandbox.faults import TRANSIENT_CODE, Fault, RequestFaults
from chatapps.sandbox.wire import ErrorAnswer, MessageAnswer, Status

_TEXTS = {
    429: "Too many requests, wait as told",
    1000: "A parameter is invalid",
    1001: "There is no such account, sub-account or channel",
    1002: "The phone number is invalid",
    1200: "The API key is missing or wrong",
    1300: "There is no such thing",
    TRANSIENT_CODE: "Something went wrong inside",
    3012: "The batch holds no messages",
    3013: "The batch holds too many messages",
    3014: "clientBatchId is too long",
    4018: "There is no such export job",
    7001: "Request size must not exceed 100 MB",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer and its delivery."""

    status: int
    body: bytes
    retry_after: int | None = None
    delay: float = 0.0  # seconds to wait before answering
    cut: bool = False  # break the connection in the middle of the body


def error_answer(status: int, code: int, now: float, text: str = "") -> Answer:
    """An error of the whole request, in the provider's form. `now` in epoch seconds."""
    error = ErrorAnswer(code, text or _text(code), str(uuid.uuid4()), timestamp(now))
    return Answer(status, msgspec.json.encode(error))


def message_status(code: int, at: str) -> Status:
    """The status of one message: queued (code 0), or refused with this code."""
    return Status("rejected", at, code, _text(code)) if code else Status("queued", at)


def _text(code: int) -> str:
    return _TEXTS.get(code, f"Refused with code {code}")


def timestamp(now: float) -> str:
    """Epoch seconds in the provider's format."""
    moment = datetime.fromtimestamp(now, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def disturb(items: list[MessageAnswer], faults: RequestFaults) -> list[MessageAnswer]:
    """The items with the faults of the answer applied."""
    match faults.fault:
        case Fault.ITEM_MISSING:
            items.pop(faults.random.randrange(len(items)))
        case Fault.ITEM_DOUBLED:
            items.append(faults.random.choice(items))
        case Fault.SHUFFLED:
            faults.random.shuffle(items)
    return items
