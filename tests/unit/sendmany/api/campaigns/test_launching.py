"""Launching over HTTP: a form of two parts, whose rows are stored while they come."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import ANY

import pytest

from producer.campaigns.launch import LISTED_INVALID_ROWS
from sendmany.api.routes.campaigns.campaigns import MOST_UPLOADS
from store.access.tokens import Scope
from store.client import Store
from store.lanes.lane import LaneStatus, find_lane, list_lanes, move_lane, read_counts
from store.people.service_windows import open_windows
from store.reports.lane_report import waiting_jobs
from store.states import State
from tests.unit.web_client import Door, Wakes

BOUNDARY = "xyz"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
HELLO = {"type": "text", "content": {"text": "Hello {{name}}"}}


def campaign(**changes: Any) -> dict[str, Any]:
    return {"name": "Spring", "message": HELLO} | changes


def people(n: int, first: int = 0) -> str:
    return "".join(f"+493023125{i:06d},Name {i}\n" for i in range(first, first + n))


def body(form: object, rows: str, end: bool = True) -> bytes:
    """The body as curl writes it; without its end it was cut."""
    text = form if isinstance(form, str) else json.dumps(form)
    head = 'Content-Disposition: form-data; name="campaign"; filename="c.json"\r\n'
    second = 'Content-Disposition: form-data; name="recipients"; filename="r.csv"\r\n'
    return (
        f"--{BOUNDARY}\r\n{head}Content-Type: application/json\r\n\r\n{text}\r\n"
        f"--{BOUNDARY}\r\n{second}\r\n{rows}" + (f"\r\n--{BOUNDARY}--\r\n" if end else "")
    ).encode()


async def post(door: Door, form: object, rows: str, **options: Any) -> Any:
    return await door.http.post("/v1/campaigns", content=body(form, rows, **options), headers=FORM)


def lines_of(store: Store, name: str) -> list[bytes]:
    return [job.line for _, job in waiting_jobs(store, find_lane(store, name).id)]


async def test_an_upload_stores_a_job_for_each_good_row(
    door: Door, store: Store, wakes: Wakes
) -> None:
    rows = "msisdn,name\n" + people(2500) + "nobody,Ana\n" + people(1)
    answer = await post(door, campaign(), rows)
    assert answer.status_code == 201
    lane = find_lane(store, "Spring")
    assert answer.json() == {
        "id": lane.id,
        "name": "Spring",
        "sub_account": "Shop",
        "status": "sending",
        "recipients": 2500,
        "duplicates": 1,
        "excluded": 0,
        "invalid_rows": 1,
        "first_invalid_rows": [{"line": 2502, "number": "nobody", "reason": "not a phone number"}],
        "number_column": "msisdn",
        "country_column": None,
        "folded": 0,
        "resumed": False,
        "read_as": "",
        "send_at": None,
        "zone": None,
        "findings": [{"severity": "warning", "path": "", "message": ANY}],
    }
    assert store.run(read_counts(lane.id)) == {State.QUEUED: 2500}
    assert wakes.sent == 1


async def test_a_form_as_httpx_writes_it_is_taken(door: Door) -> None:
    files = {
        "campaign": ("campaign.json", json.dumps(campaign()), "application/json"),
        "recipients": ("people.csv", "msisdn,name\n" + people(3), "text/csv"),
    }
    answer = await door.http.post("/v1/campaigns", files=files)
    assert (answer.status_code, answer.json()["recipients"]) == (201, 3)


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_pieces_of_any_size_make_the_same_jobs(door: Door, store: Store, size: int) -> None:
    odd = '"+447700900001";"Ana; ""the\nfirst"""\r\n+447700900002;Zoë\r\n\r\n+447700900003;Ben'
    whole = body(campaign(), "\ufeffmsisdn;name\r\n" + odd)

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(whole), size):
            yield whole[at : at + size]

    answer = await door.http.post("/v1/campaigns", content=pieces(), headers=FORM)
    assert answer.status_code == 201, answer.text
    assert lines_of(store, "Spring") == [
        b'447700900001\tAna; \\"the\\nfirst\\"', "447700900002\tZoë".encode(), b"447700900003\tBen"
    ]  # fmt: skip


