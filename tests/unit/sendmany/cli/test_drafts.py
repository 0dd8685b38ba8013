"""`sendmany campaign create|edit|delete|clone` and what takes a draft, on a store without a server."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from config.sections import SubAccount
from config.settings import Settings
from producer.errors import InputError, NotAgreed
from sendmany.cli.application import app
from store.access.audit import read_audit
from store.client import Store
from store.errors import LaneMismatch, StoreRefused, UnknownLane
from store.lanes.lane import LaneStatus, find_lane, list_lanes
from store.reports.lane_report import report
from store.states import State
from tests.conformance import given

ROWS = "Mobile,name,city\n+447700900001,Ada,Bath\n+447700900002,Bo,York\n+447700900001,Ada,Bath\n"
CREATE = ("create", "Spring", "--recipients", "people.csv", "--message", "offer.json")
Run = Callable[..., Result]


@pytest.fixture
def campaign(store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.chdir(tmp_path)
    Path("people.csv").write_text(ROWS)
    write("Hi {{name}}")
    settings = Settings(sub_accounts={"shop": SubAccount(tier=2000)})
    for module in ("draft", "launch", "plan", "show", "again", "control"):
        path = f"sendmany.cli.campaign.{module}"
        monkeypatch.setattr(f"{path}.load_settings", lambda: settings)
        monkeypatch.setattr(f"{path}.connect", lambda _: store, raising=False)
        monkeypatch.setattr(f"{path}.hint_drain", lambda: None, raising=False)

    def run(*words: str) -> Result:
        return CliRunner().invoke(app, ["campaign", *words])

    return run


def write(text: str) -> None:
    Path("offer.json").write_text(json.dumps({"type": "text", "content": {"text": text}}))


def answer(result: Result) -> Any:
    assert result.exit_code == 0, (result.exception, result.stderr)
    return json.loads(result.stdout)


def keys(store: Store) -> list[str]:
    """All keys but those of the audit trail."""
    return sorted(key.decode() for key in store.client.scan_iter() if b"audit" not in key)


def test_a_draft_is_kept_shown_planned_and_launched(store: Store, campaign: Run) -> None:
    draft = answer(campaign(*CREATE, "--json"))
    assert (draft["status"], draft["columns"]) == ("draft", ["Mobile", "name", "city"])
    assert draft["problem"] is None
    assert '"Spring" is a draft' in campaign(*CREATE).stdout  # the same again
    assert answer(campaign("show", "Spring", "--json"))["draft"] == draft
    assert "Hi {{name}}" in campaign("show", "Spring").stdout
    assert answer(campaign("list", "--json"))[0]["status"] == "draft"
    planned = answer(campaign("plan", "Spring", "--offline", "--json"))
    assert (planned["recipients"], planned["duplicates"]) == (2, 1)
    digest = planned["digest"]
    launched = answer(campaign("launch", "Spring", "--offline", "--plan", digest, "--json"))
    assert (launched["id"], launched["status"]) == (draft["id"], "sending")
    assert (launched["recipients"], launched["resumed"]) == (2, False)
    lane = find_lane(store, "Spring")
    assert (lane.draft, [key for key in keys(store) if ":c:" in key or "drafts" in key]) == ("", [])
    acts = [one.act for one in read_audit(store)]
    assert acts == ["campaign.launch", "campaign.create"]


def test_the_plan_of_a_draft_is_that_of_its_files(campaign: Run) -> None:
    answer(campaign(*CREATE, "--json"))
    files = ("--recipients", "people.csv", "--message", "offer.json")
    direct = answer(campaign("plan", "Other", *files, "--offline", "--json"))
    kept = answer(campaign("plan", "Spring", "--offline", "--json"))
    assert kept == direct | {"ends_at": kept["ends_at"]}


def test_what_is_wrong_with_a_draft_is_told_and_can_be_mended(campaign: Run) -> None:
    write("Hi {{first_name}}")
    draft = answer(campaign(*CREATE, "--json"))
    assert "first_name" in draft["problem"]
    refused = campaign("launch", "Spring", "--offline")
    assert isinstance(refused.exception, InputError)
    mended = answer(campaign("edit", "Spring", "--map", "first_name=name", "--json"))
    assert mended["problem"] is None
    assert mended["options"]["map"] == {"first_name": "name"}
    assert answer(campaign("launch", "Spring", "--offline", "--json"))["recipients"] == 2


def test_a_launch_that_does_not_match_leaves_the_draft(store: Store, campaign: Run) -> None:
    digest = answer(campaign("plan", "Spring", *CREATE[2:], "--offline", "--json"))["digest"]
    answer(campaign(*CREATE, "--json"))
    write("Ahoy {{name}}")
    answer(campaign("edit", "Spring", "--message", "offer.json", "--json"))
    refused = campaign("launch", "Spring", "--offline", "--plan", digest)
    assert isinstance(refused.exception, NotAgreed)
    Path("bad.csv").write_text("Mobile,name\n+447700900001,Ada\nabsent,Bo\n")
    answer(campaign("edit", "Spring", "--recipients", "bad.csv", "--json"))
    refused = campaign("launch", "Spring", "--offline")
    assert isinstance(refused.exception, NotAgreed)
    assert find_lane(store, "Spring").status is LaneStatus.DRAFT
    done = answer(campaign("launch", "Spring", "--offline", "--accept-invalid", "--json"))
    assert (done["recipients"], done["invalid_rows"]) == (1, 1)
    assert "absent,Bo" in Path(done["invalid_rows_file"]).read_text()


def test_a_deleted_draft_leaves_nothing_and_frees_its_name(store: Store, campaign: Run) -> None:
    answer(campaign(*CREATE, "--json"))
    answer(campaign("delete", "Spring", "--yes", "--json"))
    assert keys(store) == []
    with pytest.raises(UnknownLane):
        find_lane(store, "Spring")
    assert answer(campaign(*CREATE, "--json"))["status"] == "draft"


def test_only_a_draft_is_deleted_and_changed(store: Store, campaign: Run) -> None:
    answer(campaign(*CREATE, "--json"))
    answer(campaign("launch", "Spring", "--offline", "--json"))
    for words in (("delete", "Spring", "--yes"), ("edit", "Spring", "--rate", "5")):
        assert isinstance(campaign(*words).exception, StoreRefused)
    assert isinstance(campaign(*CREATE).exception, LaneMismatch)
    assert find_lane(store, "Spring").next_index == 2


def test_a_draft_gets_another_name_and_other_recipients(store: Store, campaign: Run) -> None:
    answer(campaign(*CREATE, "--json"))
    answer(campaign("create", "Summer", *CREATE[2:], "--json"))
    assert isinstance(campaign("edit", "Spring", "--rename", "summer").exception, LaneMismatch)
    Path("others.csv").write_text("Mobile,name\n+447700900009,Cy\n")
    before = keys(store)
    edited = answer(
        campaign("edit", "Spring", "--rename", "Autumn", "--recipients", "others.csv", "--json")
    )
    assert (edited["name"], edited["columns"]) == ("Autumn", ["Mobile", "name"])
    assert len(keys(store)) == len(before)  # the file before is gone
    with pytest.raises(UnknownLane):
        find_lane(store, "Spring")
    assert answer(campaign("plan", "Autumn", "--offline", "--json"))["recipients"] == 1


def test_an_option_is_reset_and_a_wrong_one_changes_nothing(store: Store, campaign: Run) -> None:
    answer(campaign(*CREATE, "--rate", "5", "--hold", "--json"))
    assert isinstance(
        campaign("edit", "Spring", "--on-unconfirmed", "resend").exception, InputError
    )
    assert isinstance(campaign("edit", "Spring", "--at", "noon").exception, InputError)
    options = answer(campaign("edit", "Spring", "--unset", "rate", "--json"))["options"]
    assert options["policies"] == {"hold": True}
    assert "rate" not in options


def test_a_pace_replaces_another_as_it_does_while_a_campaign_runs(campaign: Run) -> None:
    answer(campaign(*CREATE, "--rate", "5", "--settle-after", "60", "--json"))

    def pace(*words: str) -> dict[str, Any]:
        options = answer(campaign("edit", "Spring", *words, "--json"))["options"]
        return {one: options[one] for one in ("rate", "spread", "finish_by") if one in options}

    assert pace("--spread") == {"spread": True}
    assert pace("--weight", "2") == {"spread": True}
    assert pace("--rate", "5") == {"rate": 5}
    assert pace("--finish-by", "18:00 UTC") == {"finish_by": "18:00 UTC"}
    assert pace("--rate", "0") == {"rate": 0}
    both = campaign("edit", "Spring", "--rate", "5", "--spread")
    assert "either a rate or that it is spread" in str(both.exception)
    edited = answer(campaign("edit", "Spring", "--settle-after", "0", "--json"))
    assert edited["options"]["policies"] == {"settle_after": 0}


def test_options_of_a_draft_are_changed_by_edit_and_not_as_it_is_launched(campaign: Run) -> None:
    answer(campaign(*CREATE, "--json"))
    refused = campaign("launch", "Spring", "--rate", "5", "--offline")
    assert "--rate is kept in the draft" in str(refused.exception)
    assert isinstance(campaign("launch", "Spring", "--message", "offer.json").exception, InputError)
    refused = campaign("launch", *CREATE[1:], "--offline")
    assert "There is a draft 'Spring'" in str(refused.exception)
    assert isinstance(campaign("pace", "Spring", "--rate", "5").exception, StoreRefused)
    assert isinstance(campaign("watch", "Spring").exception, InputError)


def test_rows_of_another_file_are_added_by_the_names_of_their_columns(campaign: Run) -> None:
    answer(campaign(*CREATE, "--json"))
    Path("more.csv").write_text("name;phone\nCy;07700900003\nDi;+447700900002\n")
    done = answer(campaign("add", "Spring", "more.csv", "--region", "GB", "--json"))
    assert (done["status"], done["added"]) == ("draft", 2)
    planned = answer(campaign("plan", "Spring", "--offline", "--json"))
    assert (planned["rows"], planned["recipients"], planned["duplicates"]) == (5, 3, 2)
    Path("more.csv").write_text("phone\n+447700900004\n")
    assert 'no column "name"' in str(campaign("add", "Spring", "more.csv").exception)
    assert answer(campaign("launch", "Spring", "--offline", "--json"))["recipients"] == 3


def test_a_draft_is_cloned(store: Store, campaign: Run) -> None:
    first = answer(campaign(*CREATE, "--rate", "5", "--json"))
    twin = answer(campaign("clone", "Spring", "--as", "Summer", "--json"))
    assert twin["id"] != first["id"]
    assert {**twin, "id": "", "name": "", "kept_until": ""} == {
        **first, "id": "", "name": "", "kept_until": ""
    }  # fmt: skip
    answer(campaign("delete", "Spring", "--yes", "--json"))
    assert answer(campaign("launch", "Summer", "--offline", "--json"))["recipients"] == 2


def test_an_ended_campaign_is_cloned_with_its_kept_values(store: Store, campaign: Run) -> None:
    answer(campaign(*CREATE, "--keep", "city", "--json"))
    launched = answer(campaign("launch", "Spring", "--offline", "--json"))
    assert isinstance(campaign("clone", "Spring", "--as", "Again").exception, StoreRefused)
    claim = given.claim(store, launched["id"])
    given.settle(store, launched["id"], claim, given.ended(State.DELIVERED, claim.jobs))
    assert find_lane(store, "Spring").status is LaneStatus.FINISHED
    twin = answer(campaign("clone", "Spring", "--as", "Again", "--json"))
    assert twin["columns"] == ["Mobile", "name", "city"]
    planned = answer(campaign("plan", "Again", "--offline", "--json"))
    assert (planned["recipients"], planned["previews"][0]["text"]) == (2, "Hi Ada")


def test_a_launch_that_was_interrupted_goes_on(
    store: Store, campaign: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "".join(f"+4477009{n:05d},N\n" for n in range(2500))
    Path("people.csv").write_text(f"Mobile,name\n{rows}")
    answer(campaign(*CREATE, "--json"))
    original, calls = store.run, []

    def dying(call: Any) -> Any:
        calls.append(call.script)
        if calls.count("enqueue_rows") > 2:
            raise KeyboardInterrupt
        return original(call)

    monkeypatch.setattr(store, "run", dying)
    assert campaign("launch", "Spring", "--offline").exit_code == 130
    monkeypatch.setattr(store, "run", original)
    lane = find_lane(store, "Spring")
    assert (lane.status, lane.next_index) == (LaneStatus.LOADING, 2000)
    assert isinstance(campaign("edit", "Spring", "--rate", "5").exception, StoreRefused)
    done = answer(campaign("launch", "Spring", "--offline", "--json"))
    assert (done["recipients"], done["resumed"], done["status"]) == (2500, True, "sending")
    assert report(store, lane.id).balanced


def test_a_draft_starts_at_its_time_and_not_in_the_past(store: Store, campaign: Run) -> None:
    answer(campaign(*CREATE, "--json"))
    assert isinstance(
        campaign("launch", "Spring", "--at", "2020-01-01 09:00 UTC").exception, InputError
    )
    assert isinstance(
        campaign("reschedule", "Spring", "--at", "2027-01-01 09:00 UTC").exception, StoreRefused
    )
    assert find_lane(store, "Spring").status is LaneStatus.DRAFT
    done = answer(
        campaign("launch", "Spring", "--offline", "--at", "2027-01-01 09:00 UTC", "--json")
    )
    assert (done["status"], done["zone"]) == ("scheduled", "UTC")


def test_a_file_that_is_no_table_leaves_nothing(store: Store, campaign: Run) -> None:
    for text in (b"", b"Mobile,name\n", b"Mobile,name\n+447700900001,Zo\xeb\n"):
        Path("people.csv").write_bytes(text)
        encoding = ("--encoding", "utf-8") if b"\xeb" in text else ()
        assert isinstance(campaign(*CREATE, *encoding).exception, InputError)
        assert [key for key in keys(store) if "names" not in key] == []
        assert list_lanes(store) == []


def test_a_campaign_shows_how_many_people_it_left_out(campaign: Run) -> None:
    Path("staff.csv").write_text("Mobile\n+447700900002\n")
    files = ("--recipients", "people.csv", "--message", "offer.json", "--offline")
    launched = answer(campaign("launch", "Spring", *files, "--exclude", "file:staff.csv", "--json"))
    assert launched["excluded"] == 1
    assert "excluded 1 " in " ".join(campaign("show", "Spring").stdout.split()) + " "


def test_a_plan_says_why_no_text_is_shown(campaign: Run) -> None:
    template = {"name": "spring_offer", "language": "en", "components": []}
    Path("offer.json").write_text(
        json.dumps({"type": "template", "content": {"template": template}})
    )
    assert (
        "text of the template is not known"
        in campaign(
            "plan", "Other", "--recipients", "people.csv", "--message", "offer.json", "--offline"
        ).output
    )
