"""The client against the server for tests: what it sends, when it tries again, what it raises."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from sendmany_client import (
    Conflict,
    Forbidden,
    Gap,
    Invalid,
    Message,
    NotFound,
    SendmanyError,
    TooLarge,
    Unauthorized,
    Unavailable,
)
from sendmany_client.testing import FakeServer


def text(words: str, number: str = "+447700900101") -> dict[str, Any]:
    return {"user": {"msisdn": number}, "type": "text", "content": {"text": words}}


def test_a_message_whose_answer_was_lost_is_sent_again_with_its_key(sendmany: FakeServer) -> None:
    sendmany.lose_answers(2)
    with sendmany.client() as client:
        sent = client.send(Message(message=text("Hello")))
    assert (sent.status, len(sendmany.messages)) == ("duplicate", 1)
    assert len(sendmany.paused) == 2


def test_a_message_sent_again_by_the_caller_is_the_same_message(sendmany: FakeServer) -> None:
    message = Message(message=text("Hello"))
    with sendmany.client(retries=0) as client:
        sendmany.lose_answers()
        with pytest.raises(Unavailable, match="ReadTimeout"):
            client.send(message)
        assert client.send(message).status == "duplicate"
    assert len(sendmany.messages) == 1


def test_a_message_in_short_is_taken(sendmany: FakeServer) -> None:
    short = {"to": "+447700900101", "template": "hello", "language": "en"}
    with sendmany.client() as client:
        sent = client.send(Message(message=short))
    assert sendmany.messages[sent.id]["message"] == short


def test_the_messages_of_a_day_are_asked_for_by_state_and_page(sendmany: FakeServer) -> None:
    asked = list[httpx.Request]()

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"items": [{"id": "n.1", "state": "failed"}], "next": "c"})

    with sendmany.client(transport=httpx.MockTransport(answer)) as client:
        day, states = date(2026, 12, 3), ("failed", "rejected")
        page = client.messages(day, states=states, tag="code", cursor="b")
    assert ([one.state for one in page.items], page.next) == (["failed"], "c")
    assert str(asked[0].url.query, "ascii") == (
        "date=2026-12-03&tag=code&cursor=b&limit=100&state=failed&state=rejected"
    )


def test_the_server_for_tests_lists_messages_by_state_and_tag(sendmany: FakeServer) -> None:
    with sendmany.client() as client:
        sent = [client.send(Message(message=text("Hello"), tag=f"t{n}")).id for n in range(3)]
        sendmany.settle(sent[1], "failed")
        assert [one.tag for one in client.messages(date.today(), tag="t2").items] == ["t2"]
        assert client.status(sent[0]).tag == "t0"
        assert [one.id for one in client.messages(date.today()).items] == sent
        assert [one.id for one in client.messages(date.today(), states=["failed"]).items] == sent[
            1:2
        ]


def test_two_messages_with_the_same_words_are_two(sendmany: FakeServer) -> None:
    with sendmany.client() as client:
        ids = {client.send(Message(message=text("Hello"))).id for _ in range(2)}
    assert len(ids) == 2


def test_the_pause_is_what_the_server_asks_for_at_least(sendmany: FakeServer) -> None:
    sendmany.fail(503, retry_after=7)
    sendmany.fail(429)
    with sendmany.client() as client:
        client.send(Message(message=text("Hello")))
    asked, usual = sendmany.paused
    assert 7 <= asked <= 9
    assert 0.25 <= usual <= 1


def test_a_server_that_asks_for_too_long_a_pause_is_not_waited_for(sendmany: FakeServer) -> None:
    sendmany.fail(503, retry_after=3600)
    with sendmany.client() as client, pytest.raises(Unavailable) as told:
        client.send(Message(message=text("Hello")))
    assert (told.value.retry_after, told.value.status, sendmany.paused) == (3600, 503, [])


def test_after_all_tries_the_last_error_is_raised(sendmany: FakeServer) -> None:
    sendmany.fail(500, times=4)
    with sendmany.client(retries=3) as client, pytest.raises(Unavailable, match="It fails"):
        client.status("x")
    assert len(sendmany.paused) == 3


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Invalid),
        (401, Unauthorized),
        (403, Forbidden),
        (404, NotFound),
        (409, Conflict),
        (410, Gap),
        (413, TooLarge),
        (422, Invalid),
        (302, SendmanyError),
        (418, SendmanyError),
    ],
)
def test_a_refusal_is_raised_at_once_by_its_kind(
    sendmany: FakeServer, status: int, kind: type[SendmanyError]
) -> None:
    sendmany.fail(status, detail="Not like this.")
    with sendmany.client() as client, pytest.raises(kind, match="Not like this") as told:
        client.send(Message(message=text("Hello")))
    assert (type(told.value), told.value.status, sendmany.paused) == (kind, status, [])


def test_problems_are_told_with_their_places(sendmany: FakeServer) -> None:
    with sendmany.client() as client, pytest.raises(Invalid) as told:
        client.send(Message(message={}))
    assert [(one.path, one.message) for one in told.value.problems] == [
        ("message", "Field required")
    ]
    assert "message: Field required" in str(told.value)


def test_the_words_of_a_proxy_are_no_error_of_their_own() -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        headers = {"Retry-After": "soon", "X-Request-Id": "7f3a"}
        return httpx.Response(502, text="<html>", headers=headers)

    client = FakeServer().client(transport=httpx.MockTransport(answer), retries=1)
    with client, pytest.raises(Unavailable, match="answers 502") as told:
        client.send(Message(message=text("Hello")))
    assert (told.value.retry_after, told.value.request_id) == (None, "7f3a")


def test_a_date_as_retry_after_is_read() -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        late = {"Retry-After": "Wed, 21 Oct 2099 07:28:00 GMT"}
        return httpx.Response(503, headers=late)

    client = FakeServer().client(transport=httpx.MockTransport(answer))
    with client, pytest.raises(Unavailable) as told:
        client.status("x")
    assert (told.value.retry_after or 0) > 3600


def test_many_messages_go_in_few_requests_with_their_results_in_order(
    sendmany: FakeServer,
) -> None:
    messages = [Message(message=text(str(n)), key=f"k{n}") for n in range(2500)]
    messages[1200] = Message(message={}, key="bad")
    with sendmany.client() as client:
        results = client.send_many(messages)
        again = client.send_many(messages)
        none = client.send_many([])
    assert [one.is_stored for one in results] == [n != 1200 for n in range(2500)]
    assert results[1200].problems[0].path == "message"
    assert [one.id for one in again] == [one.id for one in results]
    assert sendmany.messages[results[2400].id or ""]["message"]["content"]["text"] == "2400"
    assert none == []


def test_large_messages_are_spread_over_requests() -> None:
    fake, sizes = FakeServer(), list[int]()

    def measured(request: httpx.Request) -> httpx.Response:
        sizes.append(len(request.read()))
        return fake.transport.handle_request(request)

    with fake.client(transport=httpx.MockTransport(measured)) as client:
        client.send_many(Message(message=text("x" * 200_000)) for _ in range(60))
    assert len(sizes) == 2
    assert max(sizes) < 9 << 20


def test_a_limited_token_sends_in_smaller_requests_and_waits_as_it_is_told() -> None:
    fake, sizes = FakeServer(), list[int]()

    def counted(request: httpx.Request) -> httpx.Response:
        sizes.append(len(json.loads(request.read())["messages"]))
        return fake.transport.handle_request(request)

    with fake.client(transport=httpx.MockTransport(counted)) as client:
        fake.fail(429, retry_after=3)
        results = client.send_many([Message(message=text(str(n))) for n in range(25)], at_once=10)
    assert (len(results), sizes) == (25, [10, 10, 10, 5])
    assert 3 <= fake.paused[0] < 4


def test_what_is_not_known_to_be_stored_is_sent_again_alone() -> None:
    asked: list[list[str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        keys = [one["key"] for one in json.loads(request.content)["messages"]]
        asked.append(keys)
        lost = len(asked) < 3
        status = {True: "unavailable", False: "accepted"}
        return httpx.Response(
            202, json={"results": [{"status": status[key == "b" and lost]} for key in keys]}
        )

    client = FakeServer().client(transport=httpx.MockTransport(answer))
    with client:
        results = client.send_many(Message(message={}, key=key) for key in "abc")
    assert asked == [["a", "b", "c"], ["b"], ["b"]]
    assert [one.status for one in results] == ["accepted"] * 3


def test_statuses_are_asked_for_by_ids_and_own_keys_a_thousand_at_once(
    sendmany: FakeServer,
) -> None:
    with sendmany.client() as client:
        sent = client.send_many(Message(message=text(str(n)), key=f"k{n}") for n in range(1500))
        ids = [one.id or "" for one in sent]
        sendmany.fail(503)
        found = client.statuses([ids[7], "gone"], [f"k{n}" for n in range(1501)])
        none = client.statuses()
    assert [one.id for one in found.items] == [ids[7], *ids]
    assert (found.unknown, found.unknown_keys) == (("gone",), ("k1500",))
    assert (found.keys["k1499"], len(found.keys)) == (ids[1499], 1500)
    assert (len(sendmany.paused), none.items) == (1, ())


def test_a_cancelled_message_stays_cancelled_when_the_answer_was_lost(
    sendmany: FakeServer,
) -> None:
    with sendmany.client() as client:
        waiting, gone = (client.send(Message(message=text(words))).id for words in "ab")
        sendmany.settle(gone, "accepted")
        sendmany.lose_answers()
        assert client.cancel(waiting).state == "cancelled"
        with pytest.raises(Conflict):
            client.cancel(gone)


def test_a_campaign_is_launched_from_a_file_and_again_after_a_lost_answer(
    sendmany: FakeServer, tmp_path: Path
) -> None:
    file = tmp_path / "people.csv"
    file.write_bytes(b"phone,name\n+447700900101,Ada\n+447700900102,Grace\n")
    message = {"type": "text", "content": {"text": "Hello {{name}}"}}
    sendmany.lose_answers()
    with sendmany.client() as client:
        launched = client.launch("Spring/1", message, file, rate=5)
        shown = client.campaign("Spring/1")
    assert (launched.recipients, launched.resumed, shown.status) == (2, True, "sending")
    kept = sendmany.campaigns["Spring/1"]
    assert (kept["rate"], kept["recipients"]) == (5, file.read_bytes())


def test_changes_are_followed_from_the_cursor_on(sendmany: FakeServer) -> None:
    with sendmany.client() as client:
        ids = [client.send(Message(message=text(str(n)))).id for n in range(3)]
        for id in ids[:2]:
            sendmany.settle(id, "delivered")
        first = next(client.follow())
        assert [one.id for one in first.items] == ids[:2]
        sendmany.settle(ids[2], "failed", 1002)
        (late,) = next(client.follow(first.next)).items
        assert (late.type, late.id, late.code) == ("message.failed", ids[2], 1002)
        sendmany.fail(410)
        with pytest.raises(Gap):
            next(client.follow("0-0"))


def test_a_reader_without_news_waits(sendmany: FakeServer) -> None:
    def late(seconds: float) -> None:
        sendmany.paused.append(seconds)
        sendmany.settle("m", "delivered")

    with sendmany.client(sleep=late) as client:
        assert len(next(client.follow(pause=5)).items) == 1
    assert sendmany.paused == [5]


async def test_on_an_event_loop_it_does_the_same(sendmany: FakeServer, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_bytes(b"phone\n+447700900101\n")
    async with sendmany.async_client() as client:
        sendmany.lose_answers()
        sendmany.fail(503, retry_after=3)
        sent = await client.send(Message(message=text("Hello")))
        assert (sent.status, len(sendmany.messages)) == ("duplicate", 1)
        assert sendmany.paused[1] >= 3
        assert (await client.send_many([Message(message=text("x"))]))[0].is_stored
        sendmany.settle(sent.id, "delivered")
        async for page in client.follow():
            assert [one.id for one in page.items] == [sent.id]
            break
        assert (await client.status(sent.id)).state == "delivered"
        launched = await client.launch("Spring", {"type": "text"}, file)
        assert launched.recipients == (await client.campaign("Spring")).recipients == 1
        with pytest.raises(NotFound):
            await client.cancel("x")


def test_neither_token_nor_number_is_in_a_text_of_an_error() -> None:
    with pytest.raises(ValidationError) as told:
        Message(message=text("Hello"), key="", priority="now")
    assert "447700900101" not in str(told.value)
