"""Base classes of the message model: parsing, spelling and output."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any, ClassVar, Final, Self, get_args

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError, to_json

RULE: Final = "rule"
"""Type of a validation error whose text is one of our own rules."""


class Wire(BaseModel):
    """A JSON object of the API: frozen, members in snake_case, unknown members kept as they came."""

    model_config = ConfigDict(
        frozen=True,
        extra="allow",
        alias_generator=to_camel,
        validate_by_name=True,  # for Python callers; JSON readers accept the wire names only
        allow_inf_nan=False,
        hide_input_in_errors=True,  # the input holds phone numbers
    )

    wire_names: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def __pydantic_init_subclass__(cls, **_kwargs: Any) -> None:
        cls.wire_names = {name: field.alias or name for name, field in cls.model_fields.items()}

    def emit(self) -> dict[str, Any]:
        """The JSON object in the provider's spelling; unset members and nulls are left out."""
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
    """An object whose wire names are snake_case."""

    model_config = ConfigDict(alias_generator=None)


class OfOneKind(Wire):
    """A member of a family of kinds; it refuses members that only other kinds of the family have.

    The provider marks such members as "only for type …". Members that no kind of the family knows are
    kept. The family is every class below the one that names `OfOneKind` as its base.
    """

    kind: ClassVar[str] = ""
    """The kind in words, for families without a member `type`."""

    @model_validator(mode="after")
    def _holds_no_member_of_a_relative(self) -> Self:
        extra = self.__pydantic_extra__
        if extra:
            of_relatives = _members_of_relatives(type(self))
            for name, value in extra.items():
                if name in of_relatives and value not in (None, []):
                    raise refuse(f"only for {of_relatives[name]}", name)
        return self


@cache
def _members_of_relatives(model: type[OfOneKind]) -> Mapping[str, str]:
    """The members that the family has and `model` lacks, mapped to the kinds that have them."""
    root = next(above for above in model.__mro__ if OfOneKind in above.__bases__)
    kinds: dict[str, set[str]] = {}
    for relative in _below(root):
        for name in set(relative.wire_names.values()).difference(model.wire_names.values()):
            kinds.setdefault(name, set()).add(_kind_of(relative))
    return {name: ", ".join(sorted(have)) for name, have in kinds.items()}


def _below(model: type[OfOneKind]) -> Iterator[type[OfOneKind]]:
    for heir in model.__subclasses__():
        yield heir
        yield from _below(heir)


def _kind_of(model: type[OfOneKind]) -> str:
    return model.kind or " or ".join(get_args(model.model_fields["type"].annotation))


def refuse(rule: str, *path: str | int) -> ValidationError:
    """The error of a rule that involves several members; `path` leads to the one at fault."""
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
