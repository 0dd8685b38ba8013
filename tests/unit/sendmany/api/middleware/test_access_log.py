"""Every request is counted and logged by its route; nothing that may name a person is."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs
from structlog.typing import EventDict

from dashboard.metrics import HTTP_REQUESTS
from sendmany.api.middleware.access_log import Watched
from store.access.tokens import Scope
from store.metrics.counters import Tally, sums_of
from tests.unit.sendmany.api.given import Trouble, client, new_token


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[EventDict]]:
    """Log entries."""
    with capture_logs() as entries:
        yield entries


def requests(logs: list[EventDict]) -> list[EventDict]:
    """The lines of the access log."""
    return [entry for entry in logs if entry["event"] == "request"]


async def counted(reader: httpx.AsyncClient) -> dict[tuple[str, str, str], float]:
    """Requests by method, route and status, as `/metrics` shows them."""
    answer = await reader.get("/metrics")
    assert answer.status_code == 200
    name = f"{HTTP_REQUESTS.name}_count"
    return {
        (sample.labels["method"], sample.labels["route"], sample.labels["status"]): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if sample.name == name
    }


async def test_a_request_is_logged_with_its_route_and_the_id_of_the_token(
    reader: httpx.AsyncClient, logs: list[EventDict]
) -> None:
    await reader.get("/v1/try?number=%2B447700900123")
    (line,) = requests(logs)
    assert line["log_level"] == "info"
    assert (line["method"], line["route"], line["status"]) == ("GET", "/v1/try", 422)
    assert line["ms"] >= 0
    assert re.fullmatch(r"[a-z0-9]+", line["token"])
    assert reader.headers["Authorization"].removeprefix("Bearer ") not in str(line)


async def test_neither_a_path_nor_a_query_gets_into_log_or_label(
    app: Any, store: Trouble, reader: httpx.AsyncClient, logs: list[EventDict]
) -> None:
    for path in ("/v1/messages/447700900123", "/447700900123", "/v1/try?to=447700900123"):
        await reader.get(path)
    await reader.request("X447700900123", "/v1/try")
    found = await counted(reader)
    assert "447700900123" not in str(found)
    assert not any("447700900123" in str(line) for line in logs)
    assert {method for method, _, _ in found} <= {"GET", "other"}


async def test_who_is_refused_is_counted_too(
    reader: httpx.AsyncClient, stranger: httpx.AsyncClient, logs: list[EventDict]
) -> None:
    await stranger.get("/v1/try")
    await reader.get("/v1/try")
    found = await counted(reader)
    assert found["GET", "none", "401"] == 1
    assert found["GET", "/v1/try", "200"] == 1
    assert [line["token"] is None for line in requests(logs)] == [True, False]


async def test_a_fault_of_ours_is_a_warning(
    reader: httpx.AsyncClient, logs: list[EventDict]
) -> None:
    await reader.get("/v1/faulty")
    (line,) = requests(logs)
    assert (line["log_level"], line["status"]) == ("warning", 500)


@pytest.mark.parametrize(
    "id",
    [
        "order-7781/2",
        "4bf92f3577b34da6a3ce929d0e0e4736",
        "1796213669024929383",
        "12345678-1234-1234-1234-123456789012",
        "00f067aa4477009b",
        "x" * 128,
    ],
)
async def test_the_callers_id_of_a_request_is_in_its_answer_and_in_the_log(
    reader: httpx.AsyncClient, logs: list[EventDict], id: str
) -> None:
    for path in ("/v1/try", "/v1/faulty", "/v1/nowhere"):
        logs.clear()
        answer = await reader.get(path, headers={"X-Request-Id": id})
        assert answer.headers.get_list("X-Request-Id") == [id]
        assert {line["request_id"] for line in logs} == {id}  # that of an error, too


@pytest.mark.parametrize(
    "id",
    [
        *("", "x" * 129, "a b", "a\x1b[2J", "é"),
        *("447700900123", "to:447700900123", "+447700900123", "otp447700900123", "447700900123x"),
    ],
)
async def test_another_id_is_not_taken_over(
    reader: httpx.AsyncClient, logs: list[EventDict], id: str
) -> None:
    first = await reader.get("/v1/try", headers={b"X-Request-Id": id.encode()})
    second = await reader.get("/v1/try")
    given = [answer.headers["X-Request-Id"] for answer in (first, second)]
    assert [line["request_id"] for line in requests(logs)] == given
    assert all(re.fullmatch(r"[0-9a-f]{16}", one) for one in given)
    assert given[0] != given[1]


async def test_who_is_refused_has_an_id_too(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get("/v1/try", headers={"X-Request-Id": "mine"})
    assert (answer.status_code, answer.headers["X-Request-Id"]) == (401, "mine")


async def test_what_machines_ask_again_and_again_is_not_logged(
    reader: httpx.AsyncClient, logs: list[EventDict]
) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        assert (await reader.get(path)).status_code == 200
    assert requests(logs) == []
    assert (await counted(reader))["GET", "/metrics", "200"] == 1


async def test_metrics_need_the_scope_and_a_token(app: Any, store: Trouble) -> None:
    async with client(app, await new_token(store, Scope.ENQUEUE)) as http:
        assert (await http.get("/metrics")).status_code == 403
    async with client(app) as http:
        assert (await http.get("/metrics")).status_code == 401


async def test_a_caller_who_hangs_up_is_counted_as_cut_off() -> None:
    tally = Tally()

    async def hung_up(*_: Any) -> None:
        raise ConnectionError

    watched = Watched(hung_up, tally, [], monotonic=_ticking())
    with pytest.raises(ConnectionError):
        await watched(
            {"type": "http", "method": "GET", "path": "/", "headers": []}, _nothing, _nothing
        )
    (sums,) = sums_of(HTTP_REQUESTS, tally.counts)
    assert sums.labels == ("GET", "none", "499")
    assert sums.sum == 1


async def _nothing(*_: Any) -> Any:
    """Neither receives nor sends."""


def _ticking() -> Any:
    """A clock that goes on by a second with every look."""
    return iter(range(10)).__next__
