"""`sendmany campaign retry|add`, as they are typed, on a store without a server."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from producer.campaigns.launch import Launch, check, run
from producer.errors import InputError
from sendmany.cli.application import app
from store.client import Store
from store.lanes.lane import Lane, find_lane
from store.queue.dead_letters import DeadLetters
from store.queue.enqueue import enqueue_messages
from store.records.outcome import Origin
from store.states import State
from tests.conformance import given

FILE = "msisdn,name\n+493023125000000,Ada\n+493023125000001,Bo\n+493023125000002,Cy\n"


@pytest.fixture
def lane(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lane:
    """Ada was not reached, of Bo it is in doubt, Cy has it."""
    for module in ("again", "show"):
        monkeypatch.setattr(f"sendmany.cli.campaign.{module}.connect", lambda settings: store)
    monkeypatch.setattr("sendmany.cli.campaign.again.hint_drain", lambda: None)
    (tmp_path / "people.csv").write_text(FILE)
    (tmp_path / "m.json").write_text('{"type": "text", "content": {"text": "Hi {{name}}"}}')
    files = tmp_path / "people.csv", tmp_path / "m.json"
    id_ = run(store, check(Launch("Spring", "Shop", *files)), lambda: None).lane.id
    claim = given.claim(store, id_)
    what = given.ended(State.DELIVERED, claim.jobs[2:])
    for job, doubt in zip(claim.jobs[:2], (False, True), strict=True):
        code = (Origin.RECEIPT, 1024)
        what.records += given.records(State.UNDELIVERED, [job], code, other_attempt=doubt)
        what.add(State.UNDELIVERED, 1)
    given.settle(store, id_, claim, what)
    return find_lane(store, id_)


def campaign(*words: str, types: str = "") -> Result:
    return CliRunner().invoke(app, ["campaign", *words], input=types)


def answer(*words: str) -> Any:
    result = campaign(*words, "--json")
    assert result.exit_code == 0, result.exception
    return json.loads(result.stdout)


def test_a_dry_run_says_who_and_stores_nothing(store: Store, lane: Lane) -> None:
    told = campaign("retry", "Spring", "--dry-run").stderr
    assert '2 people of "Spring" would get the message again.' in told
    assert "1 of them have got it already, or may have" in told
    assert find_lane(store, lane.id).children == ()


def test_a_program_has_to_say_yes_and_a_person_is_asked(
    store: Store, lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(campaign("retry", "Spring").exception, InputError)
    monkeypatch.setattr("sendmany.cli.campaign.again.at_terminal", lambda: True)
    assert campaign("retry", "Spring", types="n\n").exit_code == 1
    assert find_lane(store, lane.id).children == ()
    done = campaign("retry", "Spring", "--as", "Again", types="y\n")
    assert '"Again" is launched: 2 recipients.' in done.stdout
    assert find_lane(store, "Again").parent == lane.id


def test_a_retry_without_people_says_so_and_asks_for_no_yes(store: Store, lane: Lane) -> None:
    refused = campaign("retry", "Spring", "--code", "receipt.1")
    assert str(refused.exception) == 'No message of "Spring" is to be sent again'


def test_a_retry_and_its_parent_name_each_other(store: Store, lane: Lane) -> None:
    done = answer("retry", "Spring", "--yes")
    assert (done["name"], done["recipients"], done["parent"]) == ("Spring (retry 1)", 2, lane.id)
    assert answer("show", "Spring")["children"] == [done["id"]]
    assert answer("show", done["id"])["parent"] == lane.id
    assert lane.id in campaign("show", done["id"]).stdout


def test_single_messages_that_failed_are_sent_again_in_their_lane(store: Store, lane: Lane) -> None:
    single = given.notifications(store)
    store.run(enqueue_messages(single, [given.message("one"), given.message("two")]))
    claim = given.claim(store, single)
    what = given.ended(State.FAILED, claim.jobs, (Origin.HTTP, 503))
    what.dead = [DeadLetters("http:503", claim.jobs)]
    given.settle(store, single, claim, what)
    assert answer("retry", single, "--yes")["people"] == 2
    assert given.counts(store, single) == {State.QUEUED: 2}


def test_people_are_added_and_rows_that_cannot_be_used_lie_beside(
    store: Store, lane: Lane, tmp_path: Path
) -> None:
    (tmp_path / "more.csv").write_text(FILE + "+493023125000003,Di\nnobody,Ed\n")
    done = answer("add", "Spring", str(tmp_path / "more.csv"))
    assert (done["added"], done["already_in"], done["invalid_rows"]) == (1, 3, 1)
    rest = Path(done["invalid_rows_file"])
    assert rest.read_text().splitlines() == [
        "sendmany_line,sendmany_reason,msisdn,name", "6,not a phone number,nobody,Ed"
    ]  # fmt: skip
    assert stat.S_IMODE(rest.stat().st_mode) == 0o600
    told = campaign("add", "Spring", str(tmp_path / "more.csv")).stdout
    assert '0 people added to "Spring", 4 were in it already.' in told
