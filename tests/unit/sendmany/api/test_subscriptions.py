"""Subscriptions over HTTP: for an admin, bounded to its sub-accounts, the secret shown once."""

from typing import Any

from pydantic import SecretStr

from config.sections import SubAccount, Subscriptions
from config.settings import Settings
from sendmany.api.app import create_app
from store.access.tokens import Scope
from tests.unit.sendmany.api.given import Trouble, client, new_token

ACCOUNTS = {"shop": SubAccount(), "bank": SubAccount()}
SETTINGS = Settings(sub_accounts=ACCOUNTS, secret=SecretStr("a secret of some length"))
HOOK = {
    "url": "https://shop.example/hooks",
    "types": ["message.delivered", "campaign.*"],
    "sub_account": "shop",
}
PATH = "/v1/subscriptions"


async def test_a_subscription_is_added_shown_rotated_replayed_and_removed(store: Trouble) -> None:
    app = create_app(SETTINGS, store, lambda: None)
    async with client(app, await new_token(store, Scope.ADMIN)) as admin:
        added = await admin.post(PATH, json=HOOK)
        assert added.status_code == 201
        one = added.json()
        assert one["secret"].startswith("whsec_")
        assert (one["types"], one["with_numbers"], one["disabled"]) == (HOOK["types"], False, "")
        listed = (await admin.get(PATH)).json()["items"]
        assert [item["id"] for item in listed] == [one["id"]]
        assert "secret" not in listed[0]
        rotated = (await admin.post(f"{PATH}/{one['id']}/rotate")).json()
        assert rotated["secret"] not in ("", one["secret"])
        since = {"since": "2026-12-01T10:00:00Z"}
        shown = (await admin.post(f"{PATH}/{one['id']}/replay", json=since)).json()
        assert (shown["cursor"], shown["dead_letters"]) == ("1796119200000-0", [])
        assert (await admin.get(f"{PATH}/{one['id']}")).json() == shown
        assert (await admin.delete(f"{PATH}/{one['id']}")).json() == {"removed": one["id"]}
        for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/rotate"), ("POST", "/test")):
            answer = await admin.request(method, f"{PATH}/{one['id']}{path}")
            assert answer.status_code == 404
        entries = (await admin.get("/v1/audit", params={"act": "subscription"})).json()["items"]
        assert [entry["act"].partition(".")[2] for entry in entries] == [
            "remove", "replay", "rotate", "add",
        ]  # fmt: skip


async def test_what_breaks_a_rule_is_refused_and_nothing_is_kept(store: Trouble) -> None:
    app = create_app(SETTINGS, store, lambda: None)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"url": "http://shop.example/"}, "url"),
        ({"url": "https://shop.example:9000/"}, "url"),
        ({"types": ["message.sent"]}, "types.0"),
        ({"types": []}, "types"),
        ({"sub_account": "other"}, "sub_account"),
    ]
    async with client(app, await new_token(store, Scope.ADMIN)) as admin:
        for change, path in wrong:
            answer = await admin.post(PATH, json={**HOOK, **change})
            assert answer.status_code == 422
            assert answer.json()["problems"][0]["path"] == path.partition(".")[0]
        answer = await admin.post(PATH, json={**HOOK, "with_numbers": True})
        assert answer.status_code == 403
        assert (await admin.get(PATH)).json() == {"items": []}
    async with client(app, await new_token(store, Scope.READ)) as reader:
        assert (await reader.get(PATH)).status_code == 403


async def test_an_admin_of_one_sub_account_does_not_see_those_of_others(store: Trouble) -> None:
    app = create_app(SETTINGS, store, lambda: None)
    async with client(app, await new_token(store, Scope.ADMIN)) as admin:
        one = (await admin.post(PATH, json=HOOK)).json()
    bank = await new_token(store, Scope.ADMIN, sub_accounts=frozenset({"bank"}))
    async with client(app, bank) as other:
        assert (await other.get(PATH)).json() == {"items": []}
        assert (await other.get(f"{PATH}/{one['id']}")).status_code == 404
        assert (await other.delete(f"{PATH}/{one['id']}")).status_code == 404
        assert (await other.post(PATH, json=HOOK)).status_code == 403


async def test_without_a_secret_in_the_settings_it_says_what_to_set(store: Trouble) -> None:
    app = create_app(Settings(sub_accounts=ACCOUNTS), store, lambda: None)
    async with client(app, await new_token(store, Scope.ADMIN)) as admin:
        answer = await admin.post(PATH, json=HOOK)
        assert answer.status_code == 409
        assert "SENDMANY_SECRET" in answer.json()["detail"]


async def test_an_endpoint_that_is_away_is_told_by_a_test(store: Trouble) -> None:
    trusted = Subscriptions(trusted=["localhost:1"])
    settings = SETTINGS.model_copy(update={"subscriptions": trusted})
    app = create_app(settings, store, lambda: None)
    async with client(app, await new_token(store, Scope.ADMIN)) as admin:
        one = (await admin.post(PATH, json={**HOOK, "url": "http://localhost:1/"})).json()
        answer = await admin.post(f"{PATH}/{one['id']}/test")
        assert answer.json() == {"taken": False, "answer": "no connection"}
