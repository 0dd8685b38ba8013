"""Selects the class that models an object by the member that names its kind.

The provider names kinds with a member (`type`, `subType`) and reads that name in any case. A model
declares its name as `type: Kind[Literal["text"]]`; `OneOf` turns a union of models into a choice by that
name. To add a kind, add a class to the union.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar, get_args

from pydantic import BaseModel, GetCoreSchemaHandler
from pydantic.alias_generators import to_snake
from pydantic_core import CoreSchema
from pydantic_core import core_schema as schema

from chatapps.messages.base_model import RULE

UNKNOWN_KIND: Final = "unknown_kind"
"""Type of `OneOf`'s validation error; its context holds the `key` that should name the kind."""

T = TypeVar("T")


@dataclass(frozen=True)
class AnyCase:
    """Reads the names of a Literal in any case and returns the API's spelling.

    Args:
        number: a number accepted in place of the (single) name.
    """

    number: int | None = None

    def spellings(self, names: tuple[str, ...]) -> dict[object, str]:
        known: dict[object, str] = {name.casefold(): name for name in names}
        known |= {name: name for name in names}
        return known if self.number is None else known | {self.number: names[0]}

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        names = get_args(source)
        spellings, exact = self.spellings(names), handler(source)
        tolerant = schema.no_info_before_validator_function(
            lambda value: _look_up(spellings, value) or value, exact
        )
        return schema.custom_error_schema(
            # Exact spelling first: it is checked without a call back into Python.
            schema.union_schema([exact, tolerant], mode="left_to_right"),
            custom_error_type=RULE,
            custom_error_message=f"must be {_one_of(names)}",
        )


Kind = Annotated[T, AnyCase()]


@dataclass(frozen=True)
class OneOf:
    """Selects a model of a union by the name in the member `key`.

    Args:
        key: the member that names the kind, as on the wire.
        default: the kind of an object without that member.
    """

    key: str = "type"
    default: str | None = None

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        tags: dict[object, str] = {}
        choices: dict[str, CoreSchema] = {}
        for place, member in enumerate(get_args(source)):
            tag = f"<{place}>"  # no JSON member of ours looks like this: easily told from a path
            choices[tag] = handler.generate_schema(member)
            tags |= dict.fromkeys(self._spellings(member), tag)
        return schema.tagged_union_schema(
            choices,
            self._chooser(tags),
            custom_error_type=UNKNOWN_KIND,
            custom_error_message=f"must be {_one_of(self._names(source))}",
            custom_error_context={"key": self.key},
        )

    def _chooser(self, tags: Mapping[object, str]) -> Callable[[Any], str | None]:
        key, attribute, default = self.key, to_snake(self.key), self.default
        names = {spelling: tag for spelling, tag in tags.items() if isinstance(spelling, str)}

        def choose(value: Any) -> str | None:
            try:
                return names[value[key]]  # fast path
            except (KeyError, TypeError):
                read = isinstance(value, dict)
                kind = value.get(key, default) if read else getattr(value, attribute, None)
                return _look_up(tags, kind)

        return choose

    def _spellings(self, member: Any) -> set[object]:
        found: set[object] = set()
        for model in _models(member):
            field = model.model_fields[to_snake(self.key)]
            markers = [marker for marker in field.metadata if isinstance(marker, AnyCase)]
            found |= markers[0].spellings(get_args(field.annotation)).keys()
        return found

    def _names(self, source: Any) -> list[str]:
        fields = [model.model_fields[to_snake(self.key)] for model in _models(source)]
        return list(dict.fromkeys(name for field in fields for name in get_args(field.annotation)))


def _look_up(known: Mapping[object, str], value: object) -> str | None:
    if isinstance(value, str):
        return known.get(value) or known.get(value.casefold())
    # `True` and `1.0` equal 1 in Python, but are not kinds.
    return known.get(value) if type(value) is int else None


def _one_of(names: Iterable[str]) -> str:
    """`a`, or `one of a, b`."""
    listed = ", ".join(names)
    return f"one of {listed}" if ", " in listed else listed


def _models(annotation: Any) -> tuple[type[BaseModel], ...]:
    """The classes of a union, nested unions included."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return (annotation,)
    return tuple(model for part in get_args(annotation) for model in _models(part))
