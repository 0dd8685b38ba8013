"""The calls beside sending many, against the sandbox and against servers that misbehave."""

import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from chatapps.client import ChatAppsClient, Endpoint
from chatapps.management import (
    Account,
    AccountCalls,
    MessageCalls,
    NotFound,
    Pacer,
    ProviderUnavailable,
    TemplateNameBlocked,
    TooFast,
    UnknownAccount,
    WebhookKey,
    WrongKey,
    read_webhooks,
)
from chatapps.messages import MessageError
from chatapps.responses import Answered, Received, Refused
from chatapps.sandbox import SandboxConfig, create_app
from chatapps.sandbox.config import ACCOUNT_ID, CHANNEL_ID
from chatapps.templates import TemplateDraft, read_template

KEY = "sandbox-key"


class Time:
    """One clock for all: sleeping moves it."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def read(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def client(time: Time) -> ChatAppsClient:
    app = create_app(SandboxConfig(), clock=time.read, monotonic=time.read, sleep=time.sleep)
    return ChatAppsClient(httpx.AsyncClient(transport=httpx.ASGITransport(app)))


def endpoint(key: str = KEY, sub_account: str = "sandbox") -> Endpoint:
    return Endpoint("http://sandbox.test/", sub_account, SecretStr(key))


def calls(client: ChatAppsClient, **changes: Any) -> AccountCalls:
    account = Account(endpoint(), ACCOUNT_ID, CHANNEL_ID)
    return AccountCalls(client, replace(account, **changes))


def draft(name: str = "boats", **changes: Any) -> TemplateDraft:
    body = {"type": "BODY", "text": "Ahoy {{1}}, the boat is back.", "examples": ["Ana"]}
    fixed = {"name": name, "language": "en_GB", "category": "MARKETING", "components": [body]}
    return read_template(fixed | changes)


async def test_a_template_is_reviewed_listed_and_deleted(
    client: ChatAppsClient, time: Time
) -> None:
    account = calls(client)
    await account.add_template(draft())
    (listed,) = await account.list_templates()
    assert (listed.name, listed.status) == ("boats", "PENDING")
    time.now += 2
    (listed,) = await account.list_templates()
    assert listed.approved
    body = listed.part("BODY")
    assert body is not None
    assert (body.placeholders, body.samples) == (1, ("Ana",))
    await account.delete_template("boats")
    assert await account.list_templates() == ()


async def test_the_name_of_a_deleted_template_rests_for_a_month(
    client: ChatAppsClient, time: Time
) -> None:
    account = calls(client)
    await account.add_template(draft())
    await account.delete_template("boats")
    time.now += 29 * 86_400
    with pytest.raises(TemplateNameBlocked) as caught:
        await account.add_template(draft())
    assert (caught.value.status, caught.value.code) == (409, 3060)
    time.now += 2 * 86_400
    await account.add_template(draft())


async def test_what_is_too_long_is_not_even_sent(client: ChatAppsClient) -> None:
    with pytest.raises(MessageError):
        await calls(client).add_template(draft("x" * 201))
    assert await calls(client).list_templates() == ()


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"endpoint": endpoint("wrong")}, WrongKey),
        ({"account_id": str(uuid.uuid4())}, UnknownAccount),
        ({"channel_id": "other"}, UnknownAccount),
    ],
)
async def test_who_may_not_ask_is_told_why(
    client: ChatAppsClient, changes: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        await calls(client, **changes).list_templates()
    with pytest.raises(error):
        await calls(client, **changes).add_template(draft())
    with pytest.raises(error):
        await calls(client, **changes).delete_template("boats")


@pytest.mark.parametrize("name", ["", "..", "../../webhooks", "a b", "a?b"])
async def test_what_can_be_no_name_is_not_even_asked_for(client: ChatAppsClient, name: str) -> None:
    with pytest.raises(MessageError):
        await calls(client).delete_template(name)


async def test_webhooks_are_set_listed_masked_and_taken_away(client: ChatAppsClient) -> None:
    account = calls(client, channel_id="")
    hook = {"subAccountId": "*", "url": "https://h.example.com", "httpAuthorization": "Bearer s3"}
    await account.set_webhooks(read_webhooks(json.dumps([hook, hook | {"type": "CABM"}])))
    listed = await account.list_webhooks()
    assert [(one.sub_account_id, one.type, one.proof) for one in listed] == [
        ("*", "CADR", "header"),
        ("*", "MSG", "header"),
        ("*", "CABM", "header"),
    ]
    assert "s3" not in repr([dict(one.members) for one in listed])
    await account.delete_webhooks([WebhookKey(sub_account_id="*")])
    assert [one.type for one in await account.list_webhooks()] == ["CABM"]


# --- single messages


@pytest.fixture
def single(client: ChatAppsClient, time: Time) -> MessageCalls:
    return MessageCalls(client, endpoint(), Pacer(clock=time.read, sleep=time.sleep))


async def send(client: ChatAppsClient, **changes: Any) -> str:
    """Send a message; returns its umid."""
    fixed = {"user": {"msisdn": "+447700900123"}, "type": "text", "content": {"text": "Ahoy"}}
    batch = {"messages": [fixed | changes], "includeMessagesInResponse": True}
    result = await client.send_many(endpoint(), json.dumps(batch).encode())
    assert isinstance(result, Answered)
    return result.answer.messages[0].umid or ""


async def test_the_details_of_a_message_are_read(
    client: ChatAppsClient, single: MessageCalls
) -> None:
    (step,) = await single.details(await send(client))
    assert (step.step, step.channel, step.state) == (1, "WhatsApp", "queued")
    assert step.members["direction"] == "Outbound"
    with pytest.raises(NotFound):
        await single.details(str(uuid.uuid4()))


async def test_details_keep_to_one_a_second(
    client: ChatAppsClient, single: MessageCalls, time: Time
) -> None:
    began, umid = time.now, await send(client)
    for _ in range(4):
        await single.details(umid)
    assert time.now - began == 3.0


async def test_without_pacing_the_provider_says_so(client: ChatAppsClient) -> None:
    hasty, umid = MessageCalls(client, endpoint(), Pacer(0)), await send(client)
    await hasty.details(umid)
    with pytest.raises(TooFast) as caught:
        await hasty.details(umid)
    assert caught.value.retry_after == 1.0


async def cancel(client: ChatAppsClient, what: str) -> tuple[int, bytes]:
    """The sandbox's answer to the cancellation of a scheduled message or batch."""
    answer = await client.fetch(endpoint(), "DELETE", f"{endpoint().messages_url}/{what}")
    if isinstance(answer, Received):
        return 200, answer.body
    assert isinstance(answer, Refused)
    return answer.status, b""


