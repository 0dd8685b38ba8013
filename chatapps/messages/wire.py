"""What every object of the message model shares: how it is read, spelt and written back."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError, to_json

RULE: Final = "rule"
"""Type of a validation error whose message is already a rule in our own words."""


class Wire(BaseModel):
    """A JSON object of the API: frozen, members in snake_case, unknown members kept as they came."""

    model_config = ConfigDict(
        frozen=True,
        extra="allow",
        alias_generator=to_camel,
        validate_by_name=True,  # for Python callers; whatever reads JSON takes the wire names only
        allow_inf_nan=False,
        hide_input_in_errors=True,  # the input holds phone numbers
    )

    wire_names: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def __pydantic_init_subclass__(cls, **_kwargs: Any) -> None:
        cls.wire_names = {name: field.alias or name for name, field in cls.model_fields.items()}

    def emit(self) -> dict[str, Any]:
        """The JSON object in the provider's own spelling; unset members and nulls are left out."""
        names = self.wire_names
        members = {
            names[k]: _plain(value) for k, value in self.__dict__.items() if value is not None
        }
        extra = self.__pydantic_extra__
        if extra:
            members |= {k: _plain(value) for k, value in extra.items() if value is not None}
        return members

    def emit_json(self) -> bytes:
        """`emit` as compact JSON in UTF-8."""
        return to_json(self.emit())


class SnakeWire(Wire):
    """An object whose members are in snake_case on the wire as well."""

    model_config = ConfigDict(alias_generator=None)


def refuse(rule: str, *path: str | int) -> ValidationError:
    """The error of a rule that looks at several members; `path` leads to the one at fault."""
    kind = PydanticCustomError(RULE, "{rule}", {"rule": rule})
    error = InitErrorDetails(type=kind, loc=path, input=None)
    return ValidationError.from_exception_data("message", [error], hide_input=True)


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, Wire):
        return value.emit()
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value.isoformat() if isinstance(value, datetime) else value
