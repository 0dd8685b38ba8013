"""Exports: every message once, with what became of it."""

import csv
import io
import json
from typing import Any

import pytest

from dashboard.export import (
    COLUMNS,
    Sheet,
    filter_of,
    row,
    write_csv,
    write_json_lines,
)
from producer.campaigns.message_file import prepare
from store.client import Store
from store.lanes.lane import find_lane
from store.lanes.open import CampaignPlan, open_campaign
from store.purposes import Pricing, Purpose
from store.queue.enqueue import Place, enqueue_rows
from store.records.job_section import international
from store.records.outcome import Origin, Outcome
from store.reports.messages import Listed, list_messages
from store.states import State
from tests.unit.sendmany.given import lane

UMID = "0f8d17d7-0000-4000-800d-000000000001"
ACCEPTED = Listed(
    0,
    "447700900123",
    State.ACCEPTED,
    1,
    Outcome(0, State.ACCEPTED, 1, Origin.NONE, 0, 1_700_000_000, 1_700_000_001, "", UMID),
)
REJECTED = Listed(
    1,
    "GB.1349120865530274",
    State.REJECTED,
    2,
    Outcome(1, State.REJECTED, 2, Origin.API, 1002, 1_700_000_000, 1_700_000_001, "", None),
)
WAITING = Listed(2, "447700900124", State.QUEUED, 0, None)
MISSING = Listed(3, "", None, 0, None)
ALL = [ACCEPTED, REJECTED, WAITING, MISSING]


@pytest.fixture
def sheet(store: Store) -> Sheet:
    return Sheet(store, lane())


def test_csv_has_a_row_for_each_message(sheet: Sheet) -> None:
    stream = io.StringIO()
    assert write_csv(stream, sheet, ALL) == 4
    rows = list(csv.DictReader(io.StringIO(stream.getvalue())))
    assert list(rows[0]) == [*COLUMNS, "campaign"]
    assert rows[0]["number"] == "+447700900123"
    assert rows[0]["posted_at"] == "2023-11-14T22:13:20Z"
    assert (rows[0]["code"], rows[0]["origin"], rows[0]["umid"]) == ("", "", UMID)
    assert (rows[1]["code"], rows[1]["origin"]) == ("1002", "api")
    assert rows[1]["meaning"] == "the phone number is not valid"
    assert (rows[2]["state"], rows[2]["attempts"]) == ("queued", "0")
    assert rows[3]["state"] == "missing"


def test_json_lines_hold_the_same(sheet: Sheet) -> None:
    stream = io.StringIO()
    assert write_json_lines(stream, sheet, ALL) == 4
    objects = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [one["code"] for one in objects] == [None, 1002, None, None]
    assert all(tuple(one) == (*COLUMNS, "campaign") for one in objects)


def test_an_empty_lane_exports_a_header(sheet: Sheet) -> None:
    stream = io.StringIO()
    assert write_csv(stream, sheet, []) == 0
    assert stream.getvalue().strip() == ",".join([*COLUMNS, "campaign"])


@pytest.mark.parametrize(
    ("recipient", "shown"),
    [
        ("447700900123", "+447700900123"),
        ("GB.134912", "GB.134912"),
        ('say \\"hi\\"', 'say "hi"'),
        ("GB:07700900123", "GB:07700900123"),
    ],
)
def test_recipients_are_written_as_people_write_them(recipient: str, shown: str) -> None:
    assert international(recipient) == shown


def test_a_code_of_zero_is_no_code_unless_somebody_gave_it() -> None:
    assert row(ACCEPTED).code is None


def doubted(index: int, state: State) -> Listed:
    """A message of which an earlier attempt may have arrived."""
    record = Outcome(
        index, state, 2, Origin.NONE, 0, 0, 0, "", None,
        purpose=Purpose.UTILITY, pricing=Pricing.SERVICE, other_attempt=True,
    )  # fmt: skip
    return Listed(index, "447700900123", state, 2, record)


def test_who_may_have_got_two_is_named_and_can_be_asked_for() -> None:
    two, arrived = doubted(4, State.DELIVERED), doubted(5, State.REJECTED)
    tried = doubted(6, State.TRIED)
    waits = Listed(6, "447700900123", State.DELAYED, 2, tried.record)
    found = [row(one).doubt for one in (*ALL, two, arrived, waits)]
    assert found == ["", "", "", "", "may_have_two", "may_have_arrived", ""]
    assert (row(two).purpose, row(two).pricing) == ("utility", "service")
    messages = [*ALL, two, arrived, waits]
    for doubt, named in (
        ("may_have_two", [two]),
        ("may_have_arrived", [arrived]),
        (None, messages),
    ):
        assert list(filter(filter_of(doubt=doubt).takes, messages)) == named


def test_a_receipt_without_a_code_names_none() -> None:
    record = Outcome(0, State.UNDELIVERED, 1, Origin.RECEIPT, 0, 0, 0, "", None)
    assert row(Listed(0, "447700900123", State.UNDELIVERED, 1, record)).code is None


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ({"states": ["accepted", "queued"]}, [ACCEPTED, WAITING]),
        ({"states": ["missing"]}, [MISSING]),
        ({"codes": ["api.1002"]}, [REJECTED]),
        ({"codes": ["receipt.1002"]}, []),
        ({"since": "2023-11-14T22:13:21Z"}, [ACCEPTED, REJECTED]),
        ({"since": "2023-11-15"}, []),
    ],
)
def test_an_export_may_be_of_some(words: Any, found: list[Listed]) -> None:
    assert list(filter(filter_of(**words).takes, ALL)) == found


@pytest.mark.parametrize("words", [{"states": ["lost"]}, {"codes": ["1002"]}, {"since": "soon"}])
def test_what_cannot_be_asked_for_is_told(words: Any) -> None:
    with pytest.raises(ValueError, match=r"no (state|code|time)"):
        filter_of(**words)


def test_columns_of_the_recipient_file_come_back(store: Store) -> None:
    content = prepare({"type": "text", "content": {"text": "Hi {{name}}"}}, ("name",)).content
    plan = CampaignPlan(
        "Spring", "Shop", content.dump(), content.digest, "x", keep=("state", "Tier")
    )
    id_, _ = open_campaign(store, plan)
    kept = [b'Ada \\"A\\"\tUK\tgold', b"Bo\t\t"]
    lines = [b"447700900123\tAda", b"447700900124\tBo"]
    store.run(enqueue_rows(id_, Place(), Place(1, 1, 1), lines, 0, kept=kept))
    stream, one = io.StringIO(), find_lane(store, id_)
    write_csv(stream, Sheet(store, one), list_messages(store, id_))
    rows = list(csv.DictReader(io.StringIO(stream.getvalue())))
    assert [(r["campaign"], r["state (file)"], r["Tier"]) for r in rows] == [
        ("Spring", "UK", "gold"),
        ("Spring", "", ""),
    ]
    stream = io.StringIO()
    write_json_lines(stream, Sheet(store, one, ["name", "number"]), list_messages(store, id_))
    assert json.loads(stream.getvalue().splitlines()[0]) == {
        "name": 'Ada "A"',
        "number": "+447700900123",
    }
    with pytest.raises(ValueError, match="Tier"):
        Sheet(store, one, ["tier"])
