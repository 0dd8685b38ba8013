"""Maps names of countries in files to two-letter regions.

`countries.tsv` holds, for each region: two letters, three letters, and names in some twenty languages
(the names are those of libphonenumber, Apache-2.0, and a few in common use).
"""

import re
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

from chatapps.rendering.placeholders import fold_name

_CALLING_CODE: Final = re.compile(r"\(?(?:\+|00)?\s*(\d{1,3})\)?")
_PARTS: Final = re.compile(r"[(),;/:|\u2013\u2014-]| {2,}")
"""Separators of names in one cell: `United Kingdom (+44)`, `DE - Germany`."""


@lru_cache(maxsize=1024)
def region_of(text: str) -> str | None:
    """The region (two capital letters) of a cell with letters, a name or a calling code, or None.

    A shared calling code means its main country: 1 is US.
    """
    if found := _lookup(text):
        return found
    parts = {_lookup(part) for part in _PARTS.split(text) if part.strip()}
    return parts.pop() if len(parts) == 1 else None


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
