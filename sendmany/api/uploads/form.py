"""The two parts of an uploaded campaign: its description, and its recipients."""

import json
from collections.abc import AsyncIterator
from functools import cache
from typing import Annotated, Any, Final, TypeVar, cast

from fastapi import Query
from pydantic import Field

from chatapps.messages import MessageError
from chatapps.messages.json_parser import parse_object
from chatapps.messages.problems import Problem
from producer.campaigns.form import CampaignForm
from producer.campaigns.trial import MOST_NUMBERS
from sendmany.api.uploads.multipart import FormError, PartBegins, PartEnds, PartEvent

MOST_FORM_BYTES: Final = 256 * 1024
Column = Annotated[str | None, Query(min_length=1, max_length=1000)]
CSV_BODY: Final[dict[str, Any]] = {
    "required": True,
    "content": {"text/csv": {"schema": {"type": "string", "format": "binary"}}},
}
To = Annotated[
    list[Annotated[str, Field(max_length=200)]],
    Field(min_length=1, max_length=MOST_NUMBERS, description="Numbers with `+`, or user ids."),
]
Row = Annotated[
    int | None, Field(ge=2, description="Line of the file. Default: the first valid row.")
]


class TestForm(CampaignForm):
    """The part `campaign` of a test."""

    __test__ = False  # nothing of pytest's

    to: To
    row: Row = None


F = TypeVar("F", bound=CampaignForm)


@cache
def form_schema(form: type[CampaignForm]) -> dict[str, Any]:
    """The JSON schema of the part `campaign`, self-contained, since it is nested in another document."""
    schema = form.model_json_schema()
    parts = schema.pop("$defs", {})

    def whole(value: Any) -> Any:
        if isinstance(value, dict) and "$ref" in value:
            rest = {key: other for key, other in value.items() if key != "$ref"}
            return whole(parts[value["$ref"].rsplit("/", 1)[1]] | rest)
        if isinstance(value, dict):
            return {key: whole(other) for key, other in value.items()}
        return [whole(other) for other in value] if isinstance(value, list) else value

    return cast(dict[str, Any], whole(schema))


def parse_campaign(raw: bytes, of: type[F]) -> F:
    """Parse the part `campaign`.

    Raises:
        MessageError: it is no JSON object.
        pydantic.ValidationError: it is invalid.
    """
    form = parse_object(raw)
    try:
        json.dumps(form, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise MessageError(Problem("", "half of a surrogate pair is no text")) from error
    return of.model_validate(form)


async def read_campaign(events: AsyncIterator[PartEvent]) -> bytes:
    """The bytes of the first part; stops at the start of the second one.

    Raises:
        FormError: wrong parts, or the first one is too large.
    """
    await _expect(events, "campaign")
    form = bytearray()
    async for event in events:
        if isinstance(event, PartEnds):
            break
        assert isinstance(event, bytes)
        form += event
        if len(form) > MOST_FORM_BYTES:
            raise FormError("the part campaign is larger than 256 KiB")
    await _expect(events, "recipients")
    return bytes(form)


async def _expect(events: AsyncIterator[PartEvent], name: str) -> None:
    event = await anext(events, None)
    if event != PartBegins(name):
        raise FormError("the form has two parts in this order: campaign, then recipients")


async def read_recipients(events: AsyncIterator[PartEvent]) -> AsyncIterator[bytes]:
    """The bytes of the second part, up to the end of the whole body.

    Raises:
        FormError: the body is incomplete, or has more parts.
    """
    async for event in events:
        if isinstance(event, PartEnds):
            break
        assert isinstance(event, bytes)
        yield event
    if await anext(events, None) is not None:
        raise FormError("the form has more parts than campaign and recipients")
