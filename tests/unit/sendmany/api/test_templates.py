"""Templates over HTTP, against the sandbox."""

from collections.abc import AsyncIterator
from typing import Any

import fakeredis
import httpx
import pytest

from chatapps.management import from_settings
from chatapps.sandbox import SandboxConfig, create_app
from chatapps.sandbox.config import ACCOUNT_ID, CHANNEL_ID
from config.sections import SubAccount
from config.settings import Settings
from sendmany.api.routes.templates import templates_router
from store.access.audit import read_audit
from store.access.tokens import Scope
from store.client import AsyncStore, Store
from store.scripts import load_scripts
from store.threads import ThreadStore
from tests.unit.web_client import Door, web_client

PATH = "/v1/templates"
SANDBOX = {"api_key": "sandbox-key", "account_id": ACCOUNT_ID, "channel_id": CHANNEL_ID}
SETTINGS = Settings(
    sub_accounts={
        "sandbox": SubAccount.model_validate({"base_url": "http://sandbox.test", **SANDBOX}),
        "gone": SubAccount.model_validate({"base_url": "http://127.0.0.1:9", **SANDBOX}),
        "plain": SubAccount(),
    },
    default_sub_account="sandbox",
)
BOATS: dict[str, Any] = {
    "name": "boats",
    "language": "en_GB",
    "category": "MARKETING",
    "components": [{"type": "BODY", "text": "Ahoy {{1}}, the boat is back.", "examples": ["Ana"]}],
}


@pytest.fixture
async def door(
    server: fakeredis.FakeServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Door]:
    sandbox = create_app(SandboxConfig())

    def client(*_: Any, **__: Any) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(sandbox))

    monkeypatch.setattr(from_settings, "open_client", client)
    store = AsyncStore(fakeredis.FakeAsyncRedis(server=server), load_scripts(flags=False))
    async with web_client(
        lambda needs: [templates_router(ThreadStore(store), SETTINGS, needs)],
        *(Scope.READ, Scope.MANAGE),
    ) as door:
        yield door
    await store.close()


async def test_a_template_is_checked_added_listed_and_deleted(
    door: Door, server: fakeredis.FakeServer
) -> None:
    dry = await door.http.post(PATH, params={"dry_run": True}, json=BOATS)
    assert (dry.status_code, dry.json()["added"]) == (200, False)
    assert dry.json()["advice"][0].startswith("allow_category_change")
    assert (await door.http.get(PATH)).json() == {
        "sub_account": "sandbox", "configured": True, "items": [],
    }  # fmt: skip
    added = await door.http.post(PATH, json=BOATS)
    assert (added.status_code, added.json()["added"]) == (200, True)
    (listed,) = (await door.http.get(PATH)).json()["items"]
    assert (listed["templateName"], listed["status"]) == ("boats", "PENDING")
    gone = await door.http.delete(f"{PATH}/boats")
    assert gone.json() == {"name": "boats", "deleted": True}
    again = await door.http.post(PATH, json=BOATS)
    assert (again.status_code, "30 days" in again.json()["detail"]) == (409, True)
    assert (await door.http.delete(f"{PATH}/boats")).status_code in (404, 422)
    trail = read_audit(Store(fakeredis.FakeRedis(server=server), load_scripts(flags=False)))
    assert [(one.act, one.object) for one in trail] == [
        ("template.delete", "boats of sandbox"),
        ("template.add", "boats (en_GB) of sandbox"),
    ]


async def test_broken_rules_are_told_by_their_places_and_nothing_is_sent(door: Door) -> None:
    wrong = {**BOATS, "name": "no boats", "components": [{"type": "BODY", "text": "{{1}} hi"}]}
    places = {"name", "components[0].text"}
    dry = await door.http.post(PATH, params={"dry_run": True}, json=wrong)
    assert (dry.status_code, dry.json()["template"], dry.json()["added"]) == (200, None, False)
    refused = await door.http.post(PATH, json=wrong)
    assert refused.status_code == 422
    for answer in (dry, refused):
        assert {one["path"] for one in answer.json()["problems"]} == places
    assert (await door.http.get(PATH)).json()["items"] == []


async def test_a_sub_account_without_a_channel_says_so(door: Door) -> None:
    plain = {"sub_account": "plain"}
    listed = (await door.http.get(PATH, params=plain)).json()
    assert (listed["configured"], listed["items"]) == (False, [])
    refused = await door.http.post(PATH, params=plain, json=BOATS)
    assert (refused.status_code, "channel_id" in refused.json()["detail"]) == (409, True)


async def test_a_provider_that_is_away_is_told(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(from_settings, "open_client", lambda *_, **__: httpx.AsyncClient())
    answer = await door.http.get(PATH, params={"sub_account": "gone"})
    assert (answer.status_code, "could not be reached" in answer.json()["detail"]) == (502, True)


@pytest.mark.parametrize(("told", "seconds"), [("0.3", "1"), ("7", "7"), ("soon", "2")])
async def test_a_provider_that_is_asked_too_often_says_when_to_come_again(
    door: Door, monkeypatch: pytest.MonkeyPatch, told: str, seconds: str
) -> None:
    too_fast = httpx.MockTransport(lambda _: httpx.Response(429, headers={"Retry-After": told}))
    client = lambda *_, **__: httpx.AsyncClient(transport=too_fast)  # noqa: E731
    monkeypatch.setattr(from_settings, "open_client", client)
    answer = await door.http.get(PATH)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, seconds)
