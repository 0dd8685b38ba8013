"""Phone numbers as people and their programs write them."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer.errors import BadNumber
from producer.files.phone_numbers import is_region, mask, normalise

COUNTRY_CODES = [str(code) for code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE]
REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("+447700900123", None),
        ("+447700900123", "US"),
        ("447700900123", "GB"),
        ("00447700900123", None),
        ("00 44 7700 900123", "US"),
        ("+44 (0)7700 900-123", None),
        ("+44.7700.900.123", None),
        ("07700 900123", "GB"),
        ("7700900123", "GB"),
        ("٠٧٧٠٠٩٠٠١٢٣", "GB"),
        ("011 44 7700 900123", "US"),
    ],
)
def test_every_spelling_of_a_number_is_the_same_number(text: str, region: str | None) -> None:
    assert normalise(text, region) == "447700900123"


@pytest.mark.parametrize(
    "text",
    [
        "'+447700900123",
        "\u2018+447700900123\u2019",
        '="+447700900123"',
        '"=""+447700900123"""',
        "=+447700900123",
        "tel:+44-7700-900123",
        "Tel. +44 7700 900123",
        "TEL: +44 7700 900123",
        "whatsapp:+447700900123",
        "p:+447700900123",
        "sms:+447700900123",
        "Work Mobile: +44 7700 900123",
        "Téléphone : +44 7700 900123",
        "https://wa.me/447700900123",
        "wa.me/+447700900123?text=Hi",
        "https://api.whatsapp.com/send?phone=447700900123&text=Hi",
        "(+44) 7700 900123",
        "+(44) 7700 900123",
        "[+44] 7700/900123",
        "+0044 7700 900123",
        "+44_7700_900123",
        "+44~7700~900123",
        "\uff0b\uff14\uff14 \uff17\uff17\uff10\uff10 \uff19\uff10\uff10\uff11\uff12\uff13",
    ],
)
def test_what_programs_put_around_a_number_is_left_out(text: str) -> None:
    assert normalise(text) == "447700900123"


@pytest.mark.parametrize(
    "mark",
    ["\u200b", "\u200e", "\u202a", "\u202c", "\u2066", "\u2069", "\ufeff", "\u00ad", "\u2060",
     "\u200d", "\u061c", "\u180e", "\ufe0f", "\x7f", "\x1f", "\U000e0020", "\u3164"],
)  # fmt: skip
def test_marks_that_cannot_be_seen_are_left_out_wherever_they_stand(mark: str) -> None:
    assert normalise(f"{mark}+44{mark}7700900123{mark}") == "447700900123"
    assert normalise(f"{mark}07700 900{mark}123", "GB") == "447700900123"


@pytest.mark.parametrize(
    "text",
    ["4.47700900123E+11", "4,47700900123e11", "+4.47700900123E+11", "44770.0900123E7",
     "447700900123.0", "447700900123.000", "447700900123,0", "447,700,900,123", "447.700.900.123",
     "4.4770090012300E+11"],
)  # fmt: skip
def test_a_number_that_was_formatted_as_one_is_read_when_nothing_is_lost(text: str) -> None:
    assert normalise(text, "GB") == "447700900123"


@pytest.mark.parametrize("text", ["4.477E+11", "4,47701E+11", "4.4770090012E+11", "4E+11"])
def test_a_number_that_was_rounded_is_refused(text: str) -> None:
    with pytest.raises(BadNumber, match="has rounded this number: format the column as text"):
        normalise(text, "GB")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not a phone number"),
        ("-", "not a phone number"),
        ("ana@example.com", "not a phone number"),
        ("++447700900123", "not a phone number"),
        ("+44", "too short for a phone number"),
        ("+44770090012345678901", "too long for a phone number"),
        ("+4477009001234", "too long for its country"),
        ("+15550101", "the area code is missing"),
        ("+999123456789", "the country code is unknown"),
        ("+012025550101", "the country code is unknown"),
        ("+11235550101", "no number of its country begins like this"),
        ("++", "not a phone number"),
        ("()", "not a phone number"),
        ("1-800-FLOWERS", "not a phone number"),
        ("Fax: +44 20 7946 0123", "not a phone number"),
    ],
)
def test_what_is_no_number_is_refused_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(BadNumber) as caught:
        normalise(text)
    assert caught.value.reason.startswith(reason)


