"""Finds placeholders of a campaign's message where the provider expects a number.

Such a value is sent as a JSON number, and each row's value is checked by the rule of its member.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, cast

import msgspec
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from chatapps.messages.base_model import Wire
from chatapps.messages.problems import problems_of
from chatapps.rendering.placeholders import PLACEHOLDER, BrokenPlaceholder, find_placeholders


@dataclass(frozen=True, slots=True)
class NumberField:
    """A numeric member that a column fills."""

    path: str  # such as content.location.latitude
    column: str
    read: Callable[[str], str]
    """Turns a cell into a JSON number; raises ValueError with the rule that it breaks."""


def number_fields(model: Wire, written: Mapping[str, Any]) -> Iterator[NumberField]:
    """The members that are numbers in `model` and placeholders in `written`.

    Args:
        model: the message with sample values in place of the placeholders.

    Raises:
        BrokenPlaceholder: a placeholder is only a part of a number.
    """
    yield from _of(model, written, "")


def _of(value: Any, written: Any, path: str) -> Iterator[NumberField]:
    if isinstance(value, Wire) and isinstance(written, Mapping):
        for name, wire_name in value.wire_names.items():
            place = f"{path}.{wire_name}" if path else wire_name
            member, text = getattr(value, name), written.get(wire_name)
            if isinstance(member, int | float) and isinstance(text, str):
                yield from _number(type(value).model_fields[name], text, place)
            else:
                yield from _of(member, text, place)
    elif isinstance(value, list | tuple) and isinstance(written, list | tuple):
        for index, (member, item) in enumerate(zip(value, written, strict=False)):
            yield from _of(member, item, f"{path}[{index}]")


def _number(field: FieldInfo, text: str, path: str) -> Iterator[NumberField]:
    if not any(find_placeholders(text)):
        return
    whole = PLACEHOLDER.fullmatch(text)
    if whole is None:
        raise BrokenPlaceholder(path, "is a number: give it one column and nothing else")
    yield NumberField(path, whole[1], _reader(field))


def _reader(field: FieldInfo) -> Callable[[str], str]:
    """A reader of cells by the rule of a model's member."""
    rules = field.metadata or [None]  # `Annotated` needs one
    rule = cast(Any, Annotated[field.annotation, *rules])
    validate = TypeAdapter[Any](rule).validate_python
    decimal = field.annotation is float  # too small for thousands separators

    def read(cell: str) -> str:
        try:
            number = validate(cell.replace(",", ".") if decimal else cell)
        except ValidationError as error:
            raise ValueError(problems_of(error)[0].rule) from None
        return msgspec.json.encode(number).decode()

    return read
