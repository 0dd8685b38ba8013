"""Normalises phone numbers in any spelling to the digits of E.164.

Numbers are never guessed: one without a country code and a country is refused, and so are dates and
amounts. Accepted numbers are valid: of a range that their country uses, or one reserved for films.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from re import Pattern

import phonenumbers
from phonenumbers import (
    COUNTRY_CODE_TO_REGION_CODE,
    NumberParseException,
    PhoneMetadata,
    PhoneNumber,
    PhoneNumberFormat,
    PhoneNumberType,
    ValidationResult,
)

from producer.errors import BadNumber

INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\U000e0000-\U000e0fff"
)
"""Invisible characters, as the inside of a regular expression's `[]`."""

_MARKS = re.compile(f"[{INVISIBLE}\x00-\x08\x0e-\x1f\x7f-\x9f]+")
_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}  # full-width forms of ASCII
_QUOTES = " \t\"'`´’‘‚‛“”„′ʼ«»"  # noqa: RUF001
_LINK = re.compile(
    r"(?i)(?:https?://)?(?:wa\.me/|(?:api|web)\.whatsapp\.com/send/?\?phone=)\+?(\d+).*"
)
_LABEL = re.compile(r"(?!(?i:fax))(?:[^\W\d_]{1,12}[ .]*){1,3}[:\uff1a][\s/]*|(?i:tel|mob|ph)\.\s*")
_INTERNATIONAL = re.compile(r"[(\[\s]*\+")
_WRITTEN = re.compile(r"[(\[\s]*\+?[\d\s()\[\].\-/_~\u00b7\u2010-\u2015\u2212]+")
_FLOAT = re.compile(r"(\+?\d{8,})[.,]0+")  # as data frames write a column of numbers
_SCIENTIFIC = re.compile(r"(\+?\d+)(?:[.,](\d*))?[eE]\+?(\d{1,2})")
_GROUPED = re.compile(r"\+?\d{1,3}(?:([.,])\d{3})(?:\1\d{3})*")  # as spreadsheets group thousands
_AMOUNT = re.compile(r"-?\d{1,3}(?:[.,' ]?\d{3})*[.,]\d{1,2}")
_DATE = re.compile(
    r"(?:(?:19|20)\d\d([./-])(?P<a>\d\d?)\1(?P<b>\d\d?)|(?P<c>\d\d?)([./-])(?P<d>\d\d?)\5(?:19|20)\d\d)"
    r"(?:[T\s,]+\d\d?(?:[:.h]?\d\d){1,2}.*)?"
)
_DATE_DIGITS = re.compile(
    r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
    r"|(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])(?:19|20)\d\d"
)
_BETWEEN_TWO = re.compile(r":::|[/;,|&\n\r]|\b(?:or|and|oder|und|ou|et|o|y|e)\b|\s(?=\+|00)")
_EXTENSION = re.compile(
    r"(?i).*\d[\s)]*(?:[;,]?\s*(?:extension|extn|ext|x|dw|durchwahl|interno|int|poste|ramal|anexo|доб)"
    r"\.?\s*[=:]?|#|[,;pw]+)\s*\d{1,6}\s*",
    re.DOTALL,
)

_NEVER = re.compile("(?!)")
_E164_START = re.compile(r"\+[0-9]{3}")
_MAIN_REGION = {str(code): regions[0] for code, regions in COUNTRY_CODE_TO_REGION_CODE.items()}
_TYPES = (
    *("mobile", "fixed_line", "voip", "toll_free", "premium_rate", "shared_cost"),
    *("personal_number", "pager", "uan", "voicemail"),
)

_FEWEST_DIGITS, _MOST_DIGITS = 8, 15
_LONGEST_CELL = 200  # most characters of a cell with a number
_MOST_LETTERS = 4  # around a number: an extension, or the E of scientific notation
_FICTION = re.compile(r"44(?:77009\d{5}|1632960\d{3})|3363998\d{4}|3532091\d{5}")
"""Numbers reserved for films in unused ranges; elsewhere such numbers are valid."""

_NO_COUNTRY = (
    "it has no country code: write it with + and the country code, or say the country of numbers "
    "without one (--region GB, or default_region)"
)
_REASONS = {
    ValidationResult.INVALID_COUNTRY_CODE: "the country code is unknown",
    ValidationResult.TOO_SHORT: "too short for its country",
    ValidationResult.TOO_LONG: "too long for its country",
    ValidationResult.INVALID_LENGTH: "no number of its country has this length",
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "the area code is missing",
}
_AS_INTERNATIONAL = "if it is a phone number, write it with + and the country code"


def normalise(text: str, region: str | None = None, *, in_use: bool = True) -> str:
    """The digits of the number in E.164, without `+`; raises BadNumber.

    Args:
        region: two capital letters; the country of a number without `+` or `00`. Without it such a
            number is refused.
        in_use: True requires a range that its country uses. False accepts any of a valid length, for
            opt-outs.
    """
    return text[1:] if PLAIN[text[:4], len(text)](text) else _read(text, region, in_use)


