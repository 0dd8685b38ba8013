"""`POST /v1/person/…`: the number in the body, what is shown to whom, and how far an erasure is."""

import asyncio
import json
from typing import Any

import pytest
from pydantic import SecretStr

from config.settings import Settings
from store.access.tokens import Scope
from store.client import Store
from store.keys import forgetting
from store.people.suppressions import Why, suppress
from store.receipts.inbox import keep_unmatched
from tests.conformance import given
from tests.unit.web_client import Door

ADA = {"person": "+44 7700 900005"}
DIGITS = "447700900005"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"secret": SecretStr("a secret of the settings")})


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.person.rewrite_files", lambda *_: None)
    monkeypatch.setattr("dashboard.person.replicas", lambda _: 0)
    monkeypatch.setattr("dashboard.person.NOTICED_SECONDS", 0)
    monkeypatch.setattr("dashboard.person.ROUND_SECONDS", 0)


async def ended(door: Door, id_: str) -> Any:
    """The erasure when it has ended."""
    async with asyncio.timeout(20):
        while True:
            found = (await door.http.get(f"/v1/person/forget/{id_}")).json()
            if found["state"] not in ("searching", "rewriting"):
                return found


async def test_everything_is_shown(door: Door, store: Store) -> None:
    lane = given.loaded(store, 8)
    store.run(keep_unmatched([b'{"from":"447700900005"}']))
    found = (await door.http.post("/v1/person/show", json=ADA)).json()
    assert [one["id"] for one in found["messages"]] == [f"{lane}.5"]
    assert len(found["webhooks"]) == 1


async def test_a_token_of_one_sub_account_is_shown_what_is_its_own(
    door: Door, store: Store
) -> None:
    given.loaded(store, 8)
    store.run(suppress("bank", [(DIGITS, None)], Why.REPLY))
    store.run(keep_unmatched([b'{"from":"447700900005"}']))
    door.comes(Scope.PEOPLE, only=["bank"])
    found = (await door.http.post("/v1/person/show", json=ADA)).json()
    assert (found["messages"], found["webhooks"]) == ([], [])
    assert [one["scope"] for one in found["suppressions"]] == ["bank"]


async def test_a_person_is_forgotten_and_the_answer_says_how_far_it_is(
    door: Door, store: Store
) -> None:
    given.loaded(store, 8)
    door.comes(Scope.PEOPLE, Scope.MANAGE)
    begun = await door.http.post("/v1/person/forget", json=ADA)
    assert begun.status_code == 202
    assert begun.json()["state"] == "searching"
    found = await ended(door, begun.json()["id"])
    assert (found["state"], found["erased"]["messages"]) == ("done", 1)
    assert found["not_covered"] == ["backups, and files that were exported or given to a launch"]
    shown = (await door.http.post("/v1/person/show", json=ADA)).json()
    assert (shown["messages"], shown["forgotten_at"] is not None) == ([], True)


async def test_to_forget_takes_a_token_for_all_sub_accounts_that_may_manage(
    door: Door, store: Store
) -> None:
    given.loaded(store, 8)
    door.comes(Scope.PEOPLE)
    assert (await door.http.post("/v1/person/forget", json=ADA)).status_code == 403
    door.comes(Scope.MANAGE, only=["shop"])
    assert (await door.http.post("/v1/person/forget", json=ADA)).status_code == 403
    door.comes(Scope.PEOPLE)
    assert len((await door.http.post("/v1/person/show", json=ADA)).json()["messages"]) == 1


@pytest.mark.parametrize("secret", [None])
async def test_without_a_secret_it_is_refused(
    door: Door, settings: Settings, secret: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Settings, "secret_key", lambda _: secret)
    door.comes(Scope.MANAGE)
    refused = await door.http.post("/v1/person/forget", json=ADA)
    assert refused.status_code == 409
    assert "SENDMANY_SECRET" in refused.text


@pytest.mark.parametrize("person", ["+44 7700", "12", "a b", "+44770090000512345678", "", "447700"])
async def test_what_is_no_person_is_refused_and_not_repeated(door: Door, person: str) -> None:
    refused = await door.http.post("/v1/person/show", json={"person": person})
    assert refused.status_code == 422
    assert not person or person not in refused.text


async def test_an_id_of_a_user_is_a_person(door: Door) -> None:
    found = await door.http.post("/v1/person/show", json={"person": "GB.1349120865530274"})
    assert found.json()["person"] == "GB.1349120865530274"


async def test_an_erasure_that_was_cut_off_is_told(door: Door, store: Store) -> None:
    door.comes(Scope.MANAGE)
    id_ = "ab" * 8
    progress = {"state": "searching", "rounds": 1, "looked_through": 0, "messages": 9, "erased": {},
                "not_covered": [], "problem": ""}  # fmt: skip
    store.client.set(forgetting(id_), json.dumps({**progress, "heard_at": 1000.0}))
    found = await door.http.get(f"/v1/person/forget/{id_}")
    assert found.json()["state"] == "interrupted"


async def test_there_is_no_such_erasure(door: Door) -> None:
    door.comes(Scope.MANAGE)
    assert (await door.http.get(f"/v1/person/forget/{'ab' * 8}")).status_code == 404
