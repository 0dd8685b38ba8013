"""Launching campaigns: everything wrong is found before anything is stored, and a launch goes on."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from producer.campaigns.launch import Launch, Prepared, check, run
from producer.campaigns.load import Loaded
from producer.errors import InputError
from producer.layout import ReadOptions
from store.client import Call, Store
from store.errors import LaneMismatch, StoreUnavailable
from store.lanes.lane import Lane, LaneStatus, find_lane, list_lanes, read_counts
from store.lanes.open import find_repeated
from store.purposes import Purpose
from store.reports.lane_report import waiting_jobs
from store.states import State
from store.templates import keep_registry


class Wakes:
    """Counts the dispatch tasks that were sent."""

    def __init__(self) -> None:
        self.sent = 0

    def __call__(self) -> None:
        self.sent += 1


class KilledError(Exception):
    """Stands for a kill -9 between two chunks."""


@pytest.fixture
def launch(tmp_path: Path) -> Launch:
    recipients = tmp_path / "people.csv"
    rows = [f"+493023125{i:06d},Name {i}\n" for i in range(2500)]
    rows[700] = rows[3]  # a duplicate far away
    rows[1500] = "not a number,Ben\n"
    rows[1501] = "+493023125999999,\n"
    recipients.write_text("msisdn,name\n" + "".join(rows))
    message = tmp_path / "message.json"
    message.write_text(json.dumps({"type": "text", "content": {"text": "Hello {{name}}"}}))
    return Launch("Spring Sale", "Shop", recipients, message)


def lines_of(store: Store, lane: Lane) -> list[bytes]:
    return [job.line for _, job in waiting_jobs(store, lane.id)]


def test_a_launch_stores_one_job_for_each_good_row(store: Store, launch: Launch) -> None:
    wakes = Wakes()
    launched = run(store, check(launch), wakes)
    assert launched.recipients == 2497
    assert (launched.duplicates, launched.invalid_rows) == (1, 2)
    assert launched.lane.status is LaneStatus.SENDING
    assert store.run(read_counts(launched.lane.id)) == {State.QUEUED: 2497}
    assert len(set(lines_of(store, launched.lane))) == 2497
    assert wakes.sent == 1


def test_a_launch_is_done_though_nobody_can_be_woken(
    store: Store, launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = store.run

    def run_call(call: Call[Any]) -> Any:
        if call.script == "wake_workers":
            raise StoreUnavailable("gone just now")
        return real(call)

    monkeypatch.setattr(store, "run", run_call)
    launched = run(store, check(launch), Wakes())
    assert launched.lane.status is LaneStatus.SENDING


def test_rejects_are_written_with_their_lines(store: Store, launch: Launch) -> None:
    launched = run(store, check(launch), Wakes())
    assert launched.invalid_rows_file is not None
    invalid_rows = launched.invalid_rows_file.read_text().splitlines()
    assert [row.split(",")[0] for row in invalid_rows][1:] == ["1502", "1503"]
    assert "999999" in launched.invalid_rows_file.read_text()  # whole, so that it can be mended
    assert launched.invalid_rows_file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("chunks", [1, 2])
def test_a_launch_that_was_killed_goes_on_with_exactly_what_is_missing(
    store: Store, launch: Launch, chunks: int
) -> None:
    seen: list[Loaded] = []

    def die(progress: Loaded) -> None:
        seen.append(progress)
        if len(seen) == chunks:
            raise KilledError

    with pytest.raises(KilledError):
        run(store, check(launch), Wakes(), die)
    assert find_lane(store, "Spring Sale").status is LaneStatus.LOADING

    launched = run(store, check(launch), Wakes())
    whole = replace(launch, name="Whole")
    at_once = run(store, check(whole), Wakes())
    assert launched.resumed
    assert not at_once.resumed
    assert lines_of(store, launched.lane) == lines_of(store, at_once.lane)
    assert (launched.duplicates, launched.invalid_rows) == (1, 2)


def test_launching_a_finished_launch_again_adds_nothing(store: Store, launch: Launch) -> None:
    run(store, check(launch), Wakes())
    again = run(store, check(launch), Wakes())
    assert again.resumed
    assert again.recipients == 2497
    assert len(list_lanes(store)) == 1


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"message": "other.json"}, "another message"),
        ({"recipients": "other.csv"}, "another recipient file"),
        ({"reading": ReadOptions(region="GB")}, "another recipient file, number column or region"),
    ],
)
def test_the_same_name_with_something_else_is_refused(
    store: Store, launch: Launch, tmp_path: Path, change: dict[str, str], what: str
) -> None:
    (tmp_path / "other.json").write_text('{"type": "text", "content": {"text": "Bye {{name}}"}}')
    (tmp_path / "other.csv").write_text("msisdn,name\n+447700900001,Ana\n")
    run(store, check(launch), Wakes())
    paths = ("message", "recipients")
    changes = {key: tmp_path / value if key in paths else value for key, value in change.items()}
    with pytest.raises(LaneMismatch, match=what):
        run(store, check(replace(launch, **changes)), Wakes())  # type: ignore[arg-type]


def test_an_unknown_column_stops_the_launch_before_anything_is_stored(
    store: Store, launch: Launch
) -> None:
    launch.message.write_text('{"type": "text", "content": {"text": "Hello {{nmae}}"}}')
    with pytest.raises(InputError, match="nmae"):
        check(launch)
    assert list_lanes(store) == []


def test_nothing_may_be_claimed_until_the_file_has_ended(store: Store, launch: Launch) -> None:
    statuses: list[LaneStatus] = []
    prepared: Prepared = check(launch)
    run(store, prepared, Wakes(), lambda _: statuses.append(find_lane(store, launch.name).status))
    assert set(statuses) == {LaneStatus.LOADING}


def test_sending_while_loading_lifts_that(store: Store, launch: Launch) -> None:
    statuses: list[LaneStatus] = []
    early = check(replace(launch, send_while_loading=True))
    run(store, early, Wakes(), lambda _: statuses.append(find_lane(store, launch.name).status))
    assert set(statuses) == {LaneStatus.SENDING}


NATIONAL = "name,tel,row\n" + "".join(f"Ada,07700 900{i:03},{i}\n" for i in range(200))


@pytest.mark.parametrize(
    ("text", "changes", "why"),
    [
        (
            "msisdn,name\nnobody,Ana\n",
            {},
            r'only row .*line 2 "nobody": not a phone number\).*column "msisdn"',
        ),
        (NATIONAL, {}, r"first 200 rows .*it has no country code.*or a --region, such as GB"),
        (
            NATIONAL,
            {"reading": ReadOptions({"phone": "row"})},
            r'no country code.*"row".*another --map phone=COLUMN',
        ),
        (
            NATIONAL,
            {"reading": ReadOptions({"phone": "row"}, region="GB")},
            r"as those of GB\. .*or another --region",
        ),
    ],
)
def test_a_file_without_a_usable_row_is_refused_before_anything_is_stored(
    store: Store, launch: Launch, text: str, changes: dict[str, str], why: str
) -> None:
    launch.recipients.write_text(text)
    with pytest.raises(InputError, match=why):
        check(replace(launch, **changes))  # type: ignore[arg-type]
    assert list_lanes(store) == []
    launched = run(store, check(replace(launch, recipients=good_file(launch))), Wakes())
    assert (launched.recipients, launched.resumed) == (1, False)


def good_file(launch: Launch) -> Path:
    good = launch.recipients.with_name("good.csv")
    good.write_text("msisdn,name\n+447700900001,Ana\n")
    return good


def test_a_usable_row_after_unusable_ones_is_enough(store: Store, launch: Launch) -> None:
    rows = "nobody,Ana\n" * 2_500 + "+447700900001,Ana\n"
    launch.recipients.write_text("msisdn,name\n" + rows)
    launched = run(store, check(launch), Wakes())
    assert (launched.recipients, launched.invalid_rows) == (1, 2_500)


def test_no_more_rows_are_looked_at_than_it_takes(launch: Launch) -> None:
    launch.recipients.write_text("msisdn,name\n" + "nobody,Ana\n" * 9_000)
    with pytest.raises(InputError, match="none of the first 5,000 rows can be used"):
        check(launch)


@pytest.mark.parametrize("name", ["", " ", " Spring", "Spring ", "a\nb", "a\x1b[31m", "a" * 101])
def test_a_name_that_cannot_be_shown_or_typed_is_refused(launch: Launch, name: str) -> None:
    with pytest.raises(InputError, match="name is 1 to 100 printable characters"):
        check(replace(launch, name=name))
    check(replace(launch, name="Frühling 🌷 2026"))


def test_a_list_of_rejects_that_cannot_be_written_is_told_before_anything_is_stored(
    store: Store, launch: Launch, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="launch again with --invalid-rows FILE"):
        check(replace(launch, invalid_rows=tmp_path / "no" / "invalid.csv"))
    assert list_lanes(store) == []
    assert sorted(file.name for file in tmp_path.iterdir()) == ["message.json", "people.csv"]


@pytest.mark.parametrize("again", ["SPRING SALE", "spring  sale", "springsale"])
def test_a_name_is_the_same_without_case_and_white_space(
    store: Store, launch: Launch, again: str
) -> None:
    run(store, check(launch), Wakes())
    launched = run(store, check(replace(launch, name=again)), Wakes())
    assert (launched.resumed, launched.lane.name) == (True, "Spring Sale")
    assert len(list_lanes(store)) == 1
    assert find_lane(store, again).id == launched.lane.id
    launch.message.write_text('{"type": "text", "content": {"text": "Bye {{name}}"}}')
    with pytest.raises(LaneMismatch, match="with another message"):
        run(store, check(replace(launch, name=again)), Wakes())


def test_the_same_file_and_message_under_another_name_are_found(
    store: Store, launch: Launch
) -> None:
    run(store, check(launch), Wakes())
    assert find_repeated(store, check(launch).plan) is None
    assert find_repeated(store, check(replace(launch, name="Summer")).plan) == "Spring Sale"
    assert find_repeated(store, check(replace(launch, name="x", sub_account="Bank")).plan) is None
    launch.message.write_text('{"type": "text", "content": {"text": "Bye {{name}}"}}')
    assert find_repeated(store, check(replace(launch, name="Summer")).plan) is None


def test_another_country_column_makes_other_recipients(store: Store, launch: Launch) -> None:
    launch.recipients.write_text(
        "msisdn,name,Country,Home\n0151 23456789,Ana,DE,GB\n+447700900001,Ben,,\n"
    )
    run(store, check(launch), Wakes())
    other = check(replace(launch, reading=ReadOptions(country_column="Home")))
    with pytest.raises(LaneMismatch, match="another recipient file, number column"):
        run(store, other, Wakes())


def test_a_launch_counts_the_values_that_it_folded(store: Store, launch: Launch) -> None:
    parameters = [{"type": "text", "text": "{{name}}"}]
    template = {
        "name": "t",
        "language": "en",
        "components": [{"type": "body", "parameters": parameters}],
    }
    launch.message.write_text(json.dumps({"type": "template", "content": {"template": template}}))
    launch.recipients.write_text('msisdn,name\n+447700900001,"A\nB"\n+447700900002,Ben\n')
    launched = run(store, check(launch), Wakes())
    assert (launched.recipients, launched.folded) == (2, 1)
    assert b"447700900001\tA B" in lines_of(store, launched.lane)


def test_blank_rows_are_neither_rows_nor_in_the_way_of_a_launch_that_goes_on(
    store: Store, launch: Launch
) -> None:
    text = launch.recipients.read_text().replace("Name 999\n", "Name 999\n,\n\n ,\n")
    launch.recipients.write_text(f"{text},,\n;;\n")
    seen: list[Loaded] = []

    def die(progress: Loaded) -> None:
        seen.append(progress)
        raise KilledError

    for _ in range(2):
        with pytest.raises(KilledError):
            run(store, check(launch), Wakes(), die)
    launched = run(store, check(launch), Wakes())
    assert [progress.rows for progress in seen] == [1000, 2000]
    assert (launched.recipients, launched.duplicates, launched.invalid_rows) == (2497, 1, 2)
    assert launched.lane.row == 2500


def test_a_launch_says_what_it_is_for_and_the_registry_has_the_last_word(
    store: Store, launch: Launch
) -> None:
    template = {"name": "offer", "language": "en"}
    launch.message.write_text(json.dumps({"type": "template", "content": {"template": template}}))
    store.run(keep_registry("Shop", {"offer:en": Purpose.MARKETING}))
    with pytest.raises(InputError, match="offer:en is registered as MARKETING"):
        run(store, check(replace(launch, purpose=Purpose.AUTHENTICATION)), Wakes())
    assert list_lanes(store) == []
    lane = run(store, check(replace(launch, purpose=Purpose.UTILITY)), Wakes()).lane
    assert (lane.purpose, lane.template) == (Purpose.MARKETING, "offer:en")


def test_a_launch_that_says_nothing_of_an_unknown_template_leaves_it_open(
    store: Store, launch: Launch
) -> None:
    lane = run(store, check(launch), Wakes()).lane
    assert (lane.purpose, lane.template) == (None, "")
