"""Drafts over HTTP: kept, changed, planned, tested, launched, cloned and deleted."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import pytest
from starlette.requests import ClientDisconnect

from producer.campaigns import trial
from sendmany.api.routes.campaigns import drafts as drafts_routes
from store.access.audit import read_audit
from store.client import Store
from store.errors import UnknownLane
from store.lanes import drafts
from store.lanes.lane import LaneStatus, find_lane, list_lanes
from store.reports.lane_report import report, waiting_jobs
from store.states import State
from tests.conformance import given
from tests.unit.sendmany.api.campaigns.test_launching import FORM, body, campaign, people
from tests.unit.web_client import Door, Wakes

ROWS = "msisdn,name\n" + people(1500) + "absent,Ana\n" + people(1)
PATH = "/v1/campaigns/Spring"
CSV = {"Content-Type": "text/csv"}


async def create(door: Door, rows: str = ROWS, **changes: Any) -> Any:
    form = campaign(launch=False, **changes)
    return await door.http.post("/v1/campaigns", content=body(form, rows), headers=FORM)


async def test_an_upload_becomes_a_draft_and_then_a_campaign(
    door: Door, store: Store, wakes: Wakes
) -> None:
    created = await create(door)
    assert created.status_code == 201, created.text
    draft = created.json()
    lane = find_lane(store, "Spring")
    assert (draft["id"], draft["status"], draft["problem"]) == (lane.id, "draft", None)
    assert draft["options"] == {"message": campaign()["message"]}
    assert (await create(door)).json()["id"] == lane.id  # the same again
    plan = (await door.http.get(f"{PATH}/plan")).json()
    assert (plan["recipients"], plan["duplicates"], plan["invalid_rows"]["total"]) == (1500, 1, 1)
    assert (store.client.llen(f"sm:{{{lane.id}}}:queue"), wakes.sent) == (0, 0)
    launched = await door.http.post(f"{PATH}/launch", json={"plan": plan["digest"]})
    assert launched.status_code == 200, launched.text
    said = launched.json()
    assert (said["id"], said["status"], said["recipients"]) == (lane.id, "sending", 1500)
    assert (said["resumed"], said["invalid_rows"], said["number_column"]) == (False, 1, "msisdn")
    assert said["first_invalid_rows"] == [
        {"line": 1502, "number": "absent", "reason": "not a phone number"}
    ]
    assert wakes.sent == 1
    assert report(store, lane.id).balanced
    assert [one.act for one in read_audit(store)] == ["campaign.launch", "campaign.create"]


async def test_a_draft_that_is_launched_twice_at_once_goes_out_once(
    door: Door, store: Store
) -> None:
    await create(door)
    first = await door.http.post(f"{PATH}/launch", json={})
    again = await door.http.post(f"{PATH}/launch", json={})
    assert (first.status_code, again.status_code) == (200, 409)
    assert "no draft" in again.json()["detail"]
    assert len(list(waiting_jobs(store, find_lane(store, "Spring").id))) == 1500


async def test_a_draft_goes_by_local_time_unless_another_time_is_said(
    door: Door, store: Store
) -> None:
    await create(door, at_local="10:00", on=f"{datetime.now(UTC) + timedelta(days=3):%Y-%m-%d}")
    assert (await door.http.get(f"{PATH}/plan")).json()["later"]
    done = await door.http.post(f"{PATH}/launch", json={})
    assert done.json()["status"] == "scheduled"
    assert find_lane(store, "Spring").local_start
    await create(door, name="Other", at_local="10:00", on="2026-12-24")
    at = f"{datetime.now(UTC) + timedelta(days=3):%Y-%m-%dT%H:%MZ}"
    await door.http.post("/v1/campaigns/Other/launch", json={"send_at": at})
    assert not find_lane(store, "Other").local_start


async def test_members_of_a_draft_are_changed_and_reset(door: Door, store: Store) -> None:
    await create(door, rate=5, policies={"hold": True})
    hi = {"type": "text", "content": {"text": "Hi {{first_name}}"}}
    changed = await door.http.patch(PATH, json={"message": hi, "rate": None, "name": "Summer"})
    assert changed.status_code == 200, changed.text
    assert changed.json()["options"] == {"message": hi, "policies": {"hold": True}}
    assert "first_name" in changed.json()["problem"]
    refused = await door.http.post("/v1/campaigns/Summer/launch", json={})
    assert refused.status_code == 422
    mended = await door.http.patch("/v1/campaigns/Summer", json={"map": {"first_name": "name"}})
    assert mended.json()["problem"] is None
    with pytest.raises(UnknownLane):
        find_lane(store, "Spring")
    for wrong, status in (
        ({"rate": -1}, 422), ({"limit": 0}, 422), ({"force": True}, 422), ({"send_at": "noon"}, 422),
        ({"policies": {"on_unconfirmed": "resend"}}, 422), ({"exclude": ["file:x.csv"]}, 422),
        ({"message": {"user": 1}}, 422), ({"message": None}, 422), ({"name": None}, 422),
        ({"map": {"phone": 3}}, 422),
    ):  # fmt: skip
        answer = await door.http.patch("/v1/campaigns/Summer", json=wrong)
        assert answer.status_code == status, (wrong, answer.text)
    assert json.loads(find_lane(store, "Summer").draft)["options"] == mended.json()["options"]


async def test_of_a_campaign_only_its_pace_is_changed(door: Door) -> None:
    await create(door)
    await door.http.post(f"{PATH}/launch", json={})
    paced = await door.http.patch(PATH, json={"rate": 7})
    assert (paced.status_code, paced.json()["rate"]) == (200, 7)
    assert (await door.http.patch(PATH, json={"rate": -7})).status_code == 422
    refused = await door.http.patch(PATH, json={"rate": 7, "keep": ["name"]})
    assert refused.status_code == 409
    assert "only rate, spread, weight and finish_by" in refused.text
    untiered = await door.http.patch(PATH, json={"spread": True})
    assert (untiered.status_code, "has no tier" in untiered.text) == (422, True)


async def test_recipients_are_replaced_and_added(door: Door, store: Store) -> None:
    await create(door)
    replaced = await door.http.put(
        f"{PATH}/recipients", content="Mobile;name\n+447400000001;Ann\n", headers=CSV
    )
    assert (replaced.status_code, replaced.json()["columns"]) == (200, ["Mobile", "name"])
    added = await door.http.post(
        f"{PATH}/recipients",
        content='name,phone\nBo,07400000002\nCy,"07400000003\n',
        params={"default_region": "GB"},
        headers=CSV,
    )
    assert added.status_code == 200, added.text
    assert (added.json()["status"], added.json()["added"], added.json()["invalid_rows"]) == (
        "draft", 1, 1
    )  # fmt: skip
    assert (await door.http.get(f"{PATH}/plan")).json()["recipients"] == 2
    bad = await door.http.put(f"{PATH}/recipients", content="phone,name\n", headers=CSV)
    assert (bad.status_code, "no rows" in bad.json()["detail"]) == (422, True)
    assert (await door.http.get(f"{PATH}/plan")).json()["recipients"] == 2
    assert len(list(store.client.scan_iter("*:c:*"))) == 2


async def test_a_launch_that_does_not_match_leaves_the_draft(door: Door, store: Store) -> None:
    await create(door, "msisdn,name\n+447400000001,Ann\nabsent,Bo\n")
    assert (await door.http.get(f"{PATH}/plan")).json()["invalid_rows"]["too_many"] is True
    for asked, word in (({}, "accept_invalid"), ({"plan": "ab" * 32}, "plan has changed")):
        refused = await door.http.post(f"{PATH}/launch", json=asked)
        assert (refused.status_code, word in refused.json()["detail"]) == (422, True), refused.text
        assert find_lane(store, "Spring").status is LaneStatus.DRAFT
    past = await door.http.post(
        f"{PATH}/launch", json={"send_at": "2020-01-01T09:00:00Z", "accept_invalid": True}
    )
    assert past.status_code == 422
    done = await door.http.post(f"{PATH}/launch", json={"accept_invalid": True})
    assert (done.status_code, done.json()["recipients"]) == (200, 1)


async def test_all_invalid_rows_of_a_draft_are_downloaded_and_can_be_added_once_mended(
    door: Door, store: Store
) -> None:
    bad = "".join(f"absent {n},=SUM({n})\n" for n in range(2500))
    await create(door, f'msisdn,name\n+447400000001,Ann\n{bad}+44 12,"a, b"\n')
    listed = await door.http.get(f"{PATH}/invalid-rows")
    assert listed.headers["content-type"] == "text/csv; charset=utf-8"
    header, first, *_, last = lines = listed.text.splitlines()
    assert header == "sendmany_line,sendmany_reason,msisdn,name"
    assert first == "3,not a phone number,absent 0,'=SUM(0)"
    assert last == '2503,too short for its country,\'+44 12,"a, b"'
    plan = (await door.http.get(f"{PATH}/plan")).json()
    assert len(lines) - 1 == plan["invalid_rows"]["total"] == 2501
    mended = f"{header}\n{last.replace('+44 12', '+44 7400 000002')}\n"
    await door.http.post(f"{PATH}/recipients", content=mended, headers=CSV)
    assert (await door.http.get(f"{PATH}/plan")).json()["recipients"] == 2
    await door.http.post(f"{PATH}/launch", json={"accept_invalid": True})
    gone = await door.http.get(f"{PATH}/invalid-rows")
    assert (gone.status_code, "its file is not kept" in gone.json()["detail"]) == (409, True)


async def test_lists_of_invalid_rows_give_their_places_back(door: Door) -> None:
    await create(door, "msisdn,name\n+447400000001,Ann\nabsent,Bo\n")
    for _ in range(40):
        assert (await door.http.get(f"{PATH}/invalid-rows")).status_code == 200


async def test_a_draft_is_tested(door: Door, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    await create(door)
    sent = await door.http.post(f"{PATH}/test", json={"to": ["+447400000099"], "row": 3})
    assert (sent.status_code, sent.json()[0]["to"]) == (202, "44********99")
    (single,) = [lane for lane in list_lanes(store) if lane.kind != "campaign"]
    (job,) = [job for _, job in waiting_jobs(store, single.id)]
    assert b"Hello Name 1" in job.line
    monkeypatch.setattr(trial, "MOST_AN_HOUR", 1)
    again = await door.http.post(f"{PATH}/test", json={"to": ["+447400000099"]})
    assert again.status_code == 422


async def test_a_draft_and_an_ended_campaign_are_cloned(door: Door, store: Store) -> None:
    await create(door, "msisdn,name,city\n+447400000001,Ann,Bath\n", keep=["city"])
    twin = await door.http.post(f"{PATH}/clone", json={"as": "Twin"})
    assert (twin.status_code, twin.json()["name"]) == (201, "Twin")
    await door.http.post("/v1/campaigns/Twin/launch", json={})
    assert (await door.http.post("/v1/campaigns/Twin/clone", json={"as": "X"})).status_code == 409
    lane = find_lane(store, "Twin").id
    claim = given.claim(store, lane)
    given.settle(store, lane, claim, given.ended(State.DELIVERED, claim.jobs))
    again = await door.http.post("/v1/campaigns/Twin/clone", json={"as": "Again"})
    assert (again.status_code, again.json()["columns"]) == (201, ["msisdn", "name", "city"])
    previews = (await door.http.get("/v1/campaigns/Again/plan")).json()["previews"]
    assert [one["text"] for one in previews] == ["Hello Ann"]
    values = f"sm:{{{lane}}}:v:0"
    store.client.delete(values)
    gone = await door.http.post("/v1/campaigns/Twin/clone", json={"as": "X"})
    assert (gone.status_code, "not kept" in gone.json()["detail"]) == (422, True)
    assert sorted(one.name for one in list_lanes(store)) == ["Again", "Spring", "Twin"]


def _one_reached(store: Store, lane: str, state: State) -> None:
    """The first message ends in this state, the others are refused."""
    for most, ends in ((1, state), (1000, State.REJECTED)):
        claim = given.claim(store, lane, most=most)
        given.settle(store, lane, claim, given.ended(ends, claim.jobs))


@pytest.mark.parametrize("version", ["2.3", "2.4"])  # of ASGI: later a lost client is an error
async def test_a_client_that_leaves_a_download_early_takes_no_place(
    door: Door, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = "".join(f"absent {n},Bo\n" for n in range(5000))
    await create(door, "msisdn,name\n+447400000001,Ann\n" + bad)
    request = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": version}, "http_version": "1.1",
        "method": "GET", "scheme": "http", "path": f"{PATH}/invalid-rows", "query_string": b"",
        "headers": [], "server": ("api.test", 80), "client": ("127.0.0.1", 1), "root_path": "",
    }  # fmt: skip

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body" and version == "2.4":
            raise OSError("the client has gone")

    held = list[Any]()  # as an idle thread holds what it did last

    def chained(*parts: Any) -> Any:
        held.append(parts)
        return chain(*parts)

    monkeypatch.setattr(drafts_routes, "chain", chained)
    for _ in range(5):
        with suppress(ClientDisconnect):
            await door.app(request, receive, send)
    assert len(held) == 5
    assert (await door.http.get(f"{PATH}/invalid-rows")).status_code == 200


async def test_a_clone_for_whom_a_campaign_missed_leaves_out_people_of_its_retries_and_of_theirs(
    door: Door, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await create(door, "msisdn,name\n" + people(4), name="Spring:all")
    path = "/v1/campaigns/Spring:all"
    missed = {"as": "Mended", "missed": True}
    assert (await door.http.post(f"{path}/clone", json=missed)).status_code == 409
    await door.http.post(f"{path}/launch", json={})
    ids = [find_lane(store, "Spring:all").id]
    for ends in (State.DELIVERED, State.READ, State.DELIVERED):
        _one_reached(store, ids[-1], ends)
        again = await door.http.post(f"/v1/campaigns/{ids[-1]}/retry", json={"state": ["rejected"]})
        ids.append(again.json()["id"])
    with monkeypatch.context() as many:
        many.setattr("producer.campaigns.draft.MOST_EXCLUSIONS", 3)
        refused = await door.http.post(f"{path}/clone", json=missed)
    assert (refused.status_code, "has 3 retries" in refused.json()["detail"]) == (409, True)
    _one_reached(store, ids[-1], State.REJECTED)
    made = await door.http.post(f"{path}/clone", json=missed)
    assert made.json()["options"]["exclude"] == [f"campaign:{one}" for one in ids]
    plan = (await door.http.get("/v1/campaigns/Mended/plan")).json()
    assert (plan["rows"], plan["excluded"], plan["recipients"]) == (4, 3, 1)


async def test_a_deleted_draft_is_absent(door: Door, store: Store) -> None:
    await create(door)
    answer = await door.http.delete(PATH)
    assert (answer.status_code, answer.json()["deleted"]) == (200, True)
    assert (await door.http.delete(PATH)).status_code == 404
    assert not list(store.client.scan_iter("*:c:*"))
    assert list_lanes(store) == []
    launched = campaign()
    await door.http.post("/v1/campaigns", content=body(launched, ROWS), headers=FORM)
    assert (await door.http.delete(PATH)).status_code == 409


async def test_an_upload_that_is_cut_keeps_nothing(door: Door, store: Store) -> None:
    form = campaign(launch=False)
    cut = await door.http.post("/v1/campaigns", content=body(form, ROWS, end=False), headers=FORM)
    assert cut.status_code == 400
    assert (list_lanes(store), list(store.client.scan_iter("*:c:*"))) == ([], [])
    assert (await create(door)).status_code == 201


async def test_a_draft_that_is_too_large_is_refused_in_a_sentence(
    door: Door, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafts, "MOST_DRAFT_BYTES", 1000)
    answer = await create(door)
    assert (answer.status_code, "launch this file directly" in answer.json()["detail"]) == (
        409,
        True,
    )
    assert list(store.client.scan_iter("*:c:*")) == []


async def test_a_workbook_or_other_text_is_kept_as_text(door: Door, store: Store) -> None:
    rows = "msisdn;name\n+447400000001;Zoë\n".encode("cp1252")
    whole = body(campaign(launch=False, encoding="windows-1252"), "@@").replace(b"@@", rows)
    answer = await door.http.post("/v1/campaigns", content=whole, headers=FORM)
    assert answer.status_code == 201, answer.text
    assert (await door.http.get(f"{PATH}/plan")).json()["previews"][0]["text"] == "Hello Zoë"


async def test_a_schedule_is_said_as_a_draft_is_launched(door: Door, store: Store) -> None:
    await create(door)
    answer = await door.http.post(f"{PATH}/schedule", json={"send_at": "2027-01-01T09:00:00Z"})
    assert (answer.status_code, "as you launch it" in answer.json()["detail"]) == (409, True)
    done = await door.http.post(f"{PATH}/launch", json={"send_at": "2027-01-01T09:00:00Z"})
    assert (done.json()["status"], done.json()["send_at"]) == ("scheduled", "2027-01-01T09:00:00Z")
    assert given.balanced(store, find_lane(store, "Spring").id)


async def test_the_first_recipients_are_shown_as_the_file_is_read(door: Door) -> None:
    await create(door, "Tel;Handy;name\n+447700900001;+447700900002;Ana\n;;\n+447700900003;;Bo\n")
    shown = await door.http.get(f"{PATH}/recipients", params={"limit": 1})
    first = ["+447700900001", "+447700900002", "Ana"]
    columns = ["Tel", "Handy", "name"]
    assert shown.json() == {"columns": columns, "number_column": None, "rows": [first]}
    await door.http.patch(PATH, json={"map": {"phone": "Handy"}})
    shown = await door.http.get(f"{PATH}/recipients")
    assert (shown.json()["number_column"], len(shown.json()["rows"])) == ("Handy", 2)
    await door.http.patch(PATH, json={"default_region": "GB", "map": {"phone": "Tel"}})
    await door.http.post(f"{PATH}/launch", json={"accept_invalid": True})
    assert (await door.http.get(f"{PATH}/recipients")).status_code == 409
