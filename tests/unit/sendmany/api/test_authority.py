"""Every route of the application, held against every token that should not get there.

The routes are those of the OpenAPI document: one that is added is tried here too, or this fails.
"""

import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

import fakeredis
import httpx
import pytest
from fastapi import FastAPI

from chatapps.rendering.compiled import compile_content
from config.settings import Settings
from dashboard.person import Progress
from producer.messages.enqueue import lanes_of_day
from sendmany.api import pagination
from sendmany.api.app import create_app
from sendmany.api.routes.messages import message_status
from store.access.tokens import Scope
from store.client import AsyncStore, Store
from store.keys import forgetting
from store.lanes.drafts import Draft, create_draft, new_draft, write_file
from store.lanes.lane import Policies, Priority, finish_loading
from store.lanes.open import CampaignPlan, open_campaign, open_notifications
from store.limits.breakers import open_breaker
from store.queue.enqueue import enqueue_messages
from store.scripts import load_scripts
from store.subscriptions.subscription import add_subscription, check_types, key_of
from tests.conformance import given
from tests.unit.sendmany.api.given import client, new_token

METHODS = {"get", "post", "put", "patch", "delete"}
OURS, THEIRS = "ours", "theirs-account"
NAME, REASON = "Their secret spring", "their key is refused"
NUMBER = "447700900000"
DAY = date(2026, 12, 3)
TOMORROW = f"{(datetime.now(UTC) + timedelta(days=1)).date()} 10:00 UTC"
ENDPOINT = "127.0.0.1:1"
SETTINGS = Settings(
    sub_accounts={OURS: {"api_key": "key"}, THEIRS: {"api_key": "key"}},
    secret="a secret of the settings, for tests",
    subscriptions={"trusted": [ENDPOINT]},
)
SCRIPTS = load_scripts(flags=False)
HOOK = {"url": f"http://{ENDPOINT}/in", "types": ["message.delivered"]}
MESSAGE = {"user": {"msisdn": "+447700900123"}, "type": "text", "content": {"text": "Hello"}}
TEMPLATE = {
    "name": "spring_offer",
    "language": "en_GB",
    "category": "MARKETING",
    "components": [{"type": "BODY", "text": "Hello"}],
}
FORM = {"name": NAME, "message": {"type": "text", "content": {"text": "Hello"}}}


class House(NamedTuple):
    """The application, and a sub-account in it with something of every kind."""

    app: FastAPI
    store: AsyncStore
    here: Store
    campaign: str
    notifications: str
    subscription: str


@cache
def shared_app() -> tuple[FastAPI, AsyncStore]:
    """The application of all tests here, since building it takes longer than a test; each test gives its
    store another server."""
    store = AsyncStore(fakeredis.FakeAsyncRedis(), SCRIPTS)
    return create_app(SETTINGS, store, lambda: None), store


@pytest.fixture
async def house() -> AsyncIterator[House]:
    server = fakeredis.FakeServer()
    here = Store(fakeredis.FakeRedis(server=server), SCRIPTS)
    app, store = shared_app()
    store.client = fakeredis.FakeAsyncRedis(server=server)
    content = compile_content({"type": "text", "content": {"text": "Hello"}}, ()).dump()
    lane = open_campaign(here, CampaignPlan(NAME, THEIRS, content, "digest", "source"))[0]
    given.add(here, lane, given.numbers(3), 0, 3)
    here.run(finish_loading(lane))
    new = new_draft(here, DRAFT, THEIRS)
    file = write_file(here, new, THEIRS, [b"phone\n+447700900123\n"])
    create_draft(here, new, DRAFT, THEIRS, Draft({"message": FORM["message"]}, (file,)))
    notifications = lanes_of_day(THEIRS, DAY)[0]
    open_notifications(here, notifications, THEIRS, Priority.URGENT, Policies("resend"))
    here.run(enqueue_messages(notifications, [given.message("secret")]))
    here.run(open_breaker(THEIRS, "account", REASON, by="operator"))
    erasure = Progress(state="done", messages=1).as_json()
    here.client.set(forgetting(ERASURE), json.dumps({**erasure, "heard_at": 0.0}))
    types, url = check_types(["message.delivered"]), f"http://{ENDPOINT}/"
    hook, _ = add_subscription(here, key_of(SETTINGS), 1, url, types, THEIRS, with_numbers=False)
    yield House(app, store, here, lane, notifications, hook.id)
    await store.close()


