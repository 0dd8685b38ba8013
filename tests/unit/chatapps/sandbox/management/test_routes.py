"""The sandbox's templates, webhooks and cancellations, over HTTP in process."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from chatapps.sandbox import SandboxConfig, create_app
from chatapps.sandbox.config import ACCOUNT_ID, CHANNEL_ID

TEMPLATES = f"/api/v1/accounts/{ACCOUNT_ID}/channels/{CHANNEL_ID}/templates"
WEBHOOKS = f"/api/v1/accounts/{ACCOUNT_ID}/webhooks"
MESSAGES = "/api/v1/subaccounts/sandbox/messages"
KEY = {"Authorization": "Bearer sandbox-key"}
BODY: dict[str, Any] = {"type": "BODY", "text": "Ahoy {{1}}, hello.", "examples": ["Ana"]}


class Time:
    """A clock that moves when told to."""

    now = 1_800_000_000.0

    def read(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


def door(time: Time, **config: Any) -> httpx.AsyncClient:
    app = create_app(SandboxConfig(**config), clock=time.read, monotonic=time.read)
    transport = httpx.ASGITransport(app)
    return httpx.AsyncClient(transport=transport, base_url="http://sandbox.test", headers=KEY)


@pytest.fixture
async def http(time: Time) -> AsyncIterator[httpx.AsyncClient]:
    async with door(time) as client:
        yield client


def draft(*parts: Any, **members: Any) -> dict[str, Any]:
    named = {"name": "boats", "language": "en_GB", "category": "MARKETING"}
    return {**named, "components": list(parts or (BODY,)), **members}


async def statuses(http: httpx.AsyncClient) -> dict[str, str]:
    listed = (await http.get(TEMPLATES)).json()["templates"]
    return {template["templateName"]: template["status"] for template in listed}


async def test_a_good_template_is_answered_with_an_empty_object(http: httpx.AsyncClient) -> None:
    response = await http.post(TEMPLATES, json=draft())
    assert (response.status_code, response.json()) == (200, {})


async def test_the_list_spells_templates_as_the_provider_does(http: httpx.AsyncClient) -> None:
    header = {"type": "header", "format": "image", "examples": ["https://m.example.com/a.png"]}
    link = {"type": "url", "text": "Go", "url": "https://b.example.com/{{1}}", "examples": ["x"]}
    buttons = {"type": "buttons", "buttons": [link]}
    await http.post(TEMPLATES, json=draft(header, BODY, buttons, message_send_ttl_seconds=50_000))
    (listed,) = (await http.get(TEMPLATES)).json()["templates"]
    assert listed["components"] == [
        {
            "type": "HEADER",
            "format": "Image",
            "example": {"headerHandle": ["https://m.example.com/a.png"]},
        },
        {"type": "BODY", "text": BODY["text"], "example": {"bodyText": ["Ana"]}},
        {
            "type": "BUTTONS",
            "buttons": [{"type": "URL", "text": "Go", "url": link["url"], "example": ["x"]}],
        },
    ]
    assert "message_send_ttl_seconds" not in listed
    assert listed["channelId"] == CHANNEL_ID
    assert listed["createdAt"] == "2027-01-15T08:00:00.000Z"


async def test_the_review_takes_a_moment_and_may_end_badly(
    http: httpx.AsyncClient, time: Time
) -> None:
    for name in ("boats", "rejected_boats", "paused_boats", "disabled_boats"):
        await http.post(TEMPLATES, json=draft(name=name))
    assert set((await statuses(http)).values()) == {"PENDING"}
    time.now += 2
    assert await statuses(http) == {
        "boats": "APPROVED",
        "rejected_boats": "REJECTED",
        "paused_boats": "PAUSED",
        "disabled_boats": "DISABLED",
    }


async def test_how_long_the_review_takes_can_be_chosen(time: Time) -> None:
    async with door(time, approve_after=0) as http:
        await http.post(TEMPLATES, json=draft())
        assert await statuses(http) == {"boats": "APPROVED"}


PHONE = {"type": "PHONE_NUMBER", "text": "Call", "phoneNumber": "nobody"}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, 1000),
        ([], 1000),
        (draft({"type": "BODY", "text": "Ahoy {{2}}!"}), 1000),
        (draft(BODY, {"type": "BUTTONS", "buttons": [PHONE]}), 1002),
        (draft(BODY, {"type": "BUTTONS", "buttons": [PHONE | {"phoneNumber": "020"}]}), 1002),
    ],
)
async def test_a_bad_template_is_refused_with_its_code(
    http: httpx.AsyncClient, body: Any, code: int
) -> None:
    response = await http.post(TEMPLATES, json=body)
    assert (response.status_code, response.json()["code"]) == (400, code)
    assert set(response.json()) == {"code", "message", "errorId", "timestamp"}
    assert await statuses(http) == {}


async def test_a_name_is_registered_once_in_each_language(http: httpx.AsyncClient) -> None:
    assert (await http.post(TEMPLATES, json=draft())).status_code == 200
    assert (await http.post(TEMPLATES, json=draft(language="de"))).status_code == 200
    response = await http.post(TEMPLATES, json=draft())
    assert (response.status_code, response.json()["code"]) == (400, 1000)


async def test_deletion_takes_all_languages_and_blocks_the_name(
    http: httpx.AsyncClient, time: Time
) -> None:
    await http.post(TEMPLATES, json=draft())
    await http.post(TEMPLATES, json=draft(language="de"))
    response = await http.delete(f"{TEMPLATES}/boats")
    assert (response.status_code, response.json()) == (200, {})
    assert await statuses(http) == {}
    for language in ("en_GB", "fr"):
        response = await http.post(TEMPLATES, json=draft(language=language))
        assert (response.status_code, response.json()["code"]) == (409, 3060)
    assert (await http.post(TEMPLATES, json=draft(name="ferries"))).status_code == 200
    time.now += 30 * 86_400
    assert (await http.post(TEMPLATES, json=draft())).status_code == 200


async def test_a_template_that_is_not_there_cannot_be_deleted(http: httpx.AsyncClient) -> None:
    response = await http.delete(f"{TEMPLATES}/boats")
    assert (response.status_code, response.json()["code"]) == (400, 1000)
    assert (await http.post(TEMPLATES, json=draft())).status_code == 200


@pytest.mark.parametrize(
    ("path", "headers", "status", "code"),
    [
        (TEMPLATES, {"Authorization": "Bearer x"}, 401, 1200),
        (WEBHOOKS, {"Authorization": "Bearer x"}, 401, 1200),
        (TEMPLATES.replace(ACCOUNT_ID, CHANNEL_ID), KEY, 400, 1001),
        (TEMPLATES.replace(CHANNEL_ID, "other"), KEY, 400, 1001),
        (WEBHOOKS.replace(ACCOUNT_ID, "DemoAccount"), KEY, 400, 1001),
    ],
)
async def test_only_the_right_key_opens_the_right_account(
    http: httpx.AsyncClient, path: str, headers: dict[str, str], status: int, code: int
) -> None:
    for method in ("GET", "POST"):
        response = await http.request(method, path, headers=headers, json=draft())
        assert (response.status_code, response.json()["code"]) == (status, code)


async def test_an_account_id_may_come_without_dashes(http: httpx.AsyncClient) -> None:
    path = TEMPLATES.replace(ACCOUNT_ID, ACCOUNT_ID.replace("-", "").upper())
    assert (await http.get(path)).json() == {"templates": []}


async def test_templates_outlive_a_reset(http: httpx.AsyncClient) -> None:
    await http.post(TEMPLATES, json=draft())
    await http.post("/sandbox/reset")
    assert len(await statuses(http)) == 1


# --- webhooks

HOOK = {"subAccountId": "sandbox", "url": "https://h.example.com/dr", "type": "CADR"}


async def test_webhooks_replace_each_other_by_sub_account_and_type(
    http: httpx.AsyncClient,
) -> None:
    assert (await http.get(WEBHOOKS)).json() == []
    secret = {"httpAuthorization": "Bearer s3cret"}
    response = await http.post(WEBHOOKS, json=[HOOK, {**HOOK, **secret, "type": "MSG"}])
    assert (response.status_code, response.content) == (200, b"")
    await http.post(WEBHOOKS, json=[HOOK | {"url": "https://new.example.com"}])
    assert (await http.get(WEBHOOKS)).json() == [
        {**HOOK, "url": "https://new.example.com", "enabled": True},
        {**HOOK, "type": "MSG", "enabled": True, "httpAuthorization": "***"},
    ]


async def test_a_webhook_without_type_is_for_receipts_and_replies(
    http: httpx.AsyncClient,
) -> None:
    await http.post(WEBHOOKS, json=[{"subAccountId": "*", "url": "https://h.example.com"}])
    assert [hook["type"] for hook in (await http.get(WEBHOOKS)).json()] == ["CADR", "MSG"]
    await http.request("DELETE", WEBHOOKS, json=[{"subAccountId": "*", "type": "MSG"}])
    assert [hook["type"] for hook in (await http.get(WEBHOOKS)).json()] == ["CADR"]
    await http.request("DELETE", WEBHOOKS, json=[{"subAccountId": "*"}])
    assert (await http.get(WEBHOOKS)).json() == []


async def test_bad_webhooks_are_refused_and_none_is_set(http: httpx.AsyncClient) -> None:
    for body in ([HOOK, {"subAccountId": "x"}], [7], "x"):
        response = await http.post(WEBHOOKS, json=body)
        assert (response.status_code, response.json()["code"]) == (400, 1000)
    response = await http.request("DELETE", WEBHOOKS, json=[{}])
    assert (response.status_code, response.json()["code"]) == (400, 1000)
    assert (await http.get(WEBHOOKS)).json() == []


# --- details and cancellation


async def test_details_are_given_once_a_second_to_each_sub_account(time: Time) -> None:
    async with door(time, sub_accounts=("one", "two")) as http:
        paths = [f"/api/v1/subaccounts/{name}/messages/x" for name in ("one", "two")]
        assert [(await http.get(path)).status_code for path in paths] == [400, 400]
        response = await http.get(paths[0])
        assert (response.status_code, response.json()["code"]) == (429, 429)
        assert response.headers["retry-after"] == "1"
        time.now += 1
        assert (await http.get(paths[0])).status_code == 400


async def test_cancelling_needs_the_key_and_an_id(http: httpx.AsyncClient) -> None:
    for path in (f"{MESSAGES}/x", f"{MESSAGES}/batch/x"):
        response = await http.delete(path)
        assert (response.status_code, response.json()["code"]) == (400, 1000)
        response = await http.delete(path, headers={"Authorization": "Bearer x"})
        assert (response.status_code, response.json()["code"]) == (401, 1200)


async def test_a_reset_forgets_what_is_scheduled(http: httpx.AsyncClient) -> None:
    message = {
        "user": {"msisdn": "+447700900123"},
        "type": "text",
        "content": {"text": "Ahoy"},
        "scheduled": "2030-01-01T00:00:00Z",
    }
    umid = (await http.post(MESSAGES, json=message)).json()["umid"]
    await http.post("/sandbox/reset")
    assert (await http.delete(f"{MESSAGES}/{umid}")).status_code == 404


# --- sending with registered templates


def template(count: int, name: str = "boats", **members: Any) -> dict[str, Any]:
    values = [{"type": "text", "text": "Ana"}] * count
    parts = [{"type": "body", "parameters": values}] if count else []
    named = {"name": name, "language": "en_GB", "components": parts, **members}
    return {"type": "template", "content": {"template": named}}


async def codes(http: httpx.AsyncClient, *contents: dict[str, Any]) -> list[int | None]:
    """The code of each message, sent with content of its own and with shared content."""
    person = {"user": {"msisdn": "+447700900123"}}
    found = []
    for content in contents:
        for body in (
            {"messages": [person | content]},
            {"messages": [person], "template": content},
        ):
            answer = await http.post(
                f"{MESSAGES}/batch", json=body | {"includeMessagesInResponse": True}
            )
            found.append(answer.json()["messages"][0]["status"].get("errorCode"))
    assert found[::2] == found[1::2]
    return found[::2]


async def test_messages_are_held_against_registered_templates_if_wished(time: Time) -> None:
    async with door(time, check_templates=True) as http:
        assert await codes(http, template(7, "unknown")) == [None]  # none registered yet
        await http.post(TEMPLATES, json=draft())
        assert await codes(http, template(1)) == [3038]  # not approved yet
        time.now += 2
        assert await codes(
            http,
            template(1),
            template(0),
            template(2),
            template(1, "ferries"),
            template(1, language="en"),
            {"type": "text", "content": {"text": "Ahoy"}},
        ) == [None, 3040, 3033, 3038, 3038, None]


async def test_media_headers_and_fewer_values_are_counted_too(time: Time) -> None:
    two = {"type": "BODY", "text": "Ahoy {{1}} and {{2}}.", "examples": ["Ana", "Ben"]}
    async with door(time, check_templates=True, approve_after=0) as http:
        await http.post(TEMPLATES, json=draft(two))
        image = {"type": "HEADER", "format": "Image"}
        await http.post(TEMPLATES, json=draft(image, BODY, name="pictures"))
        assert await codes(http, template(1), template(1, "pictures")) == [3041, 3040]


async def test_messages_are_not_held_against_templates_otherwise(
    http: httpx.AsyncClient,
) -> None:
    await http.post(TEMPLATES, json=draft())
    assert await codes(http, template(7, "unknown")) == [None]
