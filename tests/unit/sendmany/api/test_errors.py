"""Errors over HTTP: one shape, places and never words of the caller, headers on every answer."""

from http import HTTPStatus
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from sendmany.api.middleware.security import HEADERS
from sendmany.api.schemas.message_status import MOST_WANTED
from store.access.tokens import Scope
from store.errors import StoreError, StoreFault, StoreFull, StoreUnavailable
from tests.unit.sendmany.api.given import Trouble, client, new_app, new_store, new_token

NUMBER = "+447700900123"


async def test_what_does_not_fit_is_told_by_its_place(reader: httpx.AsyncClient) -> None:
    order = {"kind": "text", "phone": NUMBER}
    answer = await reader.post("/v1/orders", json=[order, {"kind": "video", "phone": "x"}])
    assert answer.status_code == 422
    assert answer.json() == {
        "title": HTTPStatus(422).phrase,
        "status": 422,
        "detail": "The request does not fit.",
        "problems": [
            {"path": "1.kind", "message": "Input should be 'text' or 'image'"},
            {"path": "1.phone", "message": "String should match pattern '^\\+\\d+$'"},
        ],
    }


@pytest.mark.parametrize(
    "body",
    [
        [{"kind": NUMBER, "phone": NUMBER[1:]}],
        [{"kind": "text", "phone": NUMBER, NUMBER: "x"}],
        [NUMBER],
        {NUMBER: NUMBER},
        NUMBER,
        [{"kind": "text", "phone": [NUMBER]}],
    ],
)
async def test_what_does_not_fit_is_never_repeated(reader: httpx.AsyncClient, body: Any) -> None:
    answer = await reader.post("/v1/orders", json=body)
    assert answer.status_code == 422
    assert answer.json()["problems"]
    assert NUMBER[1:] not in answer.text


