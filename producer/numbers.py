"""Phone numbers as people write them, to the digits of E.164."""

import re
from collections.abc import Callable
from re import Pattern

import phonenumbers
from phonenumbers import (
    COUNTRY_CODE_TO_REGION_CODE,
    NumberParseException,
    PhoneMetadata,
    PhoneNumber,
    PhoneNumberFormat,
    ValidationResult,
)

from producer.errors import BadNumber

_WRITTEN = re.compile(r"\+?[\d\s().\-/\u2010-\u2015\u2212]+")
_FLOAT = re.compile(r"(\+?\d{7,})\.0+")  # what data frames make of a column of numbers
_SCIENTIFIC = re.compile(r"\+?\d+(?:[.,]\d+)?[eE]\+?\d+")
_NEVER = re.compile("(?!)")
_E164_START = re.compile(r"\+[0-9]{3}")
_MAIN_REGION = {str(code): regions[0] for code, regions in COUNTRY_CODE_TO_REGION_CODE.items()}

_FEWEST_DIGITS, _MOST_DIGITS = 8, 15
_NO_REGION = (
    "read as international: write it with + and the country code, or say the country of numbers "
    "without one (--region GB, or default_region)"
)

_REASONS = {
    ValidationResult.INVALID_COUNTRY_CODE: "the country code is unknown",
    ValidationResult.TOO_SHORT: "too short for its country",
    ValidationResult.TOO_LONG: "too long for its country",
    ValidationResult.INVALID_LENGTH: "no number of its country has this length",
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "the area code is missing",
}


def normalise(text: str, default_region: str | None = None) -> str:
    """The digits of the number in E.164, without `+`; raises BadNumber.

    A number without `+` or `00` is national to `default_region` (two letters), and without one
    is taken to begin with its country code. Numbers must be possible, not assigned: ranges kept
    for fiction and new ranges pass.
    """
    if _plain[text[:4], len(text)](text):
        return text[1:]
    return _read(text, default_region)


def mask(text: str) -> str:
    """`text` with all its letters and digits hidden but the first two and the last two."""
    places = [place for place, char in enumerate(text) if char.isalnum()]
    hidden = set(places[2:-2]) if len(places) > 6 else set()
    shown = "".join("*" if place in hidden else char for place, char in enumerate(text))
    return shown if len(shown) <= 24 else f"{shown[:10]}…{shown[-10:]}"


def is_region(region: str) -> bool:
    """Whether numbers of `region` (two capital letters) can be read."""
    return region in phonenumbers.SUPPORTED_REGIONS


class _PlainNumbers(dict[tuple[str, int], Callable[[str], object]]):
    """Tests for numbers that are E.164 as they stand, by their first four characters and length.

    Plus and three digits are enough to tell the country code. An international number of a
    possible length stays as it is unless it goes on with something that its country dials in
    front (a trunk prefix or carrier code): the full parser takes that out or rewrites it.
    """

    def __missing__(self, key: tuple[str, int]) -> Callable[[str], object]:
        if not _E164_START.fullmatch(key[0]) or not _FEWEST_DIGITS < key[1] <= _MOST_DIGITS + 1:
            return _NEVER.fullmatch  # and not kept, for there is no end of such keys
        self[key] = test = _plain_pattern(*key).fullmatch
        return test


def _plain_pattern(start: str, length: int) -> Pattern[str]:
    code = next((start[1:end] for end in (2, 3, 4) if start[1:end] in _MAIN_REGION), None)
    if code is None or not _is_possible_length(code, length - 1 - len(code)):
        return _NEVER
    metadata = PhoneMetadata.metadata_for_region_or_calling_code(int(code), _MAIN_REGION[code])
    trunk = metadata.national_prefix_for_parsing if metadata else None
    # Some countries' patterns can match nothing at all, which leaves a number as it is.
    doubt = rf"(?!(?:{trunk})(?<!\A\+{code}))" if trunk else ""
    return re.compile(rf"\+{code}{doubt}[0-9]{{{length - 1 - len(code)}}}")


def _is_possible_length(code: str, length: int) -> bool:
    stand_in = PhoneNumber(country_code=int(code), national_number=int("1" * length))
    return bool(
        phonenumbers.is_possible_number_with_reason(stand_in) == ValidationResult.IS_POSSIBLE
    )


_plain = _PlainNumbers()


def _read(text: str, default_region: str | None) -> str:
    """The careful way: any spelling."""
    text = text.strip().removeprefix("'")
    if whole := _FLOAT.fullmatch(text):
        text = whole[1]
    if not _WRITTEN.fullmatch(text):
        raise _unreadable(text)
    digits = re.sub(r"\D", "", text)
    if not digits.isascii():
        digits = "".join(str(int(digit)) for digit in digits)
    if text.startswith("+"):
        return _read_international(digits, text)
    if digits.startswith("00"):
        return _read_international(digits[2:], text)
    if default_region is not None:
        return _parse(digits, default_region, text)
    try:
        return _read_international(digits, text)
    except BadNumber as error:
        raise BadNumber(f"{error.reason}, {_NO_REGION}", error.number) from error


def _read_international(digits: str, written: str) -> str:
    text = f"+{digits}"
    return digits if _plain[text[:4], len(text)](text) else _parse(text, None, written)


def _parse(text: str, region: str | None, written: str) -> str:
    """The library's way, which knows what each country dials in front of its numbers.

    `written` is the number as it came, for the error.
    """
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException as error:
        raise BadNumber(_why_unparsed(error), mask(written)) from error
    result = phonenumbers.is_possible_number_with_reason(number)
    if result != ValidationResult.IS_POSSIBLE:
        raise BadNumber(_REASONS.get(result, "not a possible number"), mask(written))
    digits = phonenumbers.format_number(number, PhoneNumberFormat.E164).removeprefix("+")
    if len(digits) > _MOST_DIGITS:
        raise BadNumber("too long for a phone number", mask(written))
    return digits


def _unreadable(text: str) -> BadNumber:
    if _SCIENTIFIC.fullmatch(text):
        reason = "a spreadsheet has rounded this number: format the column as text"
        return BadNumber(reason, mask(text))
    return BadNumber("not a phone number")  # and so, perhaps, a name: nothing of it is shown


def _why_unparsed(error: NumberParseException) -> str:
    if error.error_type == NumberParseException.INVALID_COUNTRY_CODE:
        return "the country code is unknown"
    if error.error_type == NumberParseException.TOO_LONG:
        return "too long for a phone number"
    return "too short for a phone number"
