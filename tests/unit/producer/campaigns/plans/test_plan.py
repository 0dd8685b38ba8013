"""A plan says what a launch comes to, and writes nothing."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from chatapps.rendering.compiled import CompiledContent
from chatapps.templates import read_registered
from config.sections import QuietHours, SubAccount
from config.settings import Settings
from producer.campaigns import preflight
from producer.campaigns.add import add_people
from producer.campaigns.draft import _options_of_campaign
from producer.campaigns.launch import Launch, check, run
from producer.campaigns.plans.plan import Plan, plan_file, plan_upload
from producer.campaigns.schedule import read_start
from producer.campaigns.upload import Upload
from producer.errors import InputError, NotAgreed
from producer.files.invalid_rows import InvalidRow
from producer.files.recipient_file import RecipientFile
from producer.files.stream import ArrivingFile
from producer.layout import ReadOptions
from store.client import Store
from store.errors import UnknownLane
from store.keys import lane_keys
from store.lanes.lane import SPREAD, Policies, Priority, find_lane, list_lanes
from store.limits.learned import Learned, keep_learned, read_learned
from store.limits.tier import reserve_places
from store.people.quiet_hours import change_quiet_hours
from store.people.service_windows import mark_unreachable, open_windows
from store.people.suppressions import Why, suppress
from store.purposes import Purpose
from store.records.job_section import unpack

SETTINGS = Settings(sub_accounts={"Shop": SubAccount(messages_per_second=100)})
TEXT = {"type": "text", "content": {"text": "Ahoy {{name}}"}}
ROWS = (
    "msisdn,name\n+447400000001,Ann\n+447400000002,Bob\n+493023125000001,Maximilian\n"
    "+15062345678,Cid\n+447400000001,Ann\n07400000009,Eve\nnobody,Eve\n0740000010,Eve\n"
)


@pytest.fixture
def launch(tmp_path: Path) -> Launch:
    people, message = tmp_path / "people.csv", tmp_path / "message.json"
    people.write_text(ROWS)
    message.write_text(json.dumps(TEXT))
    return Launch("Spring", "Shop", people, message)


def plan(store: Store, launch: Launch, settings: Settings = SETTINGS, **options: Any) -> Plan:
    return plan_file(store, settings, check(launch), offline=True, **options)


def test_a_plan_knows_the_rate_of_its_campaign(store: Store, launch: Launch) -> None:
    slow = plan(store, replace(launch, rate=2))
    assert slow.seconds == 2.0  # four messages
    assert slow.digest == plan(store, launch).digest
    assert plan(store, replace(launch, rate=1000)).seconds == 0.0  # the limit of 100/s holds


def test_a_plan_knows_the_learned_rate(store: Store, launch: Launch) -> None:
    for learned, seconds in ((Learned(2), 0.0), (Learned(2, in_force=True), 2.0)):
        store.run(keep_learned("Shop", store.run(read_learned("Shop")), learned))
        assert plan(store, launch).seconds == seconds


def test_a_plan_tells_how_many_days_the_tier_makes_it_take(store: Store, launch: Launch) -> None:
    settings = Settings(sub_accounts={"Shop": SubAccount(tier=3, tier_reserve=0.5)})
    store.run(reserve_places("Shop", 3, [b"447400000009"]))
    found = plan(store, launch, settings)
    assert found.tier is not None
    assert (found.tier.for_campaigns, found.tier.used) == (1, 1)
    assert 4.0 < found.tier.days < 4.2
    assert found.warnings[-1].startswith("The tier of Shop lets campaigns write to 1 people")
    assert found.warnings[-1].endswith("--spread sends it evenly.")
    spread = plan(store, replace(launch, rate=SPREAD), settings)
    assert spread.tier is not None
    assert spread.tier.days == 4.08, "four people, one in 24.5 hours"
    assert spread.warnings[-1].endswith("days, evenly.")
    assert plan(store, replace(launch, priority=Priority.URGENT), settings).tier is None
    unlimited = Settings(sub_accounts={"Shop": SubAccount(tier="unlimited")})
    assert plan(store, launch, unlimited).tier is None


def test_a_plan_counts_what_the_launch_then_does_and_writes_nothing(
    store: Store, launch: Launch
) -> None:
    planned = plan(store, launch)
    assert (store.client.keys(), list_lanes(store)) == ([], [])
    assert (planned.rows, planned.recipients, planned.duplicates) == (8, 4, 1)
    assert (planned.messages, planned.requests, planned.seconds) == (4, 1, 0.0)
    assert [(one.country, one.recipients) for one in planned.countries] == [
        ("GB", 2), ("DE", 1), ("CA", 1)
    ]  # fmt: skip
    invalid = planned.invalid_rows
    assert (invalid.total, invalid.share) == (3, 0.375)
    assert [(one.reason, one.rows) for one in invalid.by_reason] == [
        ("it has no country code", 2), ("not a phone number", 1)
    ]  # fmt: skip
    assert [one.line for one in invalid.by_reason[0].examples] == [7, 9]
    assert "40000" not in planned.model_dump_json()
    launched = run(store, check(launch), lambda: None)
    assert launched.recipients == planned.recipients
    kept = store.client.hget(f"sm:{{{launched.lane.id}}}:meta", "plan_digest")
    assert kept == planned.digest.encode()


def test_a_plan_says_how_the_file_was_read(store: Store, launch: Launch) -> None:
    assert plan(store, launch).read_as == ""
    launch.recipients.write_bytes("phone,name\n+447700900101,José Müller\n".encode("cp1252"))
    assert plan(store, launch).read_as == "The file is read as windows-1252."
    pieces = iter([launch.recipients.read_bytes(), b""])
    upload = Upload("Other", "Shop", TEXT)
    uploaded = plan_upload(store, SETTINGS, upload, ArrivingFile(lambda: next(pieces)))
    assert uploaded.read_as == "The file is read as windows-1252."


def test_figures_of_a_reason_are_shown_where_all_its_rows_have_them(
    store: Store, launch: Launch
) -> None:
    swallowed = '+447700900101,"A\n+447700900102,B"\n'
    long = f"+447700900103,{'x' * 1024 * 1024}\n"
    launch.recipients.write_text(f"phone,name\n{long * 2}{swallowed * 2}+447700900104,Ada\n")
    reasons = {one.reason: one.rows for one in plan(store, launch).invalid_rows.by_reason}
    assert reasons["the line is longer than 1 MiB"] == 2
    assert reasons["lines … to … are one value in quotes, with a number in it"] == 2


def test_a_plan_of_an_upload_is_that_of_the_file(store: Store, launch: Launch) -> None:
    pieces = iter([ROWS.encode()[:40], ROWS.encode()[40:], b""])
    upload = Upload("Other", "Shop", TEXT)
    uploaded = plan_upload(store, SETTINGS, upload, ArrivingFile(lambda: next(pieces)))
    same = plan(store, launch).model_dump() | {"ends_at": uploaded.ends_at}
    assert uploaded.model_dump() == same


def test_the_digest_binds_rows_message_and_options_and_nothing_else(
    store: Store, launch: Launch
) -> None:
    first = plan(store, launch).digest
    store.run(suppress("Shop", [("447400000001", None)], Why.OPERATOR))
    faster = Settings(sub_accounts={"Shop": SubAccount()})
    assert plan(store, replace(launch, name="Other"), faster).digest == first
    others = [
        replace(launch, purpose=Purpose.UTILITY),
        replace(launch, policies=Policies("resend")),
        replace(launch, reading=ReadOptions(region="GB")),
    ]
    launch.recipients.write_text(ROWS + "+447400000077,Zoe\n")
    others.append(launch)
    assert len({first, *(plan(store, one).digest for one in others[3:])}) == 2
    launch.recipients.write_text(ROWS)
    assert len({first, *(plan(store, one).digest for one in others[:3])}) == 4


def test_people_who_opted_out_or_have_not_written_are_told_and_left_out(
    store: Store, launch: Launch
) -> None:
    store.run(suppress("Shop", [("447400000001", None)], Why.OPERATOR))
    store.run(suppress("*", [("493023125000001", None)], Why.OPERATOR))
    store.run(mark_unreachable("Shop", [("447400000001", None), ("15062345678", None)], 60))
    before = sorted(store.client.keys())
    planned = plan(store, launch)
    assert (planned.opted_out, planned.unreachable, planned.messages) == (2, 1, 1)
    utility = plan(store, replace(launch, purpose=Purpose.UTILITY))
    assert (utility.unreachable, utility.messages) == (0, 2)
    assert [one.messages for one in planned.countries] == [1, 0, 0]
    assert sorted(store.client.keys()) == before
    store.run(open_windows("Shop", [("447400000002", None)], written=True))
    planned = plan(store, launch)
    assert (planned.opted_out, planned.unreachable, planned.window_closed) == (2, 1, 0)
    assert planned.messages == 1


def test_a_plan_shows_the_messages_with_the_longest_values(store: Store, launch: Launch) -> None:
    planned = plan(store, launch)
    (longest,) = planned.longest
    assert (longest.column, longest.line, longest.length) == ("name", 4, 10)
    assert [one.text for one in planned.previews] == ["Ahoy Ann", "Ahoy Maximilian", "Ahoy Ann"]
    assert planned.previews[1].message == {
        "type": "text", "content": {"text": "Ahoy Maximilian"}
    }  # fmt: skip


def test_a_registered_template_is_shown_as_the_person_sees_it(
    store: Store, launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"type": "body", "parameters": [{"type": "text", "text": "{{name}}"}]}
    template = {"name": "boats", "language": "en", "components": [body]}
    launch.message.write_text(json.dumps({"type": "template", "content": {"template": template}}))
    parts: list[dict[str, Any]] = [
        {"type": "HEADER", "format": "TEXT", "text": "News"},
        {"type": "BODY", "text": "Ahoy {{1}}!"},
        {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "Stop"}]},
    ]
    entry = {"templateName": "boats", "language": "en", "components": parts}
    account = "11111111-2222-4333-8444-555555555555"
    registered = [read_registered(entry)]
    monkeypatch.setattr(preflight, "_registered", lambda *_: registered)
    shop = SubAccount(account_id=account, channel_id="pier", api_key="key")
    settings = Settings(sub_accounts={"Shop": shop})
    planned = plan_file(store, settings, check(launch))
    shown = planned.previews[0]
    assert (shown.header, shown.text, shown.buttons) == ("News", "Ahoy Ann!", ["Stop"])
    parts[1]["text"] = "Ahoy, {{1}}!"
    registered[:] = [read_registered(entry)]
    assert plan_file(store, settings, check(launch)).digest != planned.digest


def test_the_cost_is_estimated_with_the_operators_prices(
    store: Store, launch: Launch, tmp_path: Path
) -> None:
    prices = tmp_path / "prices.csv"
    prices.write_text(
        "country,category,price,currency\nGB,marketing,0.04,EUR\n*,marketing,0.1,usd\nDE,utility,1,EUR\n"
    )
    cost = plan(store, launch, prices=prices).cost
    assert cost is not None
    assert [(one.currency, one.amount) for one in cost.amounts] == [("EUR", 0.08), ("USD", 0.2)]
    prices.write_text("country,category,price,currency\nGB,marketing,0.04,EUR\n")
    cost = plan(store, launch, prices=prices).cost
    assert cost is not None
    assert cost.unpriced == 2
    for bad in (
        "GB,marketing,x,EUR",
        "GB,adverts,1,EUR",
        "GB,marketing,-1,EUR",
        ",marketing,1,EUR",
    ):
        prices.write_text(f"country,category,price,currency\n{bad}\n")
        with pytest.raises(
            InputError, match=r"prices\.csv: line 2 is no price: a line is country,"
        ):
            plan(store, launch, prices=prices)


def test_what_went_out_before_is_warned_of_by_its_rows(store: Store, launch: Launch) -> None:
    run(store, check(launch), lambda: None)
    warnings = plan(store, replace(launch, name="Again")).warnings
    assert any('launched as "Spring" already' in one for one in warnings)


def test_a_plan_tells_whether_too_many_rows_are_invalid(store: Store, launch: Launch) -> None:
    planned = plan(store, launch)  # 3 of 8 rows
    invalid = planned.invalid_rows
    assert (invalid.too_many, invalid.max_share) == (True, 0.05)
    assert planned.why_not().startswith("3 of 8 rows (38%) cannot be used, more than")
    assert planned.why_not(accept_invalid=True) == ""
    assert "plan has changed" in planned.why_not("ab" * 32, accept_invalid=True)
    lenient = SETTINGS.campaigns.model_copy(update={"max_invalid_share": 3 / 8})
    planned = plan(store, launch, SETTINGS.model_copy(update={"campaigns": lenient}))
    assert (planned.invalid_rows.too_many, planned.why_not()) == (False, "")


def test_a_launch_with_too_many_invalid_rows_leaves_nothing(store: Store, launch: Launch) -> None:
    strict = replace(launch, max_invalid_share=0.3)
    with pytest.raises(NotAgreed, match=r"3 of 8 rows \(38%\) cannot be used") as refused:
        run(store, check(strict), lambda: None)
    assert "--accept-invalid" in str(refused.value)
    with pytest.raises(UnknownLane):
        find_lane(store, "Spring")
    left = store.client.keys()
    assert [key for key in left if b"{people" not in key and b"{audit" not in key] == []
    assert run(store, check(replace(strict, max_invalid_share=0.4)), lambda: None).recipients == 4


def test_a_plan_tells_who_waits_for_their_local_time_and_when_it_ends(
    store: Store, launch: Launch
) -> None:
    day = f"{datetime.now(UTC) + timedelta(days=3):%Y-%m-%d}"
    start = read_start(None, "10:00", day)
    planned = plan(store, replace(launch, start=start, rate=1))
    hours = ["10:00", "09:00", "14:00"]  # London, Berlin, Moncton; in winter
    if datetime.now(ZoneInfo("Europe/London")).dst():
        hours = ["09:00", "08:00", "13:00"]
    found = {one.until[11:16]: one.messages for one in planned.later}
    assert found == dict(zip(hours, (2, 1, 1), strict=True))
    assert planned.ends_at == f"{day}T{hours[2]}:01Z"
    assert planned.digest != plan(store, launch).digest
    assert planned.digest == plan(store, replace(launch, start=start)).digest
    assert not any("unknown" in one for one in planned.warnings)


def test_hours_that_only_a_newer_version_can_read_are_told(store: Store, launch: Launch) -> None:
    store.run(change_quiet_hours(True, {"GB": "always, not at full moon"}))
    with pytest.raises(InputError, match=r'^The quiet hours of GB .*not at full moon" is no hours'):
        plan(store, launch)
    assert plan(store, replace(launch, priority=Priority.URGENT)).messages == 4


def test_a_plan_heeds_the_quiet_hours_of_marketing_only(store: Store, launch: Launch) -> None:
    hours = {"*": "always", "GB": "Mon 10:00-10:01"}
    settings = SETTINGS.model_copy(update={"quiet_hours": QuietHours(enabled=True, hours=hours)})
    planned = plan(store, replace(launch, rate=0.01), settings)
    ((one),) = planned.later
    assert one.messages == 2
    end, opens = (datetime.fromisoformat(text) for text in (planned.ends_at, one.until))
    assert opens.astimezone(ZoneInfo("Europe/London")).weekday() == 0
    assert end - opens > timedelta(days=6)  # a message a week: each takes longer than the hours
    assert plan(store, replace(launch, purpose=Purpose.UTILITY), settings).later == []
    assert plan(store, replace(launch, priority=Priority.URGENT), settings).later == []


def test_a_plan_tells_of_people_whose_zone_is_unknown(store: Store, launch: Launch) -> None:
    launch.recipients.write_text(
        "msisdn,name,zone\n+870773111632,Ann,\n+870773111633,Ann,Asia/Tokyo\n"
    )
    start = read_start(
        None, "10:00 Europe/Paris", f"{datetime.now(UTC) + timedelta(days=3):%Y-%m-%d}"
    )
    reading = ReadOptions(timezone_column="Zone")
    planned = plan(store, replace(launch, start=start, reading=reading))
    assert [one.messages for one in planned.later] == [1, 1]
    assert "People whose zone is unknown count as in Europe/Paris: 1." in planned.warnings


def test_an_unknown_zone_is_an_invalid_row_with_its_reason(store: Store, launch: Launch) -> None:
    launch.recipients.write_text(
        "msisdn,name,zone\n+447400000001,Ann,europe/paris\n+447400000002,Bob,CET\n"
        "+447400000003,Cid,\n+447400000004,Dan,N/A\n"
    )
    launch = replace(launch, reading=ReadOptions(timezone_column="zone"))
    planned = plan(store, launch)
    assert planned.invalid_rows.total == 1
    listed: list[InvalidRow] = []
    done = run(store, check(launch), lambda: None, listed=listed)
    assert "holds CET: there is no such zone: write it by its place" in listed[0].reason
    assert (done.lane.zone_place, done.lane.next_index) == (2, 3)
    (blob,) = store.client.lrange(lane_keys(done.lane.id).queue, 0, -1)
    assert isinstance(blob, bytes)
    lines = [job.line for job in unpack(blob)]
    assert lines[0] == b"447400000001\tAnn\tEurope/Paris"
    assert lines[1] == b"447400000003\tCid\t"
    content = CompiledContent.load(done.lane.content)
    body = content.renderer("spring").render("b", [(0, 1, lines[0]), (1, 1, lines[1])])
    assert b"Ahoy Ann" in body
    assert b"Paris" not in body


def test_a_column_of_zones_that_is_missing_is_refused(launch: Launch) -> None:
    with pytest.raises(InputError, match='no column "tz" for --timezone-column'):
        check(replace(launch, reading=ReadOptions(timezone_column="tz")))


def test_people_are_added_with_their_zones_and_a_file_without_that_column_is_refused(
    store: Store, launch: Launch, tmp_path: Path
) -> None:
    launch.recipients.write_text("msisdn,name,zone\n+447400000001,Ann,Europe/Paris\n")
    launch = replace(launch, reading=ReadOptions(timezone_column="zone"))
    lane = run(store, check(launch), lambda: None).lane
    more = tmp_path / "more.csv"
    more.write_text("msisdn,name\n+447400000002,Bob\n")
    with pytest.raises(InputError, match='no column "zone", which names their zones'):
        add_people(store, lane, RecipientFile.open(more), lambda: None)
    more.write_text("msisdn,name,Zone\n+447400000002,Bob,asia/tokyo\n")
    assert add_people(store, lane, RecipientFile.open(more), lambda: None).added == 1
    blobs = store.client.lrange(lane_keys(lane.id).queue, 0, -1)
    assert [job.line for job in unpack(b"".join(blobs))][1].endswith(b"\tAsia/Tokyo")  # type: ignore[arg-type]
    options = _options_of_campaign(find_lane(store, lane.id), "phone")
    assert options["timezone_column"] == "zone"
