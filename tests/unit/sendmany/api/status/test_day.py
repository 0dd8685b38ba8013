"""`GET /v1/messages?date=` and `sendmany message list`: the single messages of a day."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from config.settings import Settings
from dashboard import message_page
from producer import Priority, Producer
from producer.errors import InputError
from sendmany.cli.application import app
from sendmany_client import AsyncClient
from store.access.tokens import Scope
from store.client import Store
from store.states import State
from tests.conformance import given
from tests.unit.web_client import Door

DAY = "2026-12-03"
NOON = datetime(2026, 12, 3, 12, tzinfo=UTC)
Send = Callable[..., str]


@pytest.fixture
def send(store: Store, settings: Settings) -> Send:
    """Enqueues a message on the day, and returns its id."""
    producer = Producer(store, settings, send_wake_up=lambda: None, clock=lambda: NOON)

    def enqueue(account: str, priority: Priority = Priority.NORMAL, **more: Any) -> str:
        text = {"user": {"msisdn": "+447700900101"}, "type": "text", "content": {"text": "Hi"}}
        return producer.enqueue(text, sub_account=account, priority=priority, **more).id

    return enqueue


@pytest.fixture
def sent(store: Store, send: Send) -> list[str]:
    """Messages of two sub-accounts, in the order of the list; the second one has failed."""
    normal = [send("shop") for _ in range(2)]
    lane = normal[0].partition(".")[0]
    claim = given.claim(store, lane, most=1)
    given.settle(store, lane, claim, given.ended(State.FAILED, claim.jobs))
    urgent = send("shop", Priority.URGENT)
    return [urgent, *normal, send("bank", Priority.BULK)]


async def walk(door: Door, **query: Any) -> list[dict[str, Any]]:
    """All items, page by page."""
    items, query = list[dict[str, Any]](), {"date": DAY, **query}
    for _ in range(30):
        answer = await door.http.get("/v1/messages", params=query)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["items"]) <= query.get("limit", 50)
        items += page["items"]
        if page["next"] is None:
            return items
        query["cursor"] = page["next"]
    raise AssertionError("the pages have no end")


async def ids(door: Door, **query: Any) -> list[str]:
    return [one["id"] for one in await walk(door, **query)]


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
async def test_every_message_of_the_day_is_listed_once(
    door: Door, sent: list[str], limit: int
) -> None:
    assert await ids(door, limit=limit) == sent


async def test_a_page_that_begins_in_one_lane_goes_on_with_all_of_the_next(
    door: Door, send: Send
) -> None:
    sent = [send("shop"), send("shop"), send("shop"), send("bank")]
    assert await ids(door, limit=2) == sent


async def test_a_page_searches_only_so_many_messages(
    door: Door, sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_page, "MOST_SEARCHED", 1)
    first = (await door.http.get("/v1/messages", params={"date": DAY})).json()
    assert [one["id"] for one in first["items"]] == sent[:1]
    assert await ids(door) == sent


async def test_the_list_is_narrowed_by_state_sub_account_and_day(
    door: Door, sent: list[str]
) -> None:
    assert await ids(door, state=["failed", "read"]) == [sent[1]]
    assert await ids(door, state="queued", limit=1) == [sent[0], *sent[2:]]
    assert await ids(door, sub_account="bank") == sent[3:]
    for other in ("2026-12-02", "1926-12-03", "2126-12-03"):
        assert await ids(door, date=other) == []


async def test_a_message_is_told_with_its_status(door: Door, sent: list[str]) -> None:
    _, failed, waits, theirs = await walk(door)
    assert (failed["state"], failed["attempts"], failed["number"]) == ("failed", 1, "+447700900101")
    assert (waits["state"], waits["attempts"], waits["changed_at"]) == ("queued", 0, None)
    assert (failed["sub_account"], theirs["sub_account"]) == ("shop", "bank")


async def test_messages_are_found_by_their_tag(door: Door, send: Send, sent: list[str]) -> None:
    urgent, normal = send("shop", Priority.URGENT, tag="code"), send("shop", tag="code")
    send("bank", tag="news")
    assert await ids(door, tag="code") == [urgent, normal]
    assert await ids(door, tag="code", limit=1, state="queued") == [urgent, normal]
    assert await ids(door, tag="none") == []
    assert {one["id"]: one["tag"] for one in await walk(door, sub_account="shop")} == {
        **dict.fromkeys(sent[:3]), urgent: "code", normal: "code"
    }  # fmt: skip
    shown = (await door.http.get(f"/v1/messages/{normal}")).json()
    assert shown["tag"] == "code"
    assert (await door.http.get(f"/v1/messages/{sent[0]}")).json()["tag"] is None


async def test_numbers_are_for_tokens_with_the_scope_people(door: Door, sent: list[str]) -> None:
    door.comes(Scope.READ)
    assert {one["number"] for one in await walk(door)} == {None}
    refused = await door.http.get("/v1/messages", params={"number": "+447700900101"})
    assert (refused.status_code, "scope people" in refused.text) == (403, True)


async def test_a_caller_sees_only_its_sub_accounts(door: Door, sent: list[str]) -> None:
    theirs = f"{sent[3].partition('.')[0]}.0"
    assert (await door.http.get("/v1/messages", params={"date": DAY, "cursor": theirs})).is_success
    door.comes(Scope.READ, only=["shop"])
    assert await ids(door) == sent[:3]
    for query, status in (({"sub_account": "bank"}, 404), ({"cursor": theirs}, 422)):
        answer = await door.http.get("/v1/messages", params={"date": DAY, **query})
        assert answer.status_code == status
    assert (
        await door.http.get("/v1/messages", params={"date": DAY, "sub_account": "none"})
    ).is_error


@pytest.mark.parametrize("inner", ["", ".", ".w", ".-1", ".12345678901", ".0x", ".0.0"])
async def test_a_cursor_that_no_page_gave_is_refused(
    door: Door, sent: list[str], inner: str
) -> None:
    cursor = sent[0].partition(".")[0] + inner
    answer = await door.http.get("/v1/messages", params={"date": DAY, "cursor": cursor})
    assert answer.status_code == 422
    assert [one["path"] for one in answer.json()["problems"]] == ["query.cursor"]


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"date": "2026-12-03", "number": "447700900101"},
        {"date": "2026-12-03", "campaign": "Spring"},
        {"number": "447700900101", "state": "failed"},
        {"number": "447700900101", "sub_account": "shop"},
        {"number": "447700900101", "tag": "code"},
    ],
)
async def test_a_day_and_a_number_are_two_questions(door: Door, query: dict[str, str]) -> None:
    answer = await door.http.get("/v1/messages", params=query)
    assert answer.status_code == 422
    assert (
        "either date (and state, sub_account, tag) or number"
        in answer.json()["problems"][0]["message"]
    )


@pytest.mark.parametrize(
    "day", ["3 December", "0", "1796277635", "2026-12-03T00:00:00", "2026-13-01"]
)
async def test_a_day_that_is_none_is_refused(door: Door, day: str) -> None:
    answer = await door.http.get("/v1/messages", params={"date": day})
    assert (answer.status_code, answer.json()["problems"][0]["path"]) == (422, "query.date")


async def test_the_client_reads_it(door: Door, sent: list[str]) -> None:
    transport = httpx.ASGITransport(door.app)
    async with AsyncClient("http://api.test", "token", transport=transport) as client:
        first = await client.messages(date.fromisoformat(DAY), states=["queued"], limit=2)
        last = await client.messages(date.fromisoformat(DAY), states=["queued"], cursor=first.next)
    assert [one.id for one in (*first.items, *last.items)] == [sent[0], sent[2], sent[3]]
    assert (last.items[0].sub_account, last.items[0].changed_at, last.next) == ("bank", None, None)


def run(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch, *words: str, do: str = "list"
) -> Any:
    monkeypatch.setattr("sendmany.cli.message.connect", lambda _: store)
    monkeypatch.setattr("sendmany.cli.message.load_settings", lambda: settings)
    return CliRunner().invoke(app, ["message", do, *words])


def test_the_command_sends_and_lists_by_tag(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "sendmany.cli.message.Producer", partial(Producer, send_wake_up=lambda: None)
    )
    words = ("--to", "+447700900101", "--text", "Hi", "--sub-account", "shop", "--tag")
    ours = (store, settings, monkeypatch)
    id, _ = (json.loads(run(*ours, *words, tag, "--json", do="send").stdout)["id"] for tag in "ab")
    day = datetime.strptime(id.partition(".")[0][-6:], "%y%m%d").date().isoformat()
    said = run(*ours, "--date", day, "--tag", "a", "--json")
    assert [(one["id"], one["tag"]) for one in json.loads(said.stdout)] == [(id, "a")]
    assert "its tag is a" in run(*ours, id, do="show").stdout
    assert json.loads(run(*ours, id, "--json", do="show").stdout)["tag"] == "a"
    said = run(*ours, *words, "to-447700900101", do="send")
    assert isinstance(said.exception, InputError)
    assert str(said.exception).startswith("Nothing was sent: 1 to 64 letters")


def test_the_command_lists_them_too(
    store: Store, settings: Settings, sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    day = ("--date", DAY)
    said = run(store, settings, monkeypatch, *day, "--json", "--limit", "3")
    assert [one["id"] for one in json.loads(said.stdout)] == sent[:3]
    assert "larger --limit" in said.stderr
    said = run(store, settings, monkeypatch, *day, "--state", "failed", "--sub-account", "shop")
    assert sent[1] in said.stdout
    assert sent[0] not in said.stdout
    with monkeypatch.context() as narrow:
        narrow.setenv("COLUMNS", "50")
        assert sent[1] in run(store, settings, monkeypatch, *day).stdout, "an id is never broken"
    said = run(store, settings, monkeypatch, "--date", "2026-12-02")
    assert said.stdout == "No single message of 2026-12-02 matches.\n"
    said = run(store, settings, monkeypatch, "--date", "today")
    assert isinstance(said.exception, InputError)
    assert str(said.exception) == '"today" is no date: write 2026-12-03'
