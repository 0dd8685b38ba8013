"""Parses callers' input into plain JSON objects: strict JSON fast, near-JSON by a slower parser."""

import json
from collections.abc import Mapping
from typing import Any, Final, NoReturn

import msgspec

from chatapps.messages.problems import MessageError, Problem

MAX_DEPTH: Final = 64  # levels; the deepest documented message has about 20
MAX_MEMBERS: Final = 2000  # of one message; the largest documented one has about 200


def parse_object(
    raw: bytes | str | Mapping[str, Any], most_members: int | None = None
) -> dict[str, Any]:
    """Parse a JSON object of strings, finite numbers, true, false, null, lists and objects.

    Beyond JSON it accepts what the provider's own examples contain: raw control characters in strings
    and a byte order mark.

    Args:
        most_members: members of objects and items of lists, in total.

    Raises:
        MessageError: not JSON, not an object, nested deeper than `MAX_DEPTH`, or of too many members.
    """
    text = raw if isinstance(raw, (bytes, bytearray, str)) else _text_of(raw)
    try:
        value = _decode(text)
    except (ValueError, RecursionError):
        value = _decode_patiently(text)
    if _openings(text) > MAX_DEPTH and _nests_deeper_than(MAX_DEPTH, value):
        raise _fault(f"nested deeper than {MAX_DEPTH} levels")
    if not isinstance(value, dict):
        raise _fault("must be a JSON object")
    if most_members is not None and _commas(text) >= most_members:
        _refuse_crowd(most_members, value)
    return value


_decode: Final = msgspec.json.Decoder().decode


def _text_of(raw: object) -> bytes:
    if not isinstance(raw, Mapping):
        raise _fault("must be JSON text or an object")
    return _dump(dict(raw))


def _decode_patiently(raw: bytes | bytearray | str) -> Any:
    """The slow parser for near-JSON; it also produces the error's text."""
    text = raw.removeprefix("\ufeff") if isinstance(raw, str) else raw
    try:
        value = json.loads(text, strict=False, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise _fault(f"not JSON at {where}: {error.msg[:1].lower()}{error.msg[1:]}") from None
    except UnicodeDecodeError as error:
        raise _fault(f"not UTF-8 text at byte {error.start}") from None
    except RecursionError:
        raise _fault(f"nested deeper than {MAX_DEPTH} levels") from None
    except MessageError:
        raise
    except ValueError:  # Python's limit on digits
        raise _fault("holds a number of too many digits") from None
    return _decode(_dump(value))


def _dump(value: object) -> bytes:
    """Strict JSON, so that all input takes the same path from here."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:
        raise _fault("holds half a character (a lone surrogate)") from None
    except RecursionError:
        raise _fault(f"nested deeper than {MAX_DEPTH} levels") from None
    except ValueError:
        raise _fault("holds a number that is not finite or too long, or holds itself") from None
    except TypeError as error:
        raise _fault(f"not JSON: {error}") from None


def _refuse_constant(name: str) -> NoReturn:
    raise _fault(f"not JSON: {name} is not a number")


def _openings(raw: bytes | bytearray | str) -> int:
    """A cheap upper bound of the depth."""
    if isinstance(raw, str):
        return raw.count("{") + raw.count("[")
    return raw.count(b"{") + raw.count(b"[")


def _commas(raw: bytes | bytearray | str) -> int:
    """A cheap count of members, short by the first member of each container."""
    return raw.count(",") if isinstance(raw, str) else raw.count(b",")


def _refuse_crowd(most: int, value: object) -> None:
    layer, found = [value], 0
    while layer:
        layer = [inner for outer in layer for inner in _members(outer)]
        found += len(layer)
        if found > most:
            raise _fault(f"holds more than {most:,} members")


def _nests_deeper_than(levels: int, value: object) -> bool:
    layer = [value]
    for _ in range(levels + 1):
        layer = [inner for outer in layer for inner in _members(outer)]
        if not layer:
            return False
    return True


def _members(value: object) -> Any:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _fault(rule: str) -> MessageError:
    return MessageError(Problem("", rule))