async def test_the_same_upload_again_adds_nothing(door: Door, store: Store) -> None:
    rows = "msisdn,name\n" + people(1500) + "nobody,Ana\n"
    await post(door, campaign(), rows)
    again = await post(door, campaign(), rows)
    assert again.status_code == 200
    assert (again.json()["resumed"], again.json()["recipients"]) == (True, 1500)
    assert again.json()["invalid_rows"] == 1
    assert [one["line"] for one in again.json()["first_invalid_rows"]] == [1502]
    assert len(lines_of(store, "Spring")) == 1500


async def test_a_cut_upload_leaves_the_campaign_loading_and_goes_on(
    door: Door, store: Store, wakes: Wakes
) -> None:
    rows = "msisdn,name\n" + people(1200) + "nobody,Ana\n" + people(2300, 1000)
    cut = await post(door, campaign(), rows[:-20000], end=False)
    assert cut.status_code == 400
    assert "cut" in cut.json()["detail"]
    lane = find_lane(store, "Spring")
    assert lane.status is LaneStatus.LOADING
    assert 0 < lane.next_index < 3300
    assert wakes.sent == 0

    again = await post(door, campaign(), rows)
    assert again.status_code == 200, again.text
    await post(door, campaign(name="Whole"), rows)
    assert lines_of(store, "Spring") == lines_of(store, "Whole")
    figures = {
        key: again.json()[key] for key in ("recipients", "duplicates", "invalid_rows", "status")
    }
    assert figures == {
        "recipients": 3300,
        "duplicates": 200,
        "invalid_rows": 1,
        "status": "sending",
    }


async def test_other_rows_before_the_cut_are_refused(door: Door, store: Store) -> None:
    rows = "msisdn,name\n" + people(3000)
    await post(door, campaign(), rows[:-100], end=False)
    before = find_lane(store, "Spring")
    other = await post(door, campaign(), rows.replace("Name 7\n", "Nemo 7\n"))
    short = await post(door, campaign(), "msisdn,name\n" + people(20))
    assert (other.status_code, short.status_code) == (409, 409)
    assert "another file" in other.json()["detail"]
    assert find_lane(store, "Spring") == before


async def test_more_rows_than_a_finished_upload_had_are_refused(door: Door, store: Store) -> None:
    await post(door, campaign(), "msisdn,name\n" + people(30))
    more = await post(door, campaign(), "msisdn,name\n" + people(40))
    assert more.status_code == 409
    assert len(lines_of(store, "Spring")) == 30


@pytest.mark.parametrize(
    "changes",
    [
        {"message": {"type": "text", "content": {"text": "Bye {{name}}"}}},
        {"default_region": "GB"},
    ],
)
async def test_the_same_name_with_something_else_is_a_conflict(
    door: Door, changes: dict[str, Any]
) -> None:
    rows = "msisdn,name\n" + people(3)
    await post(door, campaign(), rows)
    assert (await post(door, campaign(**changes), rows)).status_code == 409


async def test_each_sub_account_has_names_of_its_own(door: Door, store: Store) -> None:
    rows = "msisdn,name\n" + people(3)
    ours = (await post(door, campaign(), rows)).json()
    theirs = await post(door, campaign(sub_account="Bank"), rows)
    assert (theirs.status_code, theirs.json()["resumed"]) == (201, False)
    both = await door.http.post("/v1/campaigns/Spring/pause")
    assert both.status_code == 409
    assert [one["message"] for one in both.json()["problems"]] == [
        f"{theirs.json()['id']} (sub-account Bank)", f"{ours['id']} (sub-account Shop)",
    ]  # fmt: skip
    door.comes(Scope.MANAGE, only=["Bank"])
    paused = await door.http.post("/v1/campaigns/Spring/pause")
    assert paused.json()["id"] == theirs.json()["id"]