Route = tuple[str, str]
ROUTES: dict[Route, str] = {
    (method.upper(), path): next((name for one in what.get("security", []) for name in one), "")
    for path, operations in create_app(Settings(redis_url="redis://127.0.0.1:1"))
    .openapi()["paths"]
    .items()
    for method, what in operations.items()
    if method in METHODS
}
CLOSED = {route: Scope(scope) for route, scope in ROUTES.items() if scope}
ENDLESS = ("GET", "/v1/events")
ENDLESS_OUTCOMES = ("GET", "/v1/outcomes/events")
SHOW_PERSON = ("POST", "/v1/person/show")
SHOW_MESSAGES = ("POST", "/v1/statuses")
SUPPRESSIONS = ("GET", "/v1/suppressions")
AUDIT = ("GET", "/v1/audit")
OF_CAMPAIGNS = {
    ("POST", "/v1/campaigns/{campaign}/recipients"),
    ("POST", "/v1/campaigns/{campaign}/schedule"),
    ("POST", "/v1/campaigns/{campaign}/unschedule"),
    ("PATCH", "/v1/campaigns/{campaign}"),
}
"""Lanes of notifications are answered as absent."""
OF_DRAFTS = {
    ("DELETE", "/v1/campaigns/{campaign}"),
    ("PUT", "/v1/campaigns/{campaign}/recipients"),
    ("GET", "/v1/campaigns/{campaign}/recipients"),
    ("GET", "/v1/campaigns/{campaign}/invalid-rows"),
    ("GET", "/v1/campaigns/{campaign}/plan"),
    ("POST", "/v1/campaigns/{campaign}/launch"),
    ("POST", "/v1/campaigns/{campaign}/test"),
    ("POST", "/v1/campaigns/{campaign}/clone"),
}
"""Asked for a draft."""
OF_ALL = {"/metrics", "/v1/doctor"}
"""About all sub-accounts: not for a token of some."""
DRAFT = "Their secret draft"
ERASURE = "ab" * 8


