"""Scalar types shared by several kinds of message (provider docs, message model)."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    Strict,
)
from pydantic_core import CoreSchema
from pydantic_core import core_schema as schema

from chatapps.messages.base_model import RULE, Wire

MAX_TEXT: Final = 35_000  # the API's own limit; channels have smaller ones
MAX_RCS_URL: Final = 2_048  # characters of the address of a file

_WHOLE: Final = re.compile(r"-?[0-9]{1,18}")
_DECIMAL: Final = re.compile(r"-?[0-9]{1,18}\.[0-9]{1,18}")
_DATE_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})"
)


@dataclass(frozen=True)
class Says:
    """Replaces pydantic's error texts of a value with one rule of ours."""

    rule: str

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return schema.custom_error_schema(
            handler(source), custom_error_type=RULE, custom_error_message=self.rule
        )


def _whole(value: object) -> object:
    return int(value) if isinstance(value, str) and _WHOLE.fullmatch(value) else value


def _number(value: object) -> object:
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        return float(value)
    return _whole(value)


def _moment(value: object) -> object:
    if isinstance(value, str) and _DATE_TIME.fullmatch(value.upper()):
        return datetime.fromisoformat(value.upper())
    return value


def _instant(value: str) -> str:
    if not isinstance(_moment(value), datetime):
        raise ValueError("no date and time")
    return value


NonEmpty = Annotated[str, Field(min_length=1)]
LongText = Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]
Label = Annotated[str, Field(min_length=1, max_length=20)]  # of a button
CallPayload = Annotated[str, Field(min_length=1, max_length=512)]
FilledObject = Annotated[dict[str, Any], Field(min_length=1)]

# Numbers may come as text; `Strict` refuses `true`, which Python counts as a number.
WholeNumber = Annotated[int, Strict(), BeforeValidator(_whole)]
Number = Annotated[
    Annotated[int, Strict()] | Annotated[float, Strict()],
    BeforeValidator(_number),
    Says("must be a number"),
]
TtlMinutes = Annotated[WholeNumber, Field(ge=1, le=43_200)]  # a minute to 30 days
Latitude = Annotated[float, Strict(), Field(ge=-90, le=90), BeforeValidator(_number)]
Longitude = Annotated[float, Strict(), Field(ge=-180, le=180), BeforeValidator(_number)]

Moment = Annotated[
    AwareDatetime,
    Strict(),
    BeforeValidator(_moment),
    Says("must be an ISO 8601 date and time with an offset"),
]

# For calendars, which may be stricter than this check: kept as written, nanoseconds included.
Instant = Annotated[
    str,
    AfterValidator(_instant),
    Says("must be an RFC 3339 date and time with an offset"),
]

WebAddress = Annotated[
    str, Field(pattern=r"^(?i:https?)://\S+$"), Says("must be an http or https address")
]


class Location(Wire):
    """A geographic location."""

    latitude: Latitude
    longitude: Longitude
    name: str | None = None
    address: str | None = None
