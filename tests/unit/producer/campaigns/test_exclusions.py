"""Exclusions of a launch: people of other campaigns, by the state of their message, and of files."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from config.sections import SubAccount
from config.settings import Settings
from producer.campaigns.exclusions import MOST_EXCLUSIONS, read_exclusions
from producer.campaigns.launch import Launch, check, run
from producer.campaigns.plans.plan import plan_file
from producer.errors import InputError
from producer.layout import ReadOptions
from store.client import Store
from store.errors import LaneMismatch, UnknownLane
from store.keys import lane_keys
from store.records.outcome import RECORD_BYTES
from store.reports.lane_report import waiting_jobs
from store.states import BY_STATE, State

SETTINGS = Settings(sub_accounts={"Shop": SubAccount()})
STATES = [
    State.READ, State.REJECTED, State.UNCONFIRMED, State.SKIPPED, State.FAILED, State.UNDELIVERED,
    State.ACCEPTED, State.CANCELLED,
]  # fmt: skip


@pytest.fixture
def launch(tmp_path: Path) -> Launch:
    people, message = tmp_path / "people.csv", tmp_path / "message.json"
    rows = "".join(f"+44740000000{n},Ann\n" for n in range(10))
    people.write_text(f"msisdn,name\n{rows}GB.1349120865530274,Bob\n")
    message.write_text(json.dumps({"type": "text", "content": {"text": "Ahoy {{name}}"}}))
    return Launch("First", "Shop", people, message)


@pytest.fixture
def first(store: Store, launch: Launch) -> str:
    """A campaign of which eight messages have ended, one of them perhaps twice; three still wait."""
    lane = run(store, check(launch), lambda: None).lane.id
    records = []
    for state in STATES:
        doubt = bytes([state is State.FAILED])
        record = BY_STATE[state].mark.encode() + bytes(13) + doubt
        records.append(record.ljust(RECORD_BYTES, b"\0"))
    store.client.set(f"{lane_keys(lane).outcomes}0", b"".join(records))
    return lane


def left(store: Store, launch: Launch, *asked: str) -> list[bytes]:
    exclusions = read_exclusions(store, asked, "Shop", ReadOptions())
    prepared = check(replace(launch, name="Second", exclusions=exclusions))
    planned = plan_file(store, SETTINGS, prepared, offline=True)
    launched = run(store, prepared, lambda: None)
    assert (planned.excluded, planned.recipients) == (launched.lane.excluded, launched.recipients)
    assert planned.excluded + planned.recipients == 11
    lines = [job.line for _, job in waiting_jobs(store, launched.lane.id)]
    return [line.partition(b"\t")[0][-2:] for line in lines]


def test_those_are_left_out_who_got_it_may_have_or_still_wait(
    store: Store, launch: Launch, first: str
) -> None:
    assert left(store, launch, "campaign:first") == [b"01", b"03", b"05", b"07"]


def test_all_of_a_campaign_are_left_out_if_asked_for(
    store: Store, launch: Launch, first: str, tmp_path: Path
) -> None:
    launch.recipients.write_text(launch.recipients.read_text() + "+447400000099,Zoe\n")
    exclusions = read_exclusions(store, [f"campaign:{first}:all"], "Shop", ReadOptions())
    launched = run(store, check(replace(launch, name="B", exclusions=exclusions)), lambda: None)
    assert (launched.recipients, launched.lane.excluded) == (1, 11)


def test_people_of_a_file_are_left_out(store: Store, launch: Launch, tmp_path: Path) -> None:
    staff = tmp_path / "staff.csv"
    staff.write_text("Name,Mobile\nAnn,+44 7400 000002\nBob,GB.1349120865530274\n")
    lines = left(store, launch, f"file:{staff}")
    assert lines == [b"00", b"01", *(f"0{n}".encode() for n in range(3, 10))]
    staff.write_text("Name,Mobile\nAnn,07400000002\n")
    with pytest.raises(InputError, match=r"staff\.csv: line 2 names no person to exclude"):
        read_exclusions(store, [f"file:{staff}"], "Shop", ReadOptions())
    assert read_exclusions(store, [f"file:{staff}"], "Shop", ReadOptions(region="GB")).names


def test_a_launch_is_gone_on_with_the_same_exclusions_only(
    store: Store, launch: Launch, first: str
) -> None:
    left(store, launch, "campaign:first")
    with pytest.raises(LaneMismatch):
        run(store, check(replace(launch, name="Second")), lambda: None)


def test_exclusions_are_bound_by_the_digest(store: Store, launch: Launch, first: str) -> None:
    exclusions = read_exclusions(store, ["campaign:First"], "Shop", ReadOptions())
    ours = replace(launch, name="Second")
    plans = [
        plan_file(store, SETTINGS, check(one), offline=True)
        for one in (ours, replace(ours, exclusions=exclusions))
    ]
    assert len({plan.digest for plan in plans}) == 2


def test_what_cannot_be_excluded_is_told(store: Store, tmp_path: Path) -> None:
    for asked, sentence in (
        (["employees.csv"], '"employees.csv" cannot be excluded: say campaign:NAME'),
        (["file:absent.csv"], "there is no such file"),
        (["campaign:x"] * (MOST_EXCLUSIONS + 1), "at most 20 exclusions are taken, got 21"),
    ):
        with pytest.raises(InputError, match=sentence):
            read_exclusions(store, asked, "Shop", ReadOptions())
    with pytest.raises(UnknownLane):
        read_exclusions(store, ["campaign:absent"], "Shop", ReadOptions())