@pytest.mark.parametrize(
    "text",
    ["+447700900123 ::: +447700900124", "+447700900123/+447700900124", "07700900123 / 07700900124",
     "+447700900123; +447700900124", "+447700900123,+447700900124", "+447700900123 +447700900124",
     "+447700900123 or +447700900124", "07700 900123 | 07700 900124", "+447700900123\n+447700900124",
     "020 7946 0123 und 020 7946 0124", "00447700900123 00447700900124"],
)  # fmt: skip
def test_two_numbers_in_a_cell_have_a_reason_of_their_own(text: str) -> None:
    with pytest.raises(BadNumber, match="two numbers in one cell"):
        normalise(text, "GB")


@pytest.mark.parametrize(
    "text",
    ["+44 20 7946 0123 x12", "+44 20 7946 0123 ext. 12", "+442079460123#12", "+442079460123 Ext:4",
     "tel:+442079460123;ext=123", "020 7946 0123 extension 7", "+442079460123,,12"],
)  # fmt: skip
def test_an_extension_has_a_reason_of_its_own(text: str) -> None:
    with pytest.raises(BadNumber, match="extension"):
        normalise(text, "GB")


@pytest.mark.parametrize(
    "text",
    ["31/12/2024", "31.12.2024", "12-31-2024", "2024-12-31", "2024/1/2", "1-2-2024", "20241231",
     "31121999", "2024-12-31 23:59", "2024-12-31T23:59:00Z", "31.12.2024 08:15:00"],
)  # fmt: skip
@pytest.mark.parametrize("region", ["DK", "SG", "DE"])
def test_a_date_is_no_number_of_any_country(text: str, region: str) -> None:
    with pytest.raises(BadNumber, match="a date, as it is written"):
        normalise(text, region)


@pytest.mark.parametrize(
    "text",
    ["12.50", "1234,5", "1,234.50", "1.234,50", "12345678.90", "-12345678,90", "12.345.678",
     "1,234,567", "12'345'678.05"],
)  # fmt: skip
@pytest.mark.parametrize("region", ["DK", "SG", "DE"])
def test_an_amount_is_no_number_of_any_country(text: str, region: str) -> None:
    with pytest.raises(BadNumber, match="an amount, as it is written"):
        normalise(text, region)


@pytest.mark.parametrize(
    ("text", "region"),
    [("10115", "DE"), ("75008", "FR"), ("01310-100", "BR"), ("02134-1234", "US"), ("SW1A 1AA", "GB"),
     ("1234567", "US"), ("1234567", "DE"), ("10023456", "GB"), ("DE123456789", "DE"), ("0", "GB"),
     ("123456", "DE"), ("192.168.100.200", "GB"), ("4111 1111 1111 1111", "US"), ("€ 1250", "DE")],
)  # fmt: skip
def test_postcodes_ids_and_short_numbers_are_refused(text: str, region: str) -> None:
    with pytest.raises(BadNumber):
        normalise(text, region)


def test_dates_and_amounts_do_not_hide_numbers_that_are_grouped() -> None:
    assert normalise("20 24 11 07", "DK") == "4520241107"
    assert normalise("+4520241107") == "4520241107"
    assert normalise("06.12.34.56.78", "FR") == "33612345678"
    assert normalise("612.345.678", "ES") == "34612345678"
    assert normalise("020/79460123", "GB") == "442079460123"
    assert normalise("611 1234", "IS") == "3546111234"  # short, and mobile


@pytest.mark.parametrize("text", ["07700900123", "447700900123", "447700900123.0", "2025550101"])
def test_a_number_without_a_country_is_never_guessed(text: str) -> None:
    with pytest.raises(BadNumber, match=r"no country code: write it with \+ and the country code"):
        normalise(text)


