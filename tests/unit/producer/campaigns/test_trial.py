"""A test of a campaign's message: whose values it has, and how many are sent."""

import json
from pathlib import Path

import pytest

from producer.campaigns.launch import Launch, check
from producer.campaigns.trial import MOST_AN_HOUR, message_of_row, take_tests
from producer.errors import InputError
from store.client import Store

PEOPLE = "msisdn,name\nnobody,Eve\n+447400000001,Ann\n+447400000002,Bob\n"


@pytest.fixture
def launch(tmp_path: Path) -> Launch:
    people, message = tmp_path / "people.csv", tmp_path / "message.json"
    people.write_text(PEOPLE)
    message.write_text(json.dumps({"type": "text", "content": {"text": "Ahoy {{name}}"}}))
    return Launch("Spring", "Shop", people, message)


@pytest.mark.parametrize(("line", "name"), [(None, "Ann"), (3, "Ann"), (4, "Bob")])
def test_the_values_are_those_of_the_row(launch: Launch, line: int | None, name: str) -> None:
    prepared = check(launch)
    file = prepared.file
    found = message_of_row(file.layout, prepared.message, file.records(), line)
    assert found == {"type": "text", "content": {"text": f"Ahoy {name}"}}


@pytest.mark.parametrize(
    ("line", "why"),
    [(2, "the row on line 2 cannot be used: not a phone number"), (9, "no row starts on line 9")],
)
def test_a_row_that_cannot_be_tested_is_told(launch: Launch, line: int, why: str) -> None:
    prepared = check(launch)
    with pytest.raises(InputError, match=why):
        message_of_row(prepared.file.layout, prepared.message, prepared.file.records(), line)


def test_a_caller_sends_twenty_an_hour(store: Store) -> None:
    for n in (0, 6):
        with pytest.raises(InputError, match="a test goes to 1 to 5 numbers"):
            take_tests(store, "ann", n)
    for _ in range(MOST_AN_HOUR // 4 - 1):
        take_tests(store, "ann", 4, now=7200)
    take_tests(store, "ann", 3, now=7200)
    with pytest.raises(InputError, match="at most 20 test messages an hour"):
        take_tests(store, "ann", 2, now=7200)
    take_tests(store, "ann", 1, now=7200)  # what was refused was not counted
    take_tests(store, "bob", 5, now=7200)
    take_tests(store, "ann", 5, now=10800)