@pytest.mark.parametrize(
    ("form", "rows", "words"),
    [
        (campaign(message={"type": "text", "content": {"text": "{{nmae}}"}}),
         "msisdn,name\n1,2\n", "nmae"),
        (campaign(), "first,second\n+447700900001,Ana\n", "map {"),
        (campaign(), "msisdn,name\n", "no rows"),
        (campaign(), "", "empty"),
        (campaign(map={"phone": "phone"}), "msisdn,name\n+447700900001,Ana\n", "phone"),
        (campaign(message={"type": "text", "user": {}}), "msisdn,name\n+447700900001,Ana\n", "user"),
        (campaign(message={"type": "nonsense"}), "msisdn,name\n+447700900001,Ana\n", "type"),
        (campaign(name=" "), "msisdn,name\n", "name"),
        (campaign(nmae=1), "msisdn,name\n", "nmae"),
        (campaign(name="\ud800"), "msisdn,name\n", "surrogate"),
        (campaign(sub_account="Nobody"), "msisdn,name\n", "sub_account"),
        ("{", "msisdn,name\n", "JSON"),
        ("[]", "msisdn,name\n", "object"),
        (campaign(message={"type": "text", "content": {"text": "{{name}}" * 900}}),
         "msisdn,name\n+447700900001," + "N" * 100 + "\n", "line 2"),
    ],
)  # fmt: skip
async def test_what_cannot_be_launched_is_refused_and_nothing_is_stored(
    door: Door, store: Store, form: object, rows: str, words: str
) -> None:
    answer = await post(door, form, rows)
    assert answer.status_code == 422, answer.text
    assert words in answer.text
    assert list_lanes(store) == []


async def test_force_launches_what_would_be_refused(door: Door) -> None:
    message = {"type": "text", "content": {"text": "{{name}}" * 900}}
    rows = "msisdn,name\n+447700900001," + "N" * 100 + "\n"
    answer = await post(door, campaign(message=message, force=True), rows)
    assert answer.status_code == 201
    assert answer.json()["findings"][0]["path"] == "content.text"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"nonsense",
        body(campaign(), "").replace(b'name="campaign"', b'name="recipients"'),
        body(campaign(), "msisdn,name\n" + people(2), end=False) + b"\r\n" + body({}, ""),
        body("x" * 2_000_000, ""),
        body(campaign(), "", end=False),
    ],
)
async def test_a_body_that_is_no_such_form_is_refused(door: Door, store: Store, raw: bytes) -> None:
    answer = await door.http.post("/v1/campaigns", content=raw, headers=FORM)
    assert answer.status_code in (400, 422)
    assert list_lanes(store) == []


async def test_a_body_of_another_kind_is_refused(door: Door) -> None:
    assert (await door.http.post("/v1/campaigns", json=campaign())).status_code == 400


async def test_rejects_are_listed_up_to_a_limit_and_all_counted(door: Door) -> None:
    rows = "msisdn,name\n" + "nobody,Ana\n" * 250 + people(1)
    answer = await post(door, campaign(accept_invalid=True), rows)
    assert answer.json()["invalid_rows"] == 250
    assert len(answer.json()["first_invalid_rows"]) == LISTED_INVALID_ROWS


async def test_a_line_that_is_not_text_keeps_the_rows_before_it(door: Door, store: Store) -> None:
    rows = body(campaign(), "msisdn,name\n" + people(2000) + "+447700900999,\x00\n")
    raw = rows.replace(b"\x00", b"\xff")
    answer = await door.http.post("/v1/campaigns", content=raw, headers=FORM)
    assert answer.status_code == 422
    assert "line 2002" in answer.json()["detail"]
    lane = find_lane(store, "Spring")
    assert (lane.status, lane.next_index) == (LaneStatus.LOADING, 1000)
    mended = await post(door, campaign(), "msisdn,name\n" + people(2001))
    assert (mended.status_code, mended.json()["recipients"]) == (200, 2001)


async def test_a_cancelled_campaign_takes_no_more(door: Door, store: Store) -> None:
    rows = "msisdn,name\n" + people(3000)
    await post(door, campaign(), rows[:-100], end=False)
    store.run(move_lane(find_lane(store, "Spring").id, "cancel"))
    answer = await post(door, campaign(), rows)
    assert answer.status_code == 409
    assert "cancel" in answer.json()["detail"]