@pytest.mark.parametrize("body", [b"{", b"+447700900123", b'["+447700900123"', b""])
async def test_what_is_not_json_does_not_fit_either(reader: httpx.AsyncClient, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await reader.post("/v1/orders", content=body, headers=headers)
    assert answer.status_code == 422
    assert NUMBER[1:] not in answer.text


@pytest.mark.parametrize("body", [b"[\xff]", b"[" * 10_000])
async def test_what_cannot_be_read_at_all_is_a_bad_request(
    reader: httpx.AsyncClient, body: bytes
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await reader.post("/v1/orders", content=body, headers=headers)
    assert answer.status_code in {400, 422}
    assert set(answer.json()) == {"title", "status", "detail", "problems"}


async def test_not_more_problems_are_told_than_help(reader: httpx.AsyncClient) -> None:
    answer = await reader.post("/v1/orders", json=[{}] * 1000)
    assert len(answer.json()["problems"]) == 100


async def test_a_route_may_tell_several_problems(reader: httpx.AsyncClient) -> None:
    answer = await reader.get("/v1/refused")
    assert (answer.status_code, answer.json()) == (
        409,
        {
            "title": "Conflict",
            "status": 409,
            "detail": "Not like this.",
            "problems": [{"path": "content.template.name", "message": "There is none."}],
        },
    )


async def test_an_unexpected_error_tells_its_place_to_the_log_and_nothing_to_the_caller(
    reader: httpx.AsyncClient,
) -> None:
    with capture_logs() as logs:
        answer = await reader.get("/v1/faulty")
    assert (answer.status_code, answer.json()["detail"]) == (500, "This went wrong on our side.")
    (line,) = [line for line in logs if line["event"] != "request"]
    assert (line["event"], line["error"]) == ("request_failed", "ValueError")
    assert line["at"][-1].startswith("given.py:")
    assert NUMBER not in str(line)


@pytest.mark.parametrize(
    ("error", "after"),
    [(StoreUnavailable("secret"), "2"), (StoreFull("secret"), "30"), (StoreFault("secret"), "30")],
)
async def test_a_store_that_cannot_serve_is_told_with_a_time(
    reader: httpx.AsyncClient, store: Trouble, error: StoreError, after: str
) -> None:
    await reader.get("/v1/try")  # from now on the token is remembered
    store.error = error
    answer = await reader.get("/v1/away")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, after)
    assert "secret" not in answer.text


async def test_readiness_follows_redis_and_health_does_not(
    stranger: httpx.AsyncClient, store: Trouble
) -> None:
    ready = await stranger.get("/readyz")
    assert (ready.status_code, set(ready.json().values())) == (200, {True})
    store.error = StoreFull("full")
    full = await stranger.get("/readyz")
    assert (full.status_code, full.json()["room"]) == (503, False)
    store.error = StoreUnavailable("away")
    away = await stranger.get("/readyz")
    assert (away.status_code, set(away.json().values())) == (503, {False})
    alive = await stranger.get("/healthz")
    assert (alive.status_code, alive.json()) == (200, {"alive": True})


async def test_the_headers_are_on_every_answer(
    app: FastAPI, stranger: httpx.AsyncClient, reader: httpx.AsyncClient, store: Trouble
) -> None:
    answers = [
        await stranger.get("/healthz"),
        await stranger.get("/v1/try"),
        await stranger.get("/nowhere"),
        await reader.get("/v1/try"),
        await reader.delete("/v1/try"),
        await reader.get("/v1/faulty"),
        await reader.post("/v1/orders", json={}),
        await reader.post("/v1/orders", headers={"Content-Length": "99999999"}, content=b"[]"),
    ]
    statuses = [answer.status_code for answer in answers]
    assert statuses == [200, 401, 404, 200, 405, 500, 422, 413]
    for answer in answers:
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
        assert "server" not in answer.headers


async def test_nothing_is_offered_to_other_origins(reader: httpx.AsyncClient) -> None:
    origin = {"Origin": "https://elsewhere.example"}
    simple = await reader.get("/v1/try", headers=origin)
    asked = await reader.options(
        "/v1/try", headers={**origin, "Access-Control-Request-Method": "GET"}
    )
    assert asked.status_code == 405
    assert not [name for name in {*simple.headers, *asked.headers} if "access-control" in name]


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/v1/campaigns?state=sending", "query.state"),
        ("/v1/campaigns?limit=5&limits=6", "query.limits"),
        (f"/v1/limits?%2B{NUMBER[1:]}=1", "query.*"),
        ("/v1/campaigns/Spring?x", "query.x"),
        ("/readyz?x=1", "query.x"),
    ],
)
async def test_a_parameter_that_there_is_not_is_refused(
    reader: httpx.AsyncClient, path: str, place: str
) -> None:
    answer = await reader.get(path)
    assert answer.status_code == 422
    assert answer.json()["problems"] == [{"path": place, "message": "Unknown parameter"}]


async def test_a_parameter_that_is_no_list_is_given_once(reader: httpx.AsyncClient) -> None:
    answer = await reader.get("/v1/campaigns?limit=1&limit=2")
    assert answer.status_code == 422
    (told,) = answer.json()["problems"]
    assert told == {"path": "query.limit", "message": "Given more than once"}
    several = await reader.get("/v1/campaigns?status=sending&status=paused")
    assert several.status_code == 200


async def test_of_a_crowd_of_parameters_some_are_told(reader: httpx.AsyncClient) -> None:
    answer = await reader.get("/v1/limits?" + "&".join(f"a{n}=1" for n in range(5000)))
    assert (answer.status_code, len(answer.json()["problems"])) == (422, 100)


async def test_as_many_ids_as_may_be_asked_for_fit_into_a_request() -> None:
    store = new_store()
    token = await new_token(store, Scope.READ)
    ids = [f"n-a1b2c3-u250615.{10**9 + n}" for n in range(MOST_WANTED)]
    async with client(new_app(store), token) as http:
        answer = await http.post("/v1/statuses", json={"ids": ids})
    assert (answer.status_code, answer.json()["unknown"]) == (200, ids)