async def test_a_scheduled_message_can_be_cancelled_once(client: ChatAppsClient) -> None:
    umid = await send(client, scheduled="2030-01-01T09:00:00Z")
    assert await cancel(client, umid) == (200, b'{"cancelledCount":1}')
    assert [(await cancel(client, one))[0] for one in (umid, await send(client), "no-umid")] == [
        404, 404, 400,
    ]  # fmt: skip


async def test_the_rest_of_a_batch_can_be_cancelled(client: ChatAppsClient, time: Time) -> None:
    person = {"user": {"msisdn": "+447700900123"}}
    soon, late = "2027-01-15T08:00:10Z", "2030-01-01T09:00:00+01:00"
    people = [person | {"scheduled": soon}, person | {"scheduled": late}, person]
    shared = {"type": "text", "content": {"text": "Ahoy"}}
    body = json.dumps({"messages": people, "template": shared}).encode()
    result = await client.send_many(endpoint(), body)
    time.now += 60
    assert isinstance(result, Answered)
    for batch, n in ((result.answer.batch_id, 1), (uuid.uuid4(), 0)):
        found = await cancel(client, f"batch/{batch}")
        assert found == (200, b'{"cancelledCount":%d}' % n)


# --- servers that misbehave


def behind(answer: Callable[[httpx.Request], httpx.Response]) -> ChatAppsClient:
    return ChatAppsClient(httpx.AsyncClient(transport=httpx.MockTransport(answer)))


BODIES = [b"", b"<html>", b"[]", b"{}", b"7", b'{"templates": 7, "data": 7}', b"\xff"]


@pytest.mark.parametrize(
    ("status", "content"),
    [*((200, body) for body in BODIES), (302, b""), (408, b"{}"), (502, b"<html>")],
)
async def test_an_answer_that_makes_no_sense_is_no_answer(status: int, content: bytes) -> None:
    def respond(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers={"Location": "/"}, content=content)

    client = behind(respond)
    with pytest.raises(ProviderUnavailable):
        await calls(client).list_templates()
    single = MessageCalls(client, endpoint())
    with pytest.raises(ProviderUnavailable):
        await single.details("x")
    with pytest.raises(ProviderUnavailable):
        await single.start_export(0, 1)
    with pytest.raises(ProviderUnavailable):
        await single.export_state("x")


@pytest.mark.parametrize(
    ("error", "not_processed"),
    [(httpx.ConnectError("refused"), True), (httpx.ReadTimeout("late"), False)],
)
async def test_no_error_of_the_transport_gets_out(error: Exception, not_processed: bool) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise error

    with pytest.raises(ProviderUnavailable) as caught:
        await MessageCalls(behind(fail), endpoint()).start_export(0, 1)
    assert caught.value.not_processed is not_processed


async def test_ids_stay_in_their_place_in_the_path() -> None:
    seen: list[str] = []

    def note(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.raw_path.decode())
        return httpx.Response(200, json={"data": [], "templates": []})

    client = behind(note)
    await MessageCalls(client, endpoint()).details("a/../b?c")
    await MessageCalls(client, endpoint()).cancel_export("b/c")
    await calls(client, account_id="a/b", channel_id="c?d").list_templates()
    assert seen == [
        "/api/v1/subaccounts/sandbox/messages/a%2F%2E%2E%2Fb%3Fc",
        "/api/v1/subaccounts/sandbox/messages/exports/b%2Fc",
        "/api/v1/accounts/a%2Fb/channels/c%3Fd/templates",
    ]