def mask(text: str) -> str:
    """`text` with all letters and digits masked but the first two and the last two."""
    places = [place for place, char in enumerate(text) if char.isalnum()]
    hidden = set(places[2:-2]) if len(places) > 6 else set()
    shown = "".join("*" if place in hidden else char for place, char in enumerate(text))
    return shown if len(shown) <= 24 else f"{shown[:10]}…{shown[-10:]}"


def is_region(region: str) -> bool:
    """True when numbers of `region` (two capital letters) can be parsed."""
    return region in phonenumbers.SUPPORTED_REGIONS


def tidy(text: str) -> str:
    """A cell without what programs add around numbers: marks, quotes, formulas, labels."""
    text = _MARKS.sub("", text).translate(_WIDE).strip().strip(_QUOTES).lstrip("=").strip(_QUOTES)
    if link := _LINK.fullmatch(text):
        return f"+{link[1]}"
    label = _LABEL.match(text)
    return text[label.end() :].strip(_QUOTES) if label else text


def seems_number(cell: str) -> bool:
    """True for a cell that may hold a phone number, readable or not."""
    if len(cell) > _LONGEST_CELL or sum(map(str.isdecimal, cell)) < _FEWEST_DIGITS - 1:
        return False
    return sum(map(str.isalpha, tidy(cell))) <= _MOST_LETTERS


def is_international(cell: str) -> bool:
    """True for a cell with a number that seems to have `+` and its country code."""
    return seems_number(cell) and bool(_INTERNATIONAL.match(tidy(cell)))


class _PlainNumbers(dict[tuple[str, int], Callable[[str], object]]):
    """Matchers of numbers that are E.164 already, by their first four characters and length.

    Plus and three digits determine the country code. A number that is valid for its country stays as it
    is unless it continues with a trunk prefix or carrier code of its country, which the full parser
    removes.
    """

    def __missing__(self, key: tuple[str, int]) -> Callable[[str], object]:
        start, length = key
        if not _E164_START.fullmatch(start) or not _FEWEST_DIGITS < length <= _MOST_DIGITS + 1:
            return _NEVER.fullmatch  # not cached, since such keys are unlimited
        code = next((start[1:end] for end in (2, 3, 4) if start[1:end] in _MAIN_REGION), None)
        test = _valid_pattern(code, length - 1 - len(code)).fullmatch if code else _NEVER.fullmatch
        self[key] = test
        return test


@lru_cache(maxsize=2048)
def _valid_pattern(code: str, length: int) -> Pattern[str]:
    """Matches valid numbers of `length` digits after `+` and the country code, and no others.

    Some valid ones may not match: they are left to the full parser.
    """
    stand_in = PhoneNumber(country_code=int(code), national_number=int("1" * length))
    if phonenumbers.is_possible_number_with_reason(stand_in) != ValidationResult.IS_POSSIBLE:
        return _NEVER
    valid = "(?!)"
    for region in reversed(COUNTRY_CODE_TO_REGION_CODE[int(code)]):
        metadata = PhoneMetadata.metadata_for_region_or_calling_code(int(code), region)
        if metadata is None:
            continue
        own = "|".join(_national_patterns(metadata, length)) or "(?!)"
        # the library's choice of the region: by leading digits, or the first whose numbers match
        start = metadata.leading_digits
        valid = f"(?:(?={start})(?:{own})|(?!{start}){valid})" if start else f"(?:{own}|{valid})"
    main = PhoneMetadata.metadata_for_region_or_calling_code(int(code), _MAIN_REGION[code])
    trunk = main.national_prefix_for_parsing if main else None
    # Some countries' patterns can match the empty text, which leaves a number unchanged.
    doubt = rf"(?!(?:{trunk})(?<!\A\+{code}))" if trunk else ""
    return re.compile(rf"\+{code}{doubt}{valid}", re.ASCII)


def _national_patterns(metadata: PhoneMetadata, length: int) -> list[str]:
    general = metadata.general_desc
    found: list[str] = []
    for kind in (getattr(metadata, name) for name in _TYPES):
        if kind is None or not kind.national_number_pattern or general is None:
            continue
        if length not in (kind.possible_length or general.possible_length):
            continue
        if kind.national_number_pattern not in found:
            found.append(kind.national_number_pattern)
    return found


PLAIN = _PlainNumbers()
"""`PLAIN[text[:4], len(text)](text)`: truthy if a number is E.164 already, and of a used range."""


def _read(text: str, region: str | None, in_use: bool) -> str:
    """The slow path: any spelling."""
    if len(text) > _LONGEST_CELL:
        raise BadNumber("not a phone number", mask(text))
    cell, text = text, tidy(text)
    try:
        return _read_tidy(_without_format(text), region, in_use)
    except BadNumber as bad:
        raise BadNumber(bad.reason, mask(_MARKS.sub("", cell).strip())) from bad.__cause__