def _requests(route: Route, house: House) -> list[dict[str, Any]]:
    """A request to this route for another sub-account's data."""
    method, path = route
    bodies: dict[Route, dict[str, Any]] = {
        ("POST", "/v1/messages"): {"json": {"message": MESSAGE, "sub_account": THEIRS}},
        ("POST", "/v1/messages/batch"): {
            "json": {"messages": [{"message": MESSAGE, "sub_account": THEIRS}]}
        },
        ("POST", "/v1/campaigns"): _upload({**FORM, "sub_account": THEIRS}),
        ("POST", "/v1/tests"): _upload({**FORM, "sub_account": THEIRS, "to": [f"+{NUMBER}"]}),
        ("POST", "/v1/plans"): _upload({**FORM, "sub_account": THEIRS}),
        ("POST", "/v1/campaigns/{campaign}/retry"): {"json": {"dry_run": True}},
        ("POST", "/v1/campaigns/{campaign}/recipients"): {
            "content": b"phone\n+447700900123\n",
            "headers": {"Content-Type": "text/csv"},
        },
        ("POST", "/v1/campaigns/{campaign}/schedule"): {"json": {"send_at": TOMORROW}},
        ("PUT", "/v1/campaigns/{campaign}/recipients"): {
            "content": b"phone\n+447700900123\n",
            "headers": {"Content-Type": "text/csv"},
        },
        ("POST", "/v1/campaigns/{campaign}/launch"): {"json": {}},
        ("POST", "/v1/campaigns/{campaign}/test"): {"json": {"to": [f"+{NUMBER}"]}},
        ("POST", "/v1/campaigns/{campaign}/clone"): {"json": {"as": "Mine"}},
        ("PATCH", "/v1/campaigns/{campaign}"): {"json": {"weight": 2}},
        ("POST", "/v1/breakers/open"): {"json": {"sub_account": THEIRS, "reason": "mine"}},
        ("POST", "/v1/breakers/close"): {"json": {"sub_account": THEIRS}},
        ("POST", "/v1/limits/pin"): {"json": {"sub_account": THEIRS, "rate": 5}},
        ("POST", "/v1/limits/forget"): {"json": {"sub_account": THEIRS}},
        ("POST", "/v1/stops/begin"): {
            "json": {"what": "all", "reason": "mine", "sub_account": THEIRS}
        },
        ("PATCH", "/v1/quiet-hours"): {"json": {"on": True}},
        ("POST", "/v1/stops/end"): {"json": {"what": "all", "sub_account": THEIRS}},
        ("POST", "/v1/suppressions"): {"json": {"people": [f"+{NUMBER}"], "sub_account": THEIRS}},
        ("POST", "/v1/suppressions/remove"): {
            "json": {"people": [f"+{NUMBER}"], "sub_account": THEIRS}
        },
        ("POST", "/v1/suppressions/check"): {
            "json": {"person": f"+{NUMBER}", "sub_account": THEIRS}
        },
        ("POST", "/v1/subscriptions"): {"json": {**HOOK, "sub_account": THEIRS}},
        ("POST", "/v1/subscriptions/{subscription}/replay"): {
            "json": {"since": "2026-01-01T00:00:00Z"}
        },
        SHOW_PERSON: {"json": {"person": f"+{NUMBER}"}},
        SHOW_MESSAGES: {"json": {"ids": [f"{house.campaign}.0"]}},
        ("POST", "/v1/person/forget"): {"json": {"person": f"+{NUMBER}"}},
    }
    queries: dict[Route, list[dict[str, Any]]] = {
        SUPPRESSIONS: [{"params": {"sub_account": THEIRS}}],
        ("GET", "/v1/messages"): [
            {"params": {"number": f"+{NUMBER}"}},
            {"params": {"number": NUMBER, "campaign": NAME}},
            {"params": {"number": NUMBER, "campaign": house.campaign}},
            {"params": {"date": DAY}},
            {"params": {"date": DAY, "sub_account": THEIRS}},
        ],
        ("GET", "/v1/outcomes"): [{"params": {"sub_account": THEIRS}}],
        ENDLESS_OUTCOMES: [{"params": {"sub_account": THEIRS}}],
        ("GET", "/v1/limits/history"): [{"params": {"sub_account": THEIRS}}],
        ("GET", "/v1/templates"): [{"params": {"sub_account": THEIRS}}],
        ("POST", "/v1/templates"): [{"params": {"sub_account": THEIRS}, "json": TEMPLATE}],
        ("DELETE", "/v1/templates/{name}"): [{"params": {"sub_account": THEIRS}}],
        ("POST", "/v1/media"): [
            {"params": {"sub_account": THEIRS, "name": "offer.pdf"}, "content": b"%PDF-1.7"}
        ],
        ("GET", "/v1/doctor"): [{"params": {"offline": "true"}}],
        ENDLESS: [{"params": {"campaign": NAME}}, {"params": {"campaign": house.campaign}}],
    }
    asked = queries.get(route, [bodies.get(route, {})])
    paths = [path.replace("{erasure}", ERASURE).replace("{subscription}", house.subscription)]
    paths = [one.replace("{name}", "spring_offer") for one in paths]
    if "{campaign}" in path:
        names = [NAME, house.campaign, house.notifications]
        if route in OF_CAMPAIGNS:
            names.pop()
        if route in OF_DRAFTS:
            names = [DRAFT]
        paths = [path.replace("{campaign}", name) for name in names]
    if "{message}" in path:
        ids = (f"{house.campaign}.0", f"{house.campaign}.0.1", f"{house.notifications}.0")
        paths = [path.replace("{message}", id) for id in ids]
    found = [{"method": method, "url": path, **one} for path in paths for one in asked]
    assert not any("{" in one["url"] for one in found), "say here what this path is asked for"
    return found


def _upload(form: dict[str, Any]) -> dict[str, Any]:
    campaign = ("campaign.json", json.dumps(form), "application/json")
    people = ("people.csv", b"phone\n+447700900123\n", "text/csv")
    return {"files": {"campaign": campaign, "recipients": people}}


def _kept(house: House) -> dict[str, bytes]:
    """All that Redis holds, but for tokens, the times of their use, and the audit trail."""
    client: Any = house.here.client
    keys = [key for key in client.keys("*") if b"token" not in key and b"audit" not in key]
    return {key.decode(): client.dump(key) for key in keys}


@pytest.mark.parametrize("route", CLOSED, ids=" ".join)
async def test_without_a_token_it_is_closed(house: House, route: Route) -> None:
    before = _kept(house)
    async with client(house.app) as http:
        for request in _requests(route, house):
            answer = await http.request(**request)
            assert answer.status_code == 401
            assert NAME not in answer.text
    assert _kept(house) == before