async def test_a_token_for_one_sub_account_launches_for_that_one_only(door: Door) -> None:
    door.comes(Scope.SEND, only=["Bank"])
    rows = "msisdn,name\n" + people(3)
    assert (await post(door, campaign(sub_account="Shop"), rows)).status_code == 403
    assert (await post(door, campaign(), rows)).json()["sub_account"] == "Bank"


async def test_a_token_to_read_launches_nothing(door: Door, store: Store) -> None:
    door.comes(Scope.READ, Scope.MANAGE)
    assert (await post(door, campaign(), "msisdn,name\n" + people(3))).status_code == 403
    assert list_lanes(store) == []


async def test_templates_that_cannot_be_looked_up_are_a_warning(door: Door) -> None:
    answer = await post(door, campaign(sub_account="Pier"), "msisdn,name\n" + people(3))
    assert answer.status_code == 201, answer.text
    found = answer.json()["findings"][0]
    assert (found["severity"], "could not be looked up" in found["message"]) == ("warning", True)


async def test_it_is_said_that_whatsapp_refuses_what_is_no_template_outside_the_window(
    door: Door, store: Store
) -> None:
    rows = "msisdn,name\n" + people(3)
    planned = (await plan(door, campaign(), rows)).json()["warnings"]
    (found,) = (await post(door, campaign(), rows)).json()["findings"]
    assert planned == [found["message"]]
    assert (found["severity"], found["path"]) == ("warning", "")
    assert "no reply to Shop has been received so far" in found["message"]
    assert "policies.window=skip" in found["message"]
    store.run(open_windows("Shop", [("493023125000000", None)], written=True))
    (found,) = (await post(door, campaign(name="Autumn"), rows + people(1, 3))).json()["findings"]
    assert "the others are skipped (policies.window=send sends it to all)" in found["message"]


@pytest.mark.parametrize(
    "message",
    [
        {**HELLO, "channels": [{"channel": "WhatsApp"}, {"channel": "SMS"}]},
        {"type": "template", "content": {"template": {"name": "a", "language": "en"}}},
    ],
    ids=["falls back to SMS", "template"],
)
async def test_what_needs_no_window_is_launched_without_a_word(
    door: Door, message: dict[str, Any]
) -> None:
    answer = await post(door, campaign(message=message), "msisdn,name\n" + people(3))
    assert (answer.status_code, answer.json()["findings"]) == (201, [])


async def test_a_channel_is_spelled_as_the_provider_spells_it(door: Door) -> None:
    message = {**HELLO, "channels": [{"channel": "whatsapp"}]}
    answer = await post(door, campaign(message=message), "msisdn,name\n" + people(3))
    assert answer.status_code == 422
    (problem,) = answer.json()["problems"]
    assert problem["path"] == "campaign.message.channels[0].channel"


async def test_redis_going_away_in_the_middle_is_said_and_the_same_again_goes_on(
    door: Door, store: Store, trouble: Any
) -> None:
    rows = "msisdn,name\n" + people(5000)
    trouble.chunks_left = 3
    away = await post(door, campaign(), rows)
    assert (away.status_code, "Retry-After" in away.headers) == (503, True)
    assert find_lane(store, "Spring").next_index == 3000
    trouble.chunks_left = 100
    again = await post(door, campaign(), rows)
    assert (again.status_code, again.json()["recipients"]) == (200, 5000)
    assert again.json()["duplicates"] == 0


async def test_a_caller_who_waits_hears_of_a_fault_before_the_end_of_the_file(door: Door) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield body(campaign(), "first,second\n" + "a,b\n" * 1000, end=False)
        await asyncio.Event().wait()

    async with asyncio.timeout(10):
        answer = await door.http.post("/v1/campaigns", content=pieces(), headers=FORM)
    assert answer.status_code == 422


