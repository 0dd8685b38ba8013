"""Models of `/v1/messages` for the OpenAPI document."""

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from chatapps.messages.scalar_types import Moment
from producer.messages.item import LONGEST_TAG, TAG_RULE
from store.queue.enqueue import MOST_TAGS

MOST_ITEMS: Final = 10_000
LONGEST_KEY: Final = 256
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,49}")
LONGEST_LIFE: Final = 60 * 86_400  # s

_EXAMPLE: Final[dict[str, Any]] = {
    "user": {"msisdn": "+447700900123"},
    "type": "template",
    "content": {
        "template": {
            "name": "one_time_code",
            "language": "en_GB",
            "components": [{"type": "body", "parameters": [{"type": "text", "text": "402918"}]}],
        }
    },
}

PriorityName = Literal["urgent", "normal", "bulk"]
PurposeName = Literal["marketing", "utility", "authentication"]
Key = Annotated[str, Field(min_length=1, max_length=LONGEST_KEY, examples=["login-7731"])]


def path_of(steps: Iterable[str | int]) -> str:
    """Path of a problem, with `*` for names chosen by the caller, which may be anything."""
    return ".".join(
        str(step) if isinstance(step, int) or _NAME.fullmatch(step) else "*" for step in steps
    )


class MessageIn(BaseModel):
    """One message for one person."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,  # it holds phone numbers
        json_schema_extra={"examples": [{"message": _EXAMPLE, "key": "login-7731"}]},
    )

    message: Annotated[
        dict[str, Any],
        Field(
            description="The provider's message: `user`, `type`, `content` and what else its "
            "documentation names; without `clientMessageId` and `dlrCallbackUrl`, which are ours. "
            "Or in short, for a template whose only values are texts of its body: `to`, `template`, "
            "`language`, and `params`, a list of these texts. "
            "It is checked by the provider's rules before it is stored.",
            examples=[_EXAMPLE],
        ),
    ]
    key: Annotated[
        Key | None,
        Field(
            description="Idempotency key: the same key goes in once, for at least 24 hours, over "
            "priorities, within a sub-account. For a single message the header `Idempotency-Key` says "
            "the same.",
        ),
    ] = None
    priority: Annotated[
        PriorityName, Field(description="`urgent` overtakes everything, campaigns too.")
    ] = "normal"
    sub_account: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=50,
            description="Without it the only one of the token, or the configured default.",
        ),
    ] = None
    purpose: Annotated[
        PurposeName | None,
        Field(
            description="What it is for: opt-outs are held against it. Without it the registered "
            "category of its template, else `utility`. That category cannot be lowered; "
            "`authentication` needs a template that is registered as such."
        ),
    ] = None
    tag: Annotated[
        str | None,
        Field(
            description="Kind of message, to list those of a day by: "
            f"{TAG_RULE}. At most {MOST_TAGS} different ones a day, sub-account and priority.",
            json_schema_extra={"maxLength": LONGEST_TAG, "examples": ["login-code"]},
        ),
    ] = None
    expires_at: Annotated[
        Moment | None, Field(description="It does not go out any more from then on.")
    ] = None
    expires_in: Annotated[
        int | None,
        Field(strict=True, ge=1, le=LONGEST_LIFE, description="Instead: so many seconds from now."),
    ] = None
    send_at: Annotated[
        Moment | None, Field(description="It does not go out before; at most 30 days ahead.")
    ] = None


class Outcome(StrEnum):
    """Result of enqueuing a message."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    INVALID = "invalid"
    UNAVAILABLE = "unavailable"


class EnqueuedOut(BaseModel):
    """A stored message: it will be sent, and is not lost."""

    id: Annotated[str, Field(examples=["n-a773e6-u261122.0"])]
    status: Annotated[
        Outcome,
        Field(
            description="`accepted`; or `duplicate`: the key is known with the same message, `id` is "
            "that of the first."
        ),
    ]


class ItemProblem(BaseModel):
    """One problem of a message."""

    path: Annotated[str, Field(examples=["message.content.template.name"])]
    message: Annotated[str, Field(examples=["is required"])]


class ResultOut(BaseModel):
    """Result of one item of a batch."""

    status: Annotated[
        Outcome,
        Field(
            description="`accepted`, `duplicate`; `conflict`: the key was used for another message, "
            "`id` is that one, or today's notifications of its priority were cancelled, which "
            "`problems` says; `invalid`: see `problems`; `unavailable`: Redis could not take it or its "
            "answer was lost, send it again with its key."
        ),
    ]
    id: str | None = None
    problems: list[ItemProblem] = []


class BatchOut(BaseModel):
    """Result of a batch: one result per item, in order."""

    accepted: int
    duplicates: int
    conflicts: int
    invalid: int
    unavailable: int
    results: list[ResultOut]


_MESSAGE_SCHEMA: Final = MessageIn.model_json_schema()
MESSAGE_BODY: Final[dict[str, Any]] = {
    "required": True,
    "content": {"application/json": {"schema": _MESSAGE_SCHEMA}},
}
BATCH_BODY: Final[dict[str, Any]] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "additionalProperties": False,
                "required": ["messages"],
                "properties": {
                    "messages": {
                        "type": "array",
                        "minItems": 1,
                        "maxItems": MOST_ITEMS,
                        "description": "Each as the body of `POST /v1/messages`. An invalid one "
                        "is reported in its result; the others are stored.",
                        "items": {"anyOf": [_MESSAGE_SCHEMA, {}]},
                    }
                },
            },
            "example": {"messages": [{"message": _EXAMPLE, "key": "login-7731"}]},
        }
    },
}
