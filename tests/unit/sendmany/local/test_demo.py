"""The demo's own logic: its files, its settings, its figures."""

import json
import os
from pathlib import Path

import pytest

from chatapps.codes import meaning
from producer.campaigns.launch import check
from producer.files.phone_numbers import normalise
from producer.files.rows import RowPacker
from sendmany.cli.processes.demo import table
from sendmany.local.demo import DemoPlan, Figures, batch_size, figures, forget_settings, local_plan
from sendmany.local.demo_files import BLOCKS, number, write_files
from sendmany.local.sandbox_check import Audit, LedgerSummary
from store.lanes.lane import LaneStatus
from store.states import State
from tests.unit.sendmany.given import report

PROVIDER = LedgerSummary(
    requests=3,
    taken=8,
    duplicates=0,
    rejected={"1002": 2, "2000": 4},
    requests_by_status={"200": 2, "500": 1},
    max_messages_in_one_second=10,
)
CODES = {"rejected:api:1002": 2}


def nothing() -> None:
    """No stop is wanted."""


def of_ten(balanced: bool = True, missing: int = 0, audit: Audit | None = None) -> Figures:
    end = report(
        {State.ACCEPTED: 8, State.REJECTED: 2},
        CODES,
        {"requests": 3, "posted": 19, "retried": 9},
        status=LaneStatus.FINISHED,
        finished_at=1_002_000,
    )
    return figures(DemoPlan(10), end, balanced, missing, audit or Audit(0, 0, 0), PROVIDER)


def test_the_files_can_be_launched_as_they_are(tmp_path: Path) -> None:
    prepared = check(write_files(25, tmp_path, nothing))
    columns = prepared.message.content.columns
    (chunk,) = prepared.file.chunks(RowPacker(prepared.file.layout, columns))
    assert len(chunk.lines) == 25
    assert chunk.invalid_rows == []


def test_every_number_is_another_one_and_a_possible_one() -> None:
    assert len({number(index) for index in range(3_000)}) == 3_000
    assert all(normalise(f"+{block}000000") == f"{block}000000" for block in BLOCKS)


def test_the_numbers_go_on_after_a_million() -> None:
    assert number(999_999) == f"+{BLOCKS[0]}999999"
    assert number(1_000_000) == f"+{BLOCKS[1]}000000"


@pytest.mark.parametrize(
    ("recipients", "size"), [(1, 20), (2_000, 40), (10_000, 200), (1_000_000, 1_000)]
)
def test_batches_are_small_enough_to_meet_faults(recipients: int, size: int) -> None:
    assert batch_size(recipients) == size


def test_the_users_own_accounts_are_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "environ", {"PATH": "/bin", "SENDMANY_REDIS_URL": "redis://real"})
    os.environ["SENDMANY_SUB_ACCOUNTS"] = json.dumps({"real": {"api_key": "x"}})
    os.environ["SENDMANY_BATCH__MAX_MESSAGES"] = "7"
    forget_settings()
    assert set(os.environ) == {"PATH", "SENDMANY_BATCH__MAX_MESSAGES"}
    environment = dict(local_plan(DemoPlan(), tmp_path).environment)
    assert set(json.loads(environment["SENDMANY_SUB_ACCOUNTS"])) == {"sandbox"}
    assert environment["SENDMANY_BATCH__MAX_MESSAGES"] == "7"  # to try things with


def test_a_clean_run_is_flawless() -> None:
    clean = of_ten()
    assert clean.flawless
    assert (clean.seconds, clean.messages_per_second) == (2.0, 5.0)
    assert clean.rejected_by_code == {"1002": 2}
    assert clean.messages_refused_once == 4


@pytest.mark.parametrize(
    "flawed",
    [
        of_ten(balanced=False),
        of_ten(missing=1),
        of_ten(audit=Audit(lost=1, unrecorded=0, duplicates=0)),
        of_ten(audit=Audit(lost=0, unrecorded=1, duplicates=0)),
        of_ten(audit=Audit(lost=0, unrecorded=0, duplicates=1)),
    ],
)
def test_whatever_is_lost_or_doubled_is_a_flaw(flawed: Figures) -> None:
    assert not flawed.flawless


def test_the_json_holds_what_programs_were_promised() -> None:
    promised = (
        "recipients accepted rejected failed unconfirmed requests retries seconds "
        "messages_per_second ledger_balanced provider_duplicates lost"
    )
    assert set(promised.split()) <= set(of_ten().as_json())


def test_the_table_names_the_codes_and_the_faults() -> None:
    shown = [str(cell) for cell in table(of_ten(), DemoPlan(10)).columns[1].cells]
    assert f"2  ({meaning(1002)})" in shown
    assert "1 x HTTP 500, 4 messages refused for a while" in shown
