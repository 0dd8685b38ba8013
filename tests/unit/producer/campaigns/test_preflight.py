"""Some messages as they will be sent, tried before the launch."""

import json
from pathlib import Path
from typing import Any

import pytest

from chatapps.preflight import Severity
from chatapps.templates import read_registered
from producer.campaigns.launch import Launch, Prepared, check
from producer.campaigns.preflight import check_sample, choose
from producer.errors import BadRow
from producer.files.csv_reader import Record

TEXT: dict[str, Any] = {"type": "text", "content": {"text": "Ahoy {{name}}, code {{code}}"}}
TEMPLATE: dict[str, Any] = {
    "type": "template",
    "content": {
        "template": {
            "name": "boats",
            "language": "en_GB",
            "components": [
                {"type": "body", "parameters": [{"type": "text", "text": "{{name}}"}]},
            ],
        }
    },
}


@pytest.fixture
def people(tmp_path: Path) -> Path:
    return tmp_path / "people.csv"


def prepared(people: Path, message: dict[str, Any], **odd: str) -> Prepared:
    """A launch to 1,000 people; `odd` gives rows of their own, by line: `line_500="…"`."""
    rows = {n: f"+493023125{n:06d},Ana,{n}" for n in range(2, 1002)}
    rows |= {int(name.removeprefix("line_")): row for name, row in odd.items()}
    people.write_text("msisdn,name,code\n" + "\n".join(rows.values()) + "\n")
    file = people.with_name("message.json")
    file.write_text(json.dumps(message))
    return check(Launch("Spring", "Shop", people, file))


def test_messages_that_are_well_give_no_findings(people: Path) -> None:
    assert check_sample(prepared(people, TEXT)) == []


def test_the_longest_value_of_the_file_is_tried(people: Path) -> None:
    long = prepared(people, TEXT, line_500="+447700900123," + "x" * 4096 + ",1")
    (found,) = check_sample(long)
    assert found.severity is Severity.ERROR
    assert found.path == "content.text"
    assert found.text == (
        "line 500 of the recipients: at most 4096 characters on WhatsApp, got 4109"
    )


def test_what_several_rows_break_is_said_once(people: Path) -> None:
    long = "+44770090012{}," + "x" * 4090 + ",{}"
    odd = {f"line_{line}": long.format(line % 10, line) for line in (300, 401, 502)}
    (found,) = check_sample(prepared(people, TEXT, **odd))
    assert found.text.startswith("line 300 of the recipients: ")
    assert "(and 2 more of the " in found.text


def test_rows_that_are_rejected_anyway_are_left_out(people: Path) -> None:
    assert check_sample(prepared(people, TEXT, line_500="nobody," + "x" * 4096 + ",1")) == []
    assert check_sample(prepared(people, TEXT, line_500="+447700900123," + "x" * 4097)) == []


def test_a_message_that_is_the_same_for_all_is_tried_once(people: Path) -> None:
    fixed = prepared(people, {"type": "text", "content": {"text": "Ahoy"}}, line_2="nobody,Ana,1")
    assert check_sample(fixed) == []


def test_neither_number_nor_value_is_in_a_finding(people: Path) -> None:
    secret = "Q" * 4095
    (found,) = check_sample(prepared(people, TEXT, line_500=f"+447700900123,{secret},1"))
    assert "7700900123" not in str(found)
    assert "QQ" not in str(found)


def registered(text: str) -> Any:
    return read_registered({"name": "boats", "components": [{"type": "BODY", "text": text}]})


def test_a_template_must_not_get_too_long_when_it_is_filled_in(people: Path) -> None:
    template = registered("x" * 900 + " {{1}} and {{1}}.")
    assert check_sample(prepared(people, TEMPLATE), template) == []
    long = prepared(people, TEMPLATE, line_700="+447700900123," + "y" * 100 + ",1")
    (found,) = check_sample(long, template)
    assert found.text == (
        "line 700 of the recipients: at most 1024 characters with the values filled in, got 1107"
    )
    assert check_sample(long) == []
    assert check_sample(long, registered("No placeholders.")) == []


def records(lengths: list[int]) -> list[Record]:
    return [(["n", "x" * length], n, n, n) for n, length in enumerate(lengths)]


def test_the_first_the_last_and_the_longest_rows_are_chosen() -> None:
    lengths = [1] * 1000
    lengths[400] = 5
    lengths[600] = 7
    lines = [line for line, _ in choose(records(lengths), [1], 8)]
    assert lines[:2] == [0, 1]
    assert lines[-2:] == [998, 999]
    assert {400, 600} <= set(lines)
    assert len(lines) <= 8


def test_every_column_has_its_longest_rows() -> None:
    rows: list[Record] = [(["x" * (n % 50), "y" * (n % 7)], n, n, n) for n in range(200)]
    chosen = dict(choose(rows, [0, 1], 12))
    assert sum(len(cells[0]) == 49 for cells in chosen.values()) >= 3
    assert sum(len(cells[1]) == 6 for cells in chosen.values()) >= 3


@pytest.mark.parametrize("count", [0, 1, 3, 50])
def test_a_short_file_is_tried_as_a_whole(count: int) -> None:
    chosen = choose(records([1] * count), [1], 200)
    assert [line for line, _ in chosen] == list(range(count))


def test_broken_and_short_rows_are_no_reason_to_crash() -> None:
    odd: list[Record] = [(BadRow("broken"), 1, 1, 1), (["n"], 2, 2, 2), ([], 3, 3, 3)]
    assert [line for line, _ in choose(odd, [1], 200)] == [2, 3]


def test_a_value_that_was_read_in_a_wrong_encoding_is_a_warning(people: Path) -> None:
    for name in ("Zoë", "Jürgen Müller", "Łukasz", "Дмитрий", "Ana\u00efs\u2019 caf\u00e9"):
        wrong = name.encode().decode("cp1252", "replace")
        (found,) = check_sample(prepared(people, TEXT, line_5=f"+447700900123,{wrong},1"))
        assert found.severity is Severity.WARNING
        assert found.text.startswith("Line 5 of the recipients holds ")
        assert check_sample(prepared(people, TEXT, line_5=f"+447700900123,{name},1")) == []
    for name in ("ÂNGELA", "JOÃO", "Ñandú", "Ålesund", "5 €", "\u00e2 \u2013 b", "Ä."):
        assert check_sample(prepared(people, TEXT, line_5=f"+447700900123,{name},1")) == []
