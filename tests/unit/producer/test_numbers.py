"""Phone numbers as people write them."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer.errors import BadNumber
from producer.numbers import is_region, mask, normalise

COUNTRY_CODES = [str(code) for code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE]


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("+447700900123", None),
        ("+447700900123", "US"),
        ("447700900123", None),
        ("447700900123", "GB"),
        ("00447700900123", None),
        ("00 44 7700 900123", "US"),
        ("+44 (0)7700 900-123", None),
        ("+44.7700.900.123", None),
        ("07700 900123", "GB"),
        ("7700900123", "GB"),
        ("'+447700900123", None),
        ("447700900123.0", None),
        ("٠٧٧٠٠٩٠٠١٢٣", "GB"),
    ],
)
def test_every_spelling_of_a_number_is_the_same_number(text: str, region: str | None) -> None:
    assert normalise(text, region) == "447700900123"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not a phone number"),
        ("ana@example.com", "not a phone number"),
        ("++447700900123", "not a phone number"),
        ("+44 7700 900123 ext 5", "not a phone number"),
        ("4.477E+11", "a spreadsheet has rounded this number: format the column as text"),
        ("+44", "too short for a phone number"),
        ("+44770090012345678901", "too long for a phone number"),
        ("+4477009001234", "too long for its country"),
        ("+15550101", "the area code is missing"),
        ("+999123456789", "the country code is unknown"),
        ("+012025550101", "the country code is unknown"),
        ("++", "not a phone number"),
        ("()", "too short for a phone number"),
    ],
)
def test_what_is_no_number_is_refused_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(BadNumber) as caught:
        normalise(text)
    assert caught.value.reason.startswith(reason)


def test_a_national_number_without_a_region_says_what_is_missing() -> None:
    with pytest.raises(BadNumber, match="write it with \\+ and the country code"):
        normalise("07700900123")


def test_a_refused_number_is_hidden() -> None:
    with pytest.raises(BadNumber) as caught:
        normalise("+4477009001234")
    assert caught.value.number == "+44*********34"
    assert "7700" not in str(caught.value)


def test_a_cell_that_is_no_number_is_not_shown_at_all() -> None:
    with pytest.raises(BadNumber) as caught:
        normalise("ana@example.com")
    assert caught.value.number is None


def test_short_texts_are_shown_and_long_ones_cut() -> None:
    assert mask("12345") == "12345"
    assert mask("1" * 60) == "11********…********11"


def test_regions_are_two_letters_that_are_known() -> None:
    assert is_region("GB")
    assert not is_region("UK")


@given(st.sampled_from(COUNTRY_CODES), st.from_regex(r"[0-9]{4,13}", fullmatch=True))
def test_the_fast_path_reads_as_the_library_does(code: str, national: str) -> None:
    text = f"+{code}{national}"
    try:
        parsed = phonenumbers.parse(text)
        result = phonenumbers.is_possible_number_with_reason(parsed)
        digits = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)[1:]
        possible = result == phonenumbers.ValidationResult.IS_POSSIBLE and len(digits) <= 15
    except phonenumbers.NumberParseException:
        possible = False
    if possible:
        assert normalise(text) == digits
    else:
        with pytest.raises(BadNumber):
            normalise(text)


@given(
    st.text(st.sampled_from("0123456789٣+ ().-/eE'ax\u2011#"), max_size=25),
    st.sampled_from([None, "GB", "US", "AR"]),
)
def test_any_text_is_a_number_or_refused(text: str, region: str | None) -> None:
    try:
        digits = normalise(text, region)
    except BadNumber:
        return
    assert digits.isascii()
    assert digits.isdecimal()
    assert normalise(f"+{digits}") == digits
