"""Which column holds the number and which the country: by name, by rows, or asked for."""

from pathlib import Path
from typing import Any

import pytest

from producer.column_names import country_rank, number_rank
from producer.countries import region_of
from producer.errors import InputError
from producer.files.recipient_file import RecipientFile
from producer.layout import Layout, ReadOptions

KNOWN = (
    "Phone Number , phone_number, PHONE-NUMBER, phoneNumber, Mobile phone, Cell phone, Mobile No., "
    "WhatsApp number, Whatsapp Nr, Phone 1 - Value, Phone: Mobile, Home Phone, Billing Phone, Phone #, "
    "Customer phone, Default Address Phone, MSISDN, channelUserId, Telefon, Telefon (privat), "
    "Handynummer, Handy-Nr., Rufnummer, Mobiltelefon, teléfono, TELEFONO, Número de teléfono, "
    "Teléfono móvil, Celular, N° de téléphone, Tél. mobile, numéro de portable, Cellulare, "
    "Numero di telefono, Telefone celular, Telefoonnummer, Mobiel nummer, Numer telefonu, "
    "Telefon komórkowy, Telefonní číslo, Mobilnummer, Puhelinnumero, Telefonszám, Cep Telefonu, "
    "Номер телефона, Мобильный телефон, Τηλέφωνο, Κινητό, رقم الجوال, מספר טלפון, मोबाइल नंबर, "
    "เบอร์โทรศัพท์, Số điện thoại, Nomor WhatsApp, 手机号码, 電話番号, 휴대폰 번호"
)
OTHERS = (
    "Name, Phonetic Name, Phone type, Phone 1 - Label, Phone country, Phone ext, Phone verified, Fax, "
    "Fax number, Customer number, Order no, Contact ID, todo, Home, Work, Note, Hotel, Automobile"
)


@pytest.mark.parametrize("name", KNOWN.split(", "))
def test_names_that_say_phone_are_known_in_many_languages_and_spellings(name: str) -> None:
    assert number_rank(name) > 1


@pytest.mark.parametrize("name", OTHERS.split(", "))
def test_names_that_say_something_else_are_not(name: str) -> None:
    assert number_rank(name) == 0


def test_a_very_long_name_is_looked_at_in_no_time() -> None:
    assert number_rank("telefon" * 100_000) == 0


@pytest.mark.parametrize(
    "name", ["Country", "country_code", "Country/Region", "Land", "Länderkennzeichen", "Pays", "País",
             "Billing country", "Страна", "国家"]
)  # fmt: skip
def test_names_that_say_country_are_known(name: str) -> None:
    assert country_rank(name) == 1
    assert country_rank(f"{name} of birth") == 0


@pytest.mark.parametrize(
    "name", ["Calling code", "Phone country code", "Ländervorwahl", "indicatif"]
)
def test_names_that_say_calling_code_are_better(name: str) -> None:
    assert country_rank(name) == 2


@pytest.mark.parametrize(
    ("cell", "region"),
    [("GB", "GB"), ("gb", "GB"), ("UK", "GB"), ("GBR", "GB"), ("United Kingdom", "GB"), ("+44", "GB"),
     ("44", "GB"), ("0044", "GB"), ("(+44)", "GB"), ("United Kingdom (+44)", "GB"),
     ("DE - Germany", "DE"),
     ("Deutschland", "DE"), ("Allemagne", "DE"), ("ALEMANIA", "DE"), ("côte d'ivoire", "CI"),
     ("U.S.A.", "US"), ("1", "US"), ("+1 (US)", "US"), ("日本", "JP"), ("Guinea-Bissau", "GW"),
     ("Narnia", None), ("999", None), ("DE/FR", None), ("", None)],
)  # fmt: skip
def test_a_country_is_read_by_letters_name_or_calling_code(cell: str, region: str | None) -> None:
    assert region_of(cell) == region


def layout(tmp_path: Path, text: str, **asked: Any) -> Layout:
    path = tmp_path / "people.csv"
    path.write_text(text, encoding="utf-8")
    return RecipientFile.open(path, ReadOptions(**asked)).layout


@pytest.mark.parametrize(
    ("header", "row", "column"),
    [
        ("Number,Cell", "n/a,+447700900001", "Cell"),
        ("Home phone;WhatsApp", ";+447700900001", "WhatsApp"),
        ("Home phone;WhatsApp", "020 7946 0123;", "Home phone"),
        ("To,Tel.", "Ada,+447700900001", "Tel."),
        ("Phone,WhatsApp", "?,", "WhatsApp"),
        ("WhatsApp,Phone", "Ada,Bob", "WhatsApp"),
    ],
)
def test_the_better_name_wins_where_the_others_hold_no_numbers(
    tmp_path: Path, header: str, row: str, column: str
) -> None:
    assert layout(tmp_path, f"{header}\n{row}\n{row}\n").number_column == column


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("Phone,Mobile\n+442079460123,+447700900001\n", '"Phone" and "Mobile"'),
        ("Nr.,Handy,Tel\n4930123456,+447700900001,\n", '"Nr." and "Handy"'),
        ("Nummer,Erreichbar unter\n4930123456,+447700900001\n", '"Nummer" and "Erreichbar unter"'),
        ("Nummer,Erreichbar unter\n,+447700900001\n", '"Nummer" and "Erreichbar unter"'),
        ("Phone 1 - Value,Phone 2 - Value\n+442079460123,\n,+447700900001\n", "Phone 2 - Value"),
    ],
)
def test_columns_that_may_all_be_meant_are_asked_for(
    tmp_path: Path, text: str, columns: str
) -> None:
    with pytest.raises(InputError, match=r"name one of them with --map phone=COLUMN") as caught:
        layout(tmp_path, text)
    assert columns in str(caught.value)
    name = columns.split('"')[-2] if '"' in columns else columns
    assert layout(tmp_path, text, names={"phone": name.upper()}).number_column == name


def test_the_country_column_is_found_named_or_asked_for(tmp_path: Path) -> None:
    text = "phone,Country,Ship country\n07700 900001,GB,DE\n"
    assert layout(tmp_path, text, country_column="ship country").country_column == "Ship country"
    text = "phone,Country,Billing country\n{},GB,DE\n"
    with pytest.raises(InputError, match=r"name one of them with --country-column"):
        layout(tmp_path, text.format("07700 900001"))
    assert layout(tmp_path, text.format("+447700900001")).country_column == "Country"
    with pytest.raises(InputError, match=r'no column "Staat" for --country-column'):
        layout(tmp_path, text, country_column="Staat")


def test_a_column_without_a_name_is_left_out(tmp_path: Path) -> None:
    found = layout(tmp_path, ",phone,,name,\n0,+447700900001,,Ada,\n")
    assert found.header.columns == ("phone", "name")
    with pytest.raises(InputError, match="one of who, name"):
        layout(tmp_path, ",who,name\n0,+447700900001,Ada\n")


def test_a_file_without_a_header_row_is_refused_without_the_numbers_in_it(tmp_path: Path) -> None:
    for names in ({}, {"phone": "msisdn"}):
        with pytest.raises(InputError, match=r"Ada, 07\*{3} \*{4}23") as told:
            layout(tmp_path, "Ada,07700 900123\nBob,07700 900124\n", names=names)
        assert "900123" not in str(told.value)


def test_of_very_many_columns_some_are_named(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(",".join(f"c{number}" for number in range(1000)) + "\nx\n")
    with pytest.raises(InputError, match=r"one of c0, c1, .*, c49 and 950 more$"):
        RecipientFile.open(path)
