"""Maps names of countries in files to two-letter regions.

`countries.tsv` holds, for each region: two letters, three letters, and names in some twenty languages
(the names are those of libphonenumber, Apache-2.0, and a few in common use).
"""

import re
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneNumber, region_code_for_number

from chatapps.rendering.placeholders import fold_name

_CALLING_CODE: Final = re.compile(r"\(?(?:\+|00)?\s*(\d{1,3})\)?")
_PARTS: Final = re.compile(r"[(),;/:|\u2013\u2014-]| {2,}")
"""Separators of names in one cell: `United Kingdom (+44)`, `DE - Germany`."""

TELLING_DIGITS: Final = 6
"""First digits that determine a number's country …"""
_TELLING: Final = {1: 4, 7: 3}
"""… and fewer for these calling codes."""
_known: Final[dict[str, str]] = {}
"""First digits → region, for calling codes of several countries: some 10,000 at most each."""


@lru_cache(maxsize=1024)
def region_of(text: str) -> str | None:
    """The region (two capital letters) of a cell with letters, a name or a calling code, or None.

    A shared calling code means its main country: 1 is US.
    """
    if found := _lookup(text):
        return found
    parts = {_lookup(part) for part in _PARTS.split(text) if part.strip()}
    return parts.pop() if len(parts) == 1 else None


def country_of_number(digits: str) -> str:
    """The region of an international number, or the main one of its calling code if the number does not
    determine it."""
    code = next(
        (n for end in (1, 2, 3) if (n := int(digits[:end])) in COUNTRY_CODE_TO_REGION_CODE), 0
    )
    regions = COUNTRY_CODE_TO_REGION_CODE.get(code, ("",))
    if len(regions) == 1:
        return regions[0]
    start = digits[: _TELLING.get(code, TELLING_DIGITS)]
    if start not in _known:
        number = PhoneNumber(code, int(digits[len(str(code)) :]))
        _known[start] = region_code_for_number(number) or regions[0]
    return _known[start]


def _lookup(text: str) -> str | None:
    code = _CALLING_CODE.fullmatch(text.strip())
    if code is not None:
        regions = COUNTRY_CODE_TO_REGION_CODE.get(int(code[1]), ("001",))
        return None if regions[0] == "001" else regions[0]
    return _names().get(fold_name(text))


@cache
def _names() -> dict[str, str]:
    regions: dict[str, str] = {}
    for line in files(__package__).joinpath("countries.tsv").read_text("utf-8").splitlines():
        region, letters, names = line.split("\t")
        for name in (region, letters, *names.split("|")):
            regions.setdefault(fold_name(name), region)
    regions.pop("", None)
    return regions
