"""Escapes foreign texts for terminals and spreadsheets, which execute some characters."""

import re
from collections.abc import Iterable

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"\+?[0-9]+")
_QUOTED = re.compile(r'[",\r\n]')


def plain(text: str) -> str:
    """`text` with control characters as JSON escapes, such as `\\u001b`; line ends and tabs stay."""
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def csv_line(cells: Iterable[object]) -> str:
    """A line of CSV; None is an empty cell.

    A text that a spreadsheet would run as a formula gets a `'` in front; numbers of people do not. The
    `csv` module of Python 3.11 leaves a bare CR unquoted, which breaks the row in two.
    """
    return ",".join(map(_cell, cells)) + "\n"


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    if isinstance(value, str) and text.startswith(_FORMULA) and not _NUMBER.fullmatch(text):
        text = f"'{text}"
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text