@pytest.mark.parametrize("route", CLOSED, ids=" ".join)
async def test_a_token_with_every_other_scope_is_refused(house: House, route: Route) -> None:
    before = _kept(house)
    for scopes in ([], *([scope] for scope in Scope if scope is not CLOSED[route])):
        async with client(house.app, await new_token(house.store, *scopes)) as http:
            for request in _requests(route, house):
                answer = await http.request(**request)
                assert answer.status_code == 403, (scopes, answer.text)
    assert _kept(house) == before


@pytest.mark.parametrize("route", CLOSED, ids=" ".join)
async def test_a_token_of_another_sub_account_sees_and_changes_nothing(
    house: House, route: Route
) -> None:
    token = await new_token(house.store, *Scope, sub_accounts=frozenset({OURS}))
    before = _kept(house)
    async with client(house.app, token) as http:
        for request in _requests(route, house):
            answer = await http.request(**request)
            assert answer.status_code in {200, 202, 403, 404}
            if route not in {("POST", "/v1/messages/batch"), AUDIT}:
                assert (answer.status_code < 300) == (
                    "{" not in route[1] and _is_list(route, request)
                )
            _says_nothing(answer, house)
    assert _kept(house) == before


def _is_list(route: Route, request: dict[str, Any]) -> bool:
    """Lists are answered, without what is another's."""
    named = {"campaign", "sub_account"} & request.get("params", {}).keys()
    return route in (SHOW_PERSON, SHOW_MESSAGES) or (
        route[0] == "GET" and not named and route[1] not in OF_ALL
    )


def _says_nothing(answer: httpx.Response, house: House) -> None:
    told = answer.text + str(answer.headers)
    for asked in (f'"person":"+{NUMBER}"', f'"unknown":["{house.campaign}.0"]'):
        told = told.replace(asked, "")
    for secret in (NAME, DRAFT, REASON, NUMBER, THEIRS, house.campaign, house.notifications):
        assert secret not in told, (secret, told)


@pytest.mark.parametrize("route", CLOSED, ids=" ".join)
async def test_the_requests_above_are_good_for_a_caller_who_may(house: House, route: Route) -> None:
    """Else they might be refused for something else."""
    if route in (ENDLESS, ENDLESS_OUTCOMES, ("POST", "/v1/media")):  # that one asks the provider
        return
    async with client(house.app, await new_token(house.store, *Scope)) as http:
        answers = [await http.request(**request) for request in _requests(route, house)]
    allowed = {200} if route[0] == "GET" else {200, 201, 202, 409}
    assert {answer.status_code for answer in answers} <= allowed, [a.text for a in answers]


async def test_events_begin_without_what_is_anothers(house: House) -> None:
    events = house.app.state.events
    token = await new_token(house.store, Scope.READ, sub_accounts=frozenset({OURS}))
    closing = []
    follow = events.follow

    def follows(*given: Any) -> Any:
        async def told() -> AsyncIterator[Any]:
            async for event in follow(*given):
                yield event
                closing.append(event.kind)
                events.close()

        return told()

    events.follow = follows
    async with client(house.app, token) as http:
        answer = await http.get("/v1/events")
    assert (answer.status_code, closing) == (200, ["snapshot"])
    assert '"campaigns":[]' in answer.text
    _says_nothing(answer, house)


async def test_a_name_that_another_sub_account_has_tells_nothing(house: House) -> None:
    """It is as free as an unused one, and what they have stays as it was."""
    token = await new_token(house.store, Scope.SEND, sub_accounts=frozenset({OURS}))
    before, shown = _kept(house), []
    async with client(house.app, token) as http:
        for name in (FORM["name"], "Nobody has this"):
            answer = await http.post("/v1/campaigns", **_upload({**FORM, "name": name}))
            assert answer.status_code == 201
            own = ("id", "name", "findings")  # the second has the rows of the first: that is told
            shown.append({key: v for key, v in answer.json().items() if key not in own})
    assert shown[0] == shown[1]
    after = _kept(house)
    assert all(after[key] == kept for key, kept in before.items() if house.campaign in key)


async def test_a_campaign_named_like_anothers_lane_hides_it_from_no_caller(house: House) -> None:
    ours, theirs = [
        await new_token(house.store, Scope.SEND, Scope.READ, sub_accounts=frozenset({whose}))
        for whose in (OURS, THEIRS)
    ]
    async with client(house.app, ours) as http:
        squat = await http.post("/v1/campaigns", **_upload({**FORM, "name": house.campaign}))
        assert squat.status_code == 201
        mine = (await http.get(f"/v1/campaigns/{house.campaign}")).json()
    async with client(house.app, theirs) as http:
        theirs_still = (await http.get(f"/v1/campaigns/{house.campaign}")).json()
    assert (mine["id"], theirs_still["id"]) == (squat.json()["id"], house.campaign)


