"""The two parts of an uploaded campaign: its description, and its recipients."""

import json
from collections.abc import AsyncIterator
from itertools import islice
from typing import Annotated, Any, Final, Literal, TypeVar, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from chatapps.messages import MessageError
from chatapps.messages.json_parser import parse_object
from chatapps.messages.problems import Problem
from config.sections import SubAccountId
from producer.campaigns.exclusions import MOST_EXCLUSIONS
from producer.campaigns.message_file import LONGEST_NAME, RULE, is_name
from producer.campaigns.trial import MOST_NUMBERS
from sendmany.api.uploads.multipart import FormError, PartBegins, PartEnds, PartEvent

MOST_FORM_BYTES: Final = 256 * 1024
MOST_SURPLUS: Final = 3
"""Most unknown members that are reported; all of them could take a second."""


def _printable(name: str) -> str:
    if not is_name(name):
        raise ValueError(RULE)
    return name


CampaignName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_NAME),
    AfterValidator(_printable),
]


ColumnName = Annotated[str, Field(min_length=1, max_length=1000)]


class _Exact(BaseModel):
    """A model without unknown members."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _few_unknown(cls, given: Any) -> Any:
        if not isinstance(given, dict) or len(given) <= len(cls.model_fields) + MOST_SURPLUS:
            return given
        known = {name: given[name] for name in cls.model_fields if name in given}
        return known | dict(
            islice(((k, v) for k, v in given.items() if k not in known), MOST_SURPLUS)
        )


class CampaignPolicies(_Exact):
    """Policies for messages in doubt and closed windows; defaults are the settings'."""

    hold: Annotated[
        bool,
        Field(
            description="No recipient gets two: same as on_unconfirmed and on_server_error = hold."
        ),
    ] = False
    on_unconfirmed: Literal["hold", "resend"] | None = None
    on_server_error: Literal["retry", "hold"] | None = None
    settle_after: Annotated[float, Field(ge=0, le=86400, allow_inf_nan=False)] | None = None
    window: Literal["auto", "skip", "send"] | None = None

    @model_validator(mode="after")
    def _means_one_thing(self) -> "CampaignPolicies":
        if self.hold and (self.on_unconfirmed == "resend" or self.on_server_error == "retry"):
            raise ValueError(
                "hold is on_unconfirmed = hold and on_server_error = hold: say one of both"
            )
        return self


class CampaignForm(_Exact):
    """The part `campaign`."""

    name: CampaignName
    message: Annotated[
        dict[str, Any],
        Field(description="The provider's message without `user`; {{column}} is filled in."),
    ]
    sub_account: SubAccountId | None = None
    map: Annotated[
        dict[ColumnName, ColumnName],
        Field(
            description="Which column `phone` is, or a {{name}} of the message.", max_length=1000
        ),
    ] = {}
    country_column: ColumnName | None = None
    language_column: Annotated[
        ColumnName | None, Field(description="Of the language in which the template goes out.")
    ] = None
    encoding: Annotated[
        ColumnName | None, Field(description="Of a text that is not UTF-8: windows-1252, …")
    ] = None
    sheet: Annotated[
        ColumnName | None, Field(description="Of a workbook in which several hold rows.")
    ] = None
    where: Annotated[
        list[ColumnName],
        Field(description="`COLUMN=value`: only rows with this value.", max_length=100),
    ] = []
    limit: Annotated[int, Field(ge=1, description="Only the first of these rows.")] | None = None
    default_region: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = None
    priority: Literal["urgent", "normal", "bulk"] = "bulk"
    policies: CampaignPolicies = CampaignPolicies()
    purpose: Annotated[
        Literal["marketing", "utility", "authentication"] | None,
        Field(
            description="What it is for: opt-outs are held against it. Without it the registered "
            "category of its template, else marketing. That category cannot be lowered."
        ),
    ] = None
    send_at: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=100,
            description="When it starts: RFC 3339 with an offset, or `2026-12-24 09:00 Europe/London`.",
        ),
    ] = None
    rate: Annotated[
        float, Field(ge=0, le=10_000, description="Messages/s at most; 0: as its sub-account.")
    ] = 0
    weight: Annotated[int, Field(ge=1, le=10, description="Its share beside other campaigns.")] = 1
    finish_by: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=100,
            description="When it is to be finished, as `send_at`, or `18:00 Europe/London`; not with "
            "`rate`, which follows from it.",
        ),
    ] = None
    canary: Annotated[
        str | None,
        Field(
            max_length=20,
            description="`500` or `5%`: so many of the people first; the others when these fared well.",
        ),
    ] = None
    send_while_loading: bool = False
    keep: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=1000)]],
        Field(max_length=50, description="Further columns to keep for exports and retries."),
    ] = []
    force: Annotated[bool, Field(description="Launch even if messages would be refused.")] = False
    accept_invalid: Annotated[
        bool,
        Field(
            description="Launch although more rows cannot be used than campaigns.max_invalid_share "
            "allows."
        ),
    ] = False
    exclude: Annotated[
        list[Annotated[str, Field(pattern=r"^campaign:.", max_length=200)]],
        Field(
            max_length=MOST_EXCLUSIONS,
            description="Who is left out: `campaign:NAME` (who got its message, may have, or still "
            "waits), or `campaign:NAME:all`.",
        ),
    ] = []
    plan: Annotated[
        str, Field(description="Digest of a plan: what differs from it is not launched.")
    ] = ""


class TestForm(CampaignForm):
    """The part `campaign` of a test."""

    __test__ = False  # nothing of pytest's

    to: Annotated[
        list[Annotated[str, Field(max_length=200)]],
        Field(min_length=1, max_length=MOST_NUMBERS, description="Numbers with `+`, or user ids."),
    ]
    row: Annotated[
        int | None, Field(ge=2, description="Line of the file. Default: the first valid row.")
    ] = None


F = TypeVar("F", bound=CampaignForm)


def form_schema(form: type[CampaignForm] = CampaignForm) -> dict[str, Any]:
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