async def test_a_token_with_many_uploads_leaves_room_for_others(
    door: Door,
) -> None:
    go_on = asyncio.Event()

    async def held() -> AsyncIterator[bytes]:
        yield body(campaign(), "msisdn,name\n", end=False)
        await go_on.wait()
        yield f"{people(1)}\r\n--{BOUNDARY}--\r\n".encode()

    uploads = [
        asyncio.create_task(door.http.post("/v1/campaigns", content=held(), headers=FORM))
        for _ in range(MOST_UPLOADS // 2 + 1)
    ]
    (refused,), _ = await asyncio.wait(uploads, return_when=asyncio.FIRST_COMPLETED)
    assert (refused.result().status_code, refused.result().headers["Retry-After"]) == (503, "5")
    door.token = replace(door.token, id="another")
    others = await post(door, campaign(name="Summer"), "msisdn,name\n" + people(1))
    assert others.status_code == 201
    go_on.set()
    rest = [one.result() for one in (await asyncio.wait(uploads))[0] if one is not refused]
    assert {answer.json()["recipients"] for answer in rest} == {1}


@pytest.mark.parametrize("name", ["", "x" * 101, "two\nlines", "\x1b[31mred"])
async def test_a_name_that_cannot_be_shown_is_refused(door: Door, name: str) -> None:
    answer = await post(door, campaign(name=name), "msisdn,name\n" + people(1))
    assert answer.status_code == 422
    assert [one["path"] for one in answer.json()["problems"]] == ["campaign.name"]


async def test_a_placeholder_that_is_not_whole_is_refused_at_its_place(door: Door) -> None:
    message = {"type": "text", "content": {"text": "Hello {{name"}}
    answer = await post(door, campaign(message=message), "msisdn,name\n" + people(1))
    assert answer.status_code == 422
    assert [one["path"] for one in answer.json()["problems"]] == ["campaign.message.content.text"]


@pytest.mark.parametrize("inside", ["", "policies"])
async def test_of_a_crowd_of_unknown_members_a_few_are_told(door: Door, inside: str) -> None:
    crowd = {f"a{n}": 1 for n in range(15_000)}
    form = campaign(**({inside: crowd} if inside else crowd))
    answer = await post(door, form, "msisdn,name\n" + people(3))
    assert answer.status_code == 422
    place = f"campaign.{inside}." if inside else "campaign."
    assert [one["path"] for one in answer.json()["problems"]] == [f"{place}a{n}" for n in range(3)]


async def test_paths_name_the_place_of_an_unknown_column(door: Door) -> None:
    message = {"type": "text", "content": {"text": "Hello {{nmae}}"}}
    answer = await post(door, campaign(message=message), "msisdn,name\n" + people(1))
    assert [one["path"] for one in answer.json()["problems"]] == ["campaign.message.content.text"]


async def test_an_upload_is_read_as_a_file_from_disk_is(door: Door, store: Store) -> None:
    rows = (
        "sep=;\r\n;Telefon ;First Name;Land;\r\n;;;;\r\n"
        "0;07700 900001;Ada;GB;\r\n1;0151 23456789;Cem\r\n"
        '2;\u202a+447700900002\u202c;Bob;;;;\r\n3;20241107;Eve;DK;\r\n4;"+447700900003";"Fay\n'
        '+447700900004;Gus";;\r\n5;07700 900005;nan;GB;\r\n;;;\r\n'
    )
    message = {"type": "text", "content": {"text": "Hello {{first_name}}"}}
    answer = await post(door, campaign(message=message, accept_invalid=True), rows)
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert lines_of(store, "Spring") == [b"447700900001\tAda", b"447700900002\tBob"]
    assert (told["number_column"], told["country_column"]) == ("Telefon", "Land")
    assert [(one["line"], one["number"]) for one in told["first_invalid_rows"]] == [
        (5, "01** ******89"), (7, "20****07"), (8, None), (9, None), (10, None)
    ]  # fmt: skip
    assert "no country code" in told["first_invalid_rows"][0]["reason"]
    assert "(default_region)" in told["first_invalid_rows"][0]["reason"]


async def test_what_has_to_be_said_about_columns_is_told_by_the_members_of_the_form(
    door: Door, store: Store
) -> None:
    rows = "Phone,Mobile,name\n+442079460123,+447700900001,Ada\n"
    answer = await post(door, campaign(), rows)
    assert answer.status_code == 422
    assert 'columns "Phone" and "Mobile" may all hold' in answer.json()["detail"]
    assert 'with map {"phone": COLUMN}' in answer.json()["detail"]
    named = await post(door, campaign(map={"phone": "mobile"}), rows)
    assert named.json()["number_column"] == "Mobile"
    countries = "Phone,Country,Billing country,name\n07700 900001,GB,DE,Ada\n"
    answer = await post(door, campaign(name="b"), countries)
    assert "with country_column" in answer.json()["detail"]
    named = await post(door, campaign(name="b", country_column="Country"), countries)
    assert (named.status_code, named.json()["country_column"]) == (201, "Country")
    assert len(list_lanes(store)) == 2


async def test_workbooks_archives_and_other_encodings_are_read_as_they_are_from_disk(
    door: Door, store: Store
) -> None:
    rows = "Mobile,Given name,Consent\n+447700900001,Zoë Ü,yes\n+447700900002,Ben,no\n"
    form = campaign(
        message={"type": "text", "content": {"text": "Hi {{first|you}}"}},
        map={"phone": "Mobile", "first": "Given name"},
        where=["consent=YES"],
        limit=5,
    )
    for name, content, read_as in (
        ("a", rows.encode("utf-16"), "The file is read as UTF-16."),
        ("b", rows.encode("cp1252"), "The file is read as windows-1252."),
        ("c", gzip.compress(rows.encode(), mtime=0), ""),
    ):
        raw = body(form | {"name": name, "encoding": None}, "@@").replace(b"@@", content)
        answer = await door.http.post("/v1/campaigns", content=raw, headers=FORM)
        assert answer.status_code == 201, answer.text
        assert answer.json()["read_as"] == read_as
        assert lines_of(store, name) == ["447700900001\tZoë Ü".encode()]


async def test_a_workbook_that_cannot_be_read_leaves_nothing(door: Door, store: Store) -> None:
    raw = body(campaign(), "@@").replace(b"@@", b"PK\x03\x04\x14\0\x06\0" + b"xl/workbook.xml" * 50)
    answer = await door.http.post("/v1/campaigns", content=raw, headers=FORM)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("the archive is damaged or was cut")
    assert list_lanes(store) == []


async def test_an_upload_folds_values_for_a_template_and_says_how_many(door: Door) -> None:
    parameters = [{"type": "text", "text": "{{name}}"}]
    parts = [{"type": "body", "parameters": parameters}]
    content = {"template": {"name": "t", "language": "en", "components": parts}}
    rows = 'msisdn,name\n+447700900001,"A\nB"\n+447700900002,Ben\n'
    answer = await post(door, campaign(message={"type": "template", "content": content}), rows)
    assert (answer.status_code, answer.json()["folded"]) == (201, 1)


async def test_a_cut_upload_with_blank_rows_and_a_swallowed_row_goes_on(
    door: Door, store: Store
) -> None:
    odd = ',\n+447700900001,"Ann\n+447700900002,Bob"\n\n ,\n'
    rows = "msisdn,name\n" + people(999) + odd + people(2500, 2000) + odd
    cut = await post(door, campaign(), rows[:-30000], end=False)
    assert cut.status_code == 400
    again = await post(door, campaign(), rows)
    assert again.status_code == 200, again.text
    await post(door, campaign(name="Whole"), rows)
    assert lines_of(store, "Spring") == lines_of(store, "Whole")
    assert (again.json()["recipients"], again.json()["invalid_rows"]) == (3499, 4)


async def test_an_upload_without_a_usable_row_is_refused_and_its_name_is_free(
    door: Door, store: Store
) -> None:
    rows = "phone,name\n" + "07700 900001,Ada\n" * 20
    answer = await post(door, campaign(), rows)
    assert answer.status_code == 422
    error = answer.json()["detail"]
    assert error.startswith(
        'none of the first 20 rows can be used (line 2 "07*** ****01": it has no'
    )
    assert error.endswith(
        'another map {"phone": COLUMN}, a country_column or a default_region, such as GB'
    )
    assert list_lanes(store) == []
    again = await post(door, campaign(default_region="GB"), rows)
    assert (again.status_code, again.json()["recipients"]) == (201, 1)


async def test_a_purpose_that_the_registry_denies_is_told_at_its_place(
    door: Door, store: Store
) -> None:
    form = campaign(purpose="authentication")
    answer = await post(door, form, "msisdn,name\n" + people(2))
    assert answer.status_code == 422
    (problem,) = answer.json()["problems"]
    assert problem["path"] == "campaign.purpose"
    assert "registered as AUTHENTICATION" in problem["message"]
    assert list_lanes(store) == []
    answer = await post(door, campaign(purpose="utility"), "msisdn,name\n" + people(2))
    assert answer.status_code == 201
    assert find_lane(store, "Spring").purpose == "utility"


async def test_a_time_that_is_none_is_not_blamed_on_the_recipients(
    door: Door, store: Store
) -> None:
    for changes in ({"send_at": "9999-12-31T23:59:59Z"}, {"at_local": "26:00", "on": "2026-12-06"}):
        answer = await post(door, campaign(**changes), "msisdn,name\n" + people(2))
        (problem,) = answer.json()["problems"]
        assert (answer.status_code, problem["path"]) == (422, "campaign")
    assert list_lanes(store) == []


async def plan(door: Door, form: object, rows: str) -> Any:
    return await door.http.post("/v1/plans", content=body(form, rows), headers=FORM)


async def test_a_plan_stores_nothing_and_a_launch_may_demand_it(door: Door, store: Store) -> None:
    rows = "msisdn,name\n" + people(1500)
    planned = await plan(door, campaign(), rows)
    assert planned.status_code == 200, planned.text
    assert (planned.json()["messages"], list_lanes(store)) == (1500, [])
    digest = planned.json()["digest"]
    other = await post(door, campaign(plan=digest), rows + people(1, 1500))
    assert other.status_code == 422
    assert "the plan has changed" in other.json()["detail"]
    assert list_lanes(store) == []
    launched = await post(door, campaign(plan=digest), rows)
    assert (launched.status_code, launched.json()["recipients"]) == (201, 1500)


async def test_too_many_invalid_rows_have_to_be_accepted(door: Door, store: Store) -> None:
    rows = "msisdn,name\n" + people(2) + "nobody,Eve\n"
    for early in (False, True):
        refused = await post(door, campaign(send_while_loading=early), rows)
        assert refused.status_code == 422
        assert "accept that with accept_invalid" in refused.json()["detail"]
        assert list_lanes(store) == []
    assert (await post(door, campaign(accept_invalid=True), rows)).status_code == 201


async def test_a_file_that_went_out_before_is_told_by_its_rows(door: Door) -> None:
    rows = "msisdn,name\n" + people(20)
    await post(door, campaign(), rows)
    again = await post(door, campaign(name="Again"), rows)
    assert 'launched as "Spring" already' in again.json()["findings"][-1]["message"]
    other = await post(door, campaign(name="Other"), rows + people(1, 20))
    assert "already" not in other.text


async def test_people_of_another_campaign_are_left_out(door: Door, store: Store) -> None:
    await post(door, campaign(), "msisdn,name\n" + people(3))
    second = campaign(name="Second", exclude=["campaign:Spring"])
    answer = await post(door, second, "msisdn,name\n" + people(5))
    assert (answer.json()["recipients"], answer.json()["excluded"]) == (2, 3)
    for wrong, status in (("file:/etc/passwd", 422), ("campaign:nobody", 404)):
        third = campaign(name="Third", exclude=[wrong])
        assert (await post(door, third, "msisdn,name\n" + people(5))).status_code == status


async def test_a_campaign_is_scheduled_rescheduled_and_unscheduled(
    door: Door, store: Store
) -> None:
    day = (datetime.now(UTC) + timedelta(days=30)).date()
    form = campaign(send_at=f"{day} 09:00 Etc/GMT-1")
    launched = (await post(door, form, "msisdn,name\n" + people(2))).json()
    assert (launched["status"], launched["send_at"]) == ("scheduled", f"{day}T08:00:00Z")
    shown = (await post(door, form, "msisdn,name\n" + people(2))).json()
    assert (shown["resumed"], shown["zone"]) == (True, "Etc/GMT-1")
    other = await post(door, form | {"send_at": f"{day} 12:00 UTC"}, "msisdn,name\n")
    assert "was launched with another time" in other.json()["detail"]
    url = "/v1/campaigns/Spring"
    changed = await door.http.post(f"{url}/schedule", json={"send_at": f"{day}T10:00Z"})
    assert changed.json()["send_at"] == f"{day}T10:00:00Z"
    bad = await door.http.post(f"{url}/schedule", json={"send_at": f"{day} 10:00 IST"})
    assert (bad.status_code, bad.json()["problems"][0]["path"]) == (422, "send_at")
    assert (await door.http.post(f"{url}/resume")).status_code == 409
    gone = (await door.http.post(f"{url}/unschedule")).json()
    assert (gone["status"], gone["send_at"]) == ("paused", None)
    assert (await door.http.post(f"{url}/resume")).json()["status"] == "sending"
    past = await post(door, campaign(name="b", send_at="2020-01-01 09:00 UTC"), "msisdn,name\n")
    assert "is past: name a later time" in past.json()["detail"]


async def test_a_campaign_goes_by_local_time_with_a_zone_for_each_row(
    door: Door, store: Store
) -> None:
    day = str((datetime.now(UTC) + timedelta(days=30)).date())
    form = campaign(
        at_local="10:00 Europe/Paris", on=day, timezone_column="zone", accept_invalid=True
    )
    rows = "msisdn,name,zone\n+447400000001,Ann,Asia/Tokyo\n+447400000002,Bob,Mars\n"
    launched = (await post(door, form, rows)).json()
    assert (launched["status"], launched["recipients"]) == ("scheduled", 1)
    assert "there is no such zone" in launched["first_invalid_rows"][0]["reason"]
    lane = find_lane(store, "Spring")
    assert (lane.zone_place, lane.local_start[-12:]) == (2, "Europe/Paris")
    for more, why in (
        ({"send_at": f"{day} 09:00 UTC"}, "Say either send_at or at_local"),
        ({"on": None}, "no local time: write it as at_local 10:00 on 2026-12-06"),
        ({"timezone_column": "tz"}, "for timezone_column"),
    ):
        bad = await post(door, form | {"name": "b"} | more, rows)
        assert (bad.status_code, why in bad.text) == (422, True), bad.text


async def test_a_test_goes_to_ones_own_numbers_and_is_no_campaign(door: Door, store: Store) -> None:
    rows = "msisdn,name\n" + people(5)

    async def send(**changes: Any) -> Any:
        form = campaign(to=["+447400000099"]) | changes
        return await door.http.post("/v1/tests", content=body(form, rows), headers=FORM)

    answer = await send(row=4)
    assert answer.status_code == 202, answer.text
    (sent,) = answer.json()
    assert sent["to"] == "44********99"
    (lane,) = list_lanes(store)
    assert (lane.kind, lane.priority) == ("notifications", "urgent")
    (job,) = [job.line for _, job in waiting_jobs(store, lane.id)]
    assert b"447400000099" in job
    assert b"Hello Name 2" in job
    for wrong, why in (
        ({"to": []}, "at least 1"), ({"to": ["nobody"]}, "is no number"), ({"row": 99}, "no row starts"),
    ):  # fmt: skip
        refused = await send(**wrong)
        assert (refused.status_code, why in refused.text) == (422, True), refused.text
    for _ in range(3):
        await send(to=["+447400000099"] * 5)
    assert (await send(to=["+447400000099"] * 5)).status_code == 422
    assert (await send(to=["+447400000099"] * 4)).status_code == 202


async def test_a_campaign_has_a_pace_that_can_be_changed(door: Door, store: Store) -> None:
    launched = await post(door, campaign(rate=50, weight=3), "msisdn,name\n" + people(2))
    assert launched.status_code == 201
    assert (find_lane(store, "Spring").rate, find_lane(store, "Spring").weight) == (50, 3)
    changed = await door.http.patch("/v1/campaigns/Spring", json={"rate": 200})
    assert (changed.json()["rate"], changed.json()["weight"]) == (200, 3)
    assert (await door.http.patch("/v1/campaigns/Spring", json={"weight": 11})).status_code == 422
    assert (await door.http.patch("/v1/campaigns/Autumn", json={"weight": 2})).status_code == 404
