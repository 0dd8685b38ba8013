"""Extracts typed members from a JSON object and keeps the rest.

An invalid optional member stays in place and shows up among the leftovers; an invalid or missing
required one raises MessageError.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NoReturn, Self

from chatapps.messages import MessageError, Problem

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


def read_moment(text: str) -> int | None:
    """Milliseconds since 1970 of an ISO 8601 date and time; None for anything else.

    Accepts any number of fractional digits (below a millisecond they are cut off) and `Z` or an offset
    (provider docs, webhooks); without a zone it is UTC, as the docs say of all times.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return _read_otherwise(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MILLISECOND


def _read_otherwise(text: str) -> int | None:
    """Retry in capitals and without surrounding spaces, when that makes a difference."""
    plain = text.strip().upper()
    return read_moment(plain) if plain != text else None


def write_moment(milliseconds: int) -> str:
    """A moment in UTC, for people: `2027-03-01T09:00:02.400Z`."""
    moment = _EPOCH + milliseconds * _MILLISECOND
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


MAX_WORD: Final = 128
"""Most characters of an id, a name or a state; real ones have 50 at most."""

MAX_WHOLE: Final = 1 << 31

_WHOLE: Final = re.compile(r"[0-9]{1,9}")
_MAX_NUMBER: Final = 1e9
_MUST: Final = f"must be a text of 1 to {MAX_WORD} printable characters"


class Members:
    """The members of one JSON object. Each is taken at most once; the others are left over.

    Args:
        value: the object, or anything else, which counts as an object without members.
        path: where it lies, like `payload.user`.
    """

    __slots__ = ("_inner", "_left", "_path")

    def __init__(self, value: object, path: str = "") -> None:
        self._left: dict[str, Any] = dict(value) if isinstance(value, dict) else {}
        self._path = path
        self._inner: list[Self] = []

    def __contains__(self, name: str) -> bool:
        return self._left.get(name) is not None

    @property
    def is_empty(self) -> bool:
        """True when no member is left."""
        return not self._left

    def word(self, name: str) -> str | None:
        """A short text on one line, as ids and names are."""
        value = self._left.get(name)
        if isinstance(value, str) and is_word(value):
            del self._left[name]
            return value or None
        return None

    def needed_word(self, name: str) -> str:
        """A required word.

        Raises:
            MessageError: it is missing, or no short text.
        """
        value = self.word(name)
        if value is None:
            self.refuse(name, _MUST)
        return value

    def lower(self, name: str) -> str | None:
        """A word of the provider's vocabulary, in lower case."""
        value = self.word(name)
        return value.strip().lower() or None if value else None

    def needed_lower(self, name: str) -> str:
        """A required word of the provider's vocabulary, in lower case.

        Raises:
            MessageError: it is missing, or no short text.
        """
        return self.lower(name) or self.refuse(name, _MUST)

    def upper(self, name: str) -> str | None:
        """A word of Meta's vocabulary, in capitals."""
        value = self.word(name)
        return value.strip().upper() or None if value else None

    def number_or_word(self, name: str) -> str | None:
        """An id that may come as a number."""
        value = self._left.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63:
            del self._left[name]
            return str(value)
        return self.word(name)

    def text(self, name: str) -> str | None:
        """A text of any length."""
        value = self._left.get(name)
        if isinstance(value, str):
            del self._left[name]
            return value or None
        return None

    def whole(self, name: str) -> int | None:
        """A whole number of 0 or more, which may come as digits."""
        value = whole(self._left.get(name))
        if value is not None:
            del self._left[name]
        return value

    def number(self, name: str) -> float | None:
        """A number, which may come as text."""
        value = self._left.get(name)
        try:
            found = float(value) if isinstance(value, str) and len(value) < 32 else value
        except ValueError:
            return None
        if isinstance(found, bool) or not isinstance(found, (int, float)):
            return None
        if not abs(found) <= _MAX_NUMBER:  # also refuses NaN
            return None
        del self._left[name]
        return float(found)

    def flag(self, name: str) -> bool | None:
        value = self._left.get(name)
        if isinstance(value, bool):
            del self._left[name]
            return value
        return None

    def moment(self, name: str) -> int | None:
        """A date and time, in milliseconds since 1970."""
        value = self._left.get(name)
        found = read_moment(value) if isinstance(value, str) else None
        if found is not None:
            del self._left[name]
        return found

    def value(self, name: str) -> Any:
        """A member of any shape, as it came."""
        return self._left.pop(name, None)

    def inside(self, *names: str) -> Self:
        """The members of an object inside this one, by the first of `names` that exists."""
        for name in names:
            if isinstance(self._left.get(name), dict):
                return self._enter(self._left.pop(name), self._at(name))
        return self._enter({}, self._at(names[0]))

    def needed_inside(self, name: str) -> Self:
        """The members of a required object.

        Raises:
            MessageError: it is missing, or no object.
        """
        if not isinstance(self._left.get(name), dict):
            self.refuse(name, "must be an object")
        return self.inside(name)

    def each_inside(self, name: str) -> list[Self]:
        """The objects of a list inside this one; a list with any other item is left over."""
        value = self._left.get(name)
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            return []
        del self._left[name]
        return [self._enter(item, f"{self._at(name)}[{i}]") for i, item in enumerate(value)]

    def words(self, name: str) -> list[str]:
        """A list of words; a list with any other item is left over."""
        value = self._left.get(name)
        if not isinstance(value, list):
            return []
        if not all(isinstance(item, str) and is_word(item) for item in value):
            return []
        del self._left[name]
        return value

    def give_back(self, name: str, value: object) -> None:
        """Put back a member that was not understood."""
        self._left[name] = value

    def leftovers(self) -> dict[str, Any]:
        """The members that were not taken, by path; nulls are left out."""
        return dict(self._find_leftovers())

    def refuse(self, name: str, rule: str) -> NoReturn:
        """Raise the error of a member.

        Raises:
            MessageError: always.
        """
        absent = self._left.get(name) in (None, "")
        raise MessageError(Problem(self._at(name), "is required" if absent else rule))

    def _enter(self, value: dict[str, Any], path: str) -> Self:
        inner = type(self)(value, path)
        self._inner.append(inner)
        return inner

    def _at(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name

    def _find_leftovers(self) -> Iterator[tuple[str, Any]]:
        for name, value in self._left.items():
            if value is not None:
                yield self._at(name), value
        for inner in self._inner:
            yield from inner._find_leftovers()


def is_word(text: str) -> bool:
    """True for short and printable text, safe for stores and logs."""
    return len(text) <= MAX_WORD and text.isprintable()


def whole(value: object) -> int | None:
    """A whole number of 0 or more that may come as digits; None for anything else."""
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MAX_WHOLE:
        return value
    return None