def _without_format(text: str) -> str:
    """The number in a cell formatted by a spreadsheet or data frame; raises BadNumber."""
    if whole := _FLOAT.fullmatch(text):
        return whole[1]
    if scientific := _SCIENTIFIC.fullmatch(text):
        first, rest, exponent = scientific[1], scientific[2] or "", int(scientific[3])
        if len(rest) < exponent or rest[exponent:].strip("0"):
            raise BadNumber("a spreadsheet has rounded this number: format the column as text")
        return first + rest[:exponent]
    if _GROUPED.fullmatch(text):
        digits = re.sub(r"[.,]", "", text)
        if len(digits) < _FEWEST_DIGITS + 1:
            raise BadNumber(f"an amount, as it is written; {_AS_INTERNATIONAL}")
        return digits
    _refuse_others(text)
    return text


def _refuse_others(text: str) -> None:
    """Raise BadNumber for digits that are not a number, or more than one."""
    if sum(len(re.findall(r"\d", part)) >= 7 for part in _BETWEEN_TWO.split(text)) > 1:
        raise BadNumber("two numbers in one cell: keep one")
    if _AMOUNT.fullmatch(text):
        raise BadNumber(f"an amount, as it is written; {_AS_INTERNATIONAL}")
    if _EXTENSION.fullmatch(text):
        raise BadNumber("it has an extension, which no message reaches: take it out")
    if _is_date(text):
        raise BadNumber(f"a date, as it is written; {_AS_INTERNATIONAL}")
    if not _WRITTEN.fullmatch(text):
        raise BadNumber("not a phone number")


def _is_date(text: str) -> bool:
    """True for year, month and day in a common order."""
    date = _DATE.fullmatch(text)
    if date is None:
        return False
    first, second = int(date["a"] or date["c"]), int(date["b"] or date["d"])
    return 1 <= min(first, second) <= 12 and max(first, second) <= 31


def _read_tidy(text: str, region: str | None, in_use: bool) -> str:
    digits = "".join(str(int(char)) for char in text if char.isdecimal())
    if not digits:
        raise BadNumber("not a phone number")
    if "+" in text or digits.startswith("00"):
        return _read_international(digits.removeprefix("00"), in_use)
    if region is None:
        raise BadNumber(_NO_COUNTRY)
    if text == digits and _DATE_DIGITS.fullmatch(digits):
        raise BadNumber(f"a date, as it is written; {_AS_INTERNATIONAL}")
    return _read_national(digits, region, in_use)


def _read_international(digits: str, in_use: bool) -> str:
    text = f"+{digits}"
    return digits if PLAIN[text[:4], len(text)](text) else _parse(text, None, in_use)


def _read_national(digits: str, region: str, in_use: bool) -> str:
    code, abroad, general, trunk = _dialling(region)
    national: str | None = None
    if not abroad.match(digits):
        dialled = trunk.match(digits)
        if general.fullmatch(digits):
            national = None if dialled else digits
        elif dialled and dialled.lastindex is None and not digits.startswith(code):
            national = digits[dialled.end() :]
    if national:  # the library's result, faster
        text = f"+{code}{national}"
        if PLAIN[text[:4], len(text)](text):
            return text[1:]
    return _parse(digits, region, in_use)


@lru_cache(maxsize=256)
def _dialling(region: str) -> tuple[str, Pattern[str], Pattern[str], Pattern[str]]:
    """The country code of a region, and patterns of its prefix for calls abroad, its national numbers,
    and the prefixes dialled before them."""
    metadata = PhoneMetadata.metadata_for_region(region)
    assert metadata is not None, region
    general = metadata.general_desc
    assert general is not None, region
    return (
        str(metadata.country_code),
        re.compile(metadata.international_prefix or "(?!)"),
        re.compile(general.national_number_pattern or "(?!)", re.ASCII),
        re.compile(metadata.national_prefix_for_parsing or "(?!)"),
    )


def _parse(text: str, region: str | None, in_use: bool) -> str:
    """The slow path of the library, which knows each country's prefixes."""
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException as error:
        raise BadNumber(_why_unparsed(error)) from error
    result = phonenumbers.is_possible_number_with_reason(number)
    if result != ValidationResult.IS_POSSIBLE:
        raise BadNumber(_REASONS.get(result, "not a possible number"))
    digits = phonenumbers.format_number(number, PhoneNumberFormat.E164).removeprefix("+")
    if len(digits) > _MOST_DIGITS:
        raise BadNumber("too long for a phone number")
    if _is_short(text, number) or len(digits) < _FEWEST_DIGITS:
        raise BadNumber(f"fewer than {_FEWEST_DIGITS} digits; {_AS_INTERNATIONAL}")
    if in_use and not phonenumbers.is_valid_number(number) and not _FICTION.fullmatch(digits):
        raise BadNumber("no number of its country begins like this")
    return digits


def _is_short(text: str, number: PhoneNumber) -> bool:
    """True for a national number too short to be unambiguous, except for mobile numbers of small
    countries."""
    if text.startswith("+") or len(text) >= _FEWEST_DIGITS:
        return False
    return phonenumbers.number_type(number) != PhoneNumberType.MOBILE


def _why_unparsed(error: NumberParseException) -> str:
    if error.error_type == NumberParseException.INVALID_COUNTRY_CODE:
        return "the country code is unknown"
    if error.error_type == NumberParseException.TOO_LONG:
        return "too long for a phone number"
    return "too short for a phone number"