@pytest.mark.parametrize("text", ["+447700900123", "+33639981234", "+353209112345", "+12025550101"])
def test_numbers_that_are_kept_for_films_pass(text: str) -> None:
    assert normalise(text) == text[1:]


def test_whoever_opts_out_may_have_a_number_of_a_range_that_is_not_in_use() -> None:
    with pytest.raises(BadNumber, match="begins like this"):
        normalise("+11235550101")
    assert normalise("+11235550101", in_use=False) == "11235550101"


def test_a_refused_number_is_shown_with_most_of_it_hidden() -> None:
    with pytest.raises(BadNumber) as caught:
        normalise("+4477009001234")
    assert caught.value.number == "+44*********34"
    assert "7700" not in str(caught.value)


def test_a_cell_that_is_no_number_is_shown_as_well() -> None:
    for cell, shown in (("ana@example.com", "an*@*******.*om"), ("\u202a12.50\u202c", "12.50")):
        with pytest.raises(BadNumber) as caught:
            normalise(cell)
        assert caught.value.number == shown


def test_short_texts_are_shown_and_long_ones_cut() -> None:
    assert mask("12345") == "12345"
    assert mask("1" * 60) == "11********…********11"


def test_regions_are_two_letters_that_are_known() -> None:
    assert is_region("GB")
    assert not is_region("UK")


def as_the_library_reads(text: str, region: str | None = None) -> str | None:
    """The digits of a valid number."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    result = phonenumbers.is_possible_number_with_reason(number)
    digits = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)[1:]
    possible = result == phonenumbers.ValidationResult.IS_POSSIBLE and 8 <= len(digits) <= 15
    return digits if possible and phonenumbers.is_valid_number(number) else None


def as_we_read(text: str, region: str | None = None) -> str | None:
    try:
        return normalise(text, region)
    except BadNumber:
        return None


def example(region: str, kind: int) -> str:
    found = phonenumbers.example_number_for_type(region, kind)
    return phonenumbers.national_significant_number(found) if found else "0"


NATIONAL = st.from_regex(r"[0-9]{4,13}", fullmatch=True)
EXAMPLES = st.builds(
    lambda region, kind, cut, end: f"{example(region, kind)[:-cut]}{end}"[:14],
    st.sampled_from(REGIONS),
    st.sampled_from([0, 1, 3, 6]),
    st.integers(1, 4),
    st.from_regex(r"[0-9]{1,4}", fullmatch=True),
)
OURS = ("44163296", "4477009", "3363998", "3532091")
"""Beginnings of what is kept for films, which the library does not take."""


@given(st.sampled_from(COUNTRY_CODES), NATIONAL | EXAMPLES)
def test_an_international_number_is_read_as_the_library_reads_it(code: str, national: str) -> None:
    text = f"+{code}{national}"
    ours, theirs = as_we_read(text), as_the_library_reads(text)
    assert ours == theirs or (ours or "").startswith(OURS)


@given(st.sampled_from(REGIONS), st.sampled_from(["", "0", "1", "8", "06"]), NATIONAL | EXAMPLES)
def test_a_national_number_is_read_as_the_library_reads_it_or_refused(
    region: str, before: str, national: str
) -> None:
    text = f"{before}{national}"
    ours, theirs = as_we_read(text, region), as_the_library_reads(text, region)
    if ours is not None and not text.startswith("00"):
        assert ours == theirs or ours.startswith(OURS)
    elif ours is None and theirs is not None and len(text) > 8:
        assert text.startswith("00")


@given(
    st.text(st.sampled_from("0123456789٣+ ().-/eE'ax\u2011#,;:=\u200b"), max_size=25),
    st.sampled_from([None, "GB", "US", "AR"]),
)
def test_any_text_is_a_number_or_refused(text: str, region: str | None) -> None:
    digits = as_we_read(text, region)
    if digits is not None:
        assert digits.isascii()
        assert digits.isdecimal()
        assert normalise(f"+{digits}") == digits