@pytest.mark.parametrize("path", ["/v1/campaigns", "/v1/lanes", "/v1/messages"])
async def test_a_page_that_ends_at_anothers_lane_does_not_name_it(
    house: House, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(pagination, "LOOKED_AT", 1)
    monkeypatch.setattr(pagination, "AT_ONCE", 1)
    monkeypatch.setattr(message_status, "LOOKED_AT", 1)
    mine = open_campaign(house.here, CampaignPlan("Mine", OURS, b"content", "digest", "source"))[0]
    given.add(house.here, mine, given.numbers(3), 0, 3)
    moments = {mine: 5000, house.campaign: 7000, house.notifications: 7000}
    house.here.client.zadd("sm:lanes", moments)
    token = await new_token(house.store, Scope.READ, Scope.PEOPLE, sub_accounts=frozenset({OURS}))
    query, seen = {"limit": "1"}, list[str]()
    if path == "/v1/messages":
        query["number"] = NUMBER
    async with client(house.app, token) as http:
        for _ in range(5):
            answer = await http.get(path, params=query)
            page = answer.json()
            seen += [one["id"].partition(".")[0] for one in page["items"]]
            if page["next"] is None:
                break
            query = {**query, "cursor": page["next"]}
            told = base64.urlsafe_b64decode(page["next"] + "==").decode("latin-1")
            assert house.campaign not in told
            assert house.notifications not in told
    assert seen == [mine]
    assert page["next"] is None


ODD_PATHS = [
    "/v1/campaigns/", "//v1/campaigns", "/v1//campaigns", "/v1/./campaigns", "/healthz/../v1/campaigns",
    "/healthz/%2e%2e/v1/campaigns", "/v1%2Fcampaigns", "/webhooks/../v1/campaigns", "/V1/campaigns",
    "/v1/campaigns%00", "/v1/campaigns%0d%0aX: y", "/v1/campaigns;x", "/v1/campaigns%20", "/healthz/",
    "/v1/c\u0430mpaigns", "/%76%31/campaigns", "/metrics/", "/openapi.json/",
]  # fmt: skip


@pytest.mark.parametrize("path", ODD_PATHS)
async def test_a_path_in_disguise_opens_nothing(house: House, path: str) -> None:
    async with client(house.app) as http:
        answer = await http.send(httpx.Request("GET", httpx.URL("http://api.test" + path)))
    assert answer.status_code in {401, 404}, answer.text
    _says_nothing(answer, house)
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    "headers",
    [
        {"X-HTTP-Method-Override": "GET"},
        {"X-Original-URL": "/healthz"},
        {"X-Rewrite-URL": "/healthz"},
        {"X-Forwarded-Prefix": "/healthz"},
        {"Forwarded": "for=127.0.0.1"},
        {"X-Forwarded-For": "127.0.0.1"},
        {"Host": "localhost"},
        {"Cookie": "token=x"},
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "TRACE", "FOO", "get"])
async def test_no_header_and_no_method_opens_anything(
    house: House, headers: dict[str, str], method: str
) -> None:
    async with client(house.app) as http:
        answer = await http.request(method, "/v1/campaigns", headers=headers)
    assert answer.status_code == 401


@pytest.mark.parametrize("second", ["good", "bad"])
async def test_two_authorizations_are_none(house: House, second: str) -> None:
    good, bad = f"Bearer {await new_token(house.store, *Scope)}", "Bearer x"
    pair = [good, good if second == "good" else bad]
    async with client(house.app) as http:
        for values in (pair, pair[::-1]):
            headers = [("Authorization", value) for value in values]
            assert (await http.get("/v1/campaigns", headers=headers)).status_code == 401
        once = await http.get("/v1/campaigns", headers=[("authorization", good)])
    assert once.status_code == 200


@pytest.mark.parametrize(
    "given",
    ["Bearer \u00a0{}", "Bearer {}\u00a0x", "Bearer\t{}", "Bearer {},{}", "Bearer {}\u00fc"],
)
async def test_a_token_with_odd_letters_around_it_is_none(house: House, given: str) -> None:
    token = await new_token(house.store, *Scope)
    value = given.format(token, token).encode("latin-1")
    async with client(house.app) as http:
        answer = await http.get("/v1/campaigns", headers=[(b"Authorization", value)])
    assert answer.status_code == 401
