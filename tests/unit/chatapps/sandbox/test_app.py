"""The sandbox's HTTP face, in process."""

import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette

from chatapps.client import ChatAppsClient, Endpoint, ProbeVerdict
from chatapps.responses import Answered, Refused
from chatapps.sandbox import FaultMode, SandboxConfig, create_app
from chatapps.sandbox.faults import PROFILES, Fault, FaultSource

BATCH = "/api/v1/subaccounts/sandbox/messages/batch"
SINGLE = "/api/v1/subaccounts/sandbox/messages"
HELLO = {"type": "text", "content": {"text": "Hello"}}
KEY = {"Authorization": "Bearer sandbox-key"}


class Time:
    """A clock that moves when told to, and sleeps that are only noted."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.naps: list[float] = []

    def read(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)


@pytest.fixture
def time() -> Time:
    return Time()


def app_of(time: Time, **config: Any) -> Starlette:
    return create_app(
        SandboxConfig(**config), clock=time.read, monotonic=time.read, sleep=time.sleep
    )


def door(app: Starlette) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app)
    return httpx.AsyncClient(transport=transport, base_url="http://sandbox.test", headers=KEY)


@pytest.fixture
async def http(time: Time) -> AsyncIterator[httpx.AsyncClient]:
    async with door(app_of(time)) as client:
        yield client


def message(index: int, attempt: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "user": {"msisdn": f"+4477009{index:05d}"},
        "clientMessageId": f"spring.{index}.{attempt}",
    } | changes


def batch(*messages: Any, **changes: Any) -> dict[str, Any]:
    fixed = {"template": HELLO, "includeMessagesInResponse": True, "clientBatchId": "spring.b1"}
    return fixed | {"messages": list(messages)} | changes


async def ledger_of(http: httpx.AsyncClient) -> dict[str, Any]:
    summary: dict[str, Any] = (await http.get("/sandbox/ledger")).json()
    return summary


def seed_for(mode: FaultMode, fault: Fault) -> int:
    """A seed with which the first request fails in this way."""
    seeds = range(10_000)
    return next(s for s in seeds if FaultSource(PROFILES[mode], s).request(1).fault is fault)


async def test_a_batch_is_answered_message_by_message(http: httpx.AsyncClient) -> None:
    bad = message(2, user={"msisdn": "12"})
    answer = (await http.post(BATCH, json=batch(message(1), bad))).json()
    assert (answer["acceptedCount"], answer["rejectedCount"]) == (1, 1)
    assert answer["clientBatchId"] == "spring.b1"
    uuid.UUID(answer["batchId"])
    taken, refused = answer["messages"]
    assert taken["clientMessageId"] == "spring.1.1"
    assert taken["user"] == {"msisdn": "+447700900001"}
    assert taken["status"] == {"state": "queued", "timestamp": "2027-01-15T08:00:00.000Z"}
    assert refused["status"]["state"] == "rejected"
    assert refused["status"]["errorCode"] == 1002
    assert refused["status"]["errorMessage"]
    assert uuid.UUID(refused["umid"]) != uuid.UUID(taken["umid"])


@pytest.mark.parametrize("change", [False, None])
async def test_without_an_opt_out_for_messages_there_are_counters_only(
    http: httpx.AsyncClient, change: bool | None
) -> None:
    body = batch(message(1), includeMessagesInResponse=change)
    answer = (await http.post(BATCH, json=body)).json()
    assert answer["acceptedCount"] == 1
    assert "messages" not in answer


async def test_a_message_with_a_member_of_a_wrong_type_is_refused_alone(
    http: httpx.AsyncClient,
) -> None:
    odd = message(2, clientMessageId=7)
    answer = (await http.post(BATCH, json=batch(message(1), odd, None, "x"))).json()
    states = [item["status"]["state"] for item in answer["messages"]]
    assert states == ["queued", "rejected", "rejected", "rejected"]
    assert {item["status"].get("errorCode") for item in answer["messages"]} == {None, 1000}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", 1000),
        (b"[]", 1000),
        (b'{"messages":{}}', 1000),
        (b'{"messages":[{}],"template":7}', 1000),
        (b"{}", 3012),
        (b'{"messages":null}', 3012),
        (b'{"messages":[]}', 3012),
        (json.dumps({"messages": [{}] * 1001}).encode(), 3013),
        (json.dumps({"messages": [{}], "clientBatchId": "x" * 101}).encode(), 3014),
    ],
)
async def test_a_batch_that_is_none_is_refused_as_a_whole(
    http: httpx.AsyncClient, body: bytes, code: int
) -> None:
    response = await http.post(BATCH, content=body)
    assert (response.status_code, response.json()["code"]) == (400, code)
    assert (await ledger_of(http))["taken"] == 0


async def test_an_error_has_the_provider_s_form(http: httpx.AsyncClient) -> None:
    error = (await http.post(BATCH, content=b"")).json()
    assert set(error) == {"code", "message", "errorId", "timestamp"}
    uuid.UUID(error["errorId"])


@pytest.mark.parametrize("header", [None, "", "sandbox-key", "Bearer x", "Bearer schlüssel"])
@pytest.mark.parametrize(("method", "path"), [("POST", BATCH), ("POST", SINGLE)])
async def test_a_wrong_key_is_refused(
    http: httpx.AsyncClient, header: str | None, method: str, path: str
) -> None:
    del http.headers["Authorization"]
    headers = [] if header is None else [(b"Authorization", header.encode())]
    response = await http.request(method, path, headers=headers, json=batch(message(1)))
    assert (response.status_code, response.json()["code"]) == (401, 1200)
    assert (await ledger_of(http))["requests_by_status"] == {"401": 1}


async def test_only_the_configured_sub_accounts_exist(time: Time) -> None:
    async with door(app_of(time, sub_accounts=("one", "two&three"))) as http:
        for name, status in (("one", 200), ("two&three", 200), ("two%26three", 200)):
            path = f"/api/v1/subaccounts/{name}/messages/batch"
            assert (await http.post(path, json=batch(message(1)))).status_code == status
        response = await http.post(BATCH, json=batch(message(1)))
        assert (response.status_code, response.json()["code"]) == (400, 1001)


async def test_a_single_message_is_answered_with_its_status(http: httpx.AsyncClient) -> None:
    answer = (await http.post(SINGLE, json=message(1) | HELLO)).json()
    assert answer["clientMessageId"] == "spring.1.1"
    assert answer["status"]["state"] == "queued"
    response = await http.post(SINGLE, json=message(2))
    assert (response.status_code, response.json()["code"]) == (400, 3010)
    assert (await http.post(SINGLE, content=b"7")).json()["code"] == 1000
    assert (await ledger_of(http))["taken"] == 1


async def test_the_fate_of_a_message_can_be_asked(http: httpx.AsyncClient, time: Time) -> None:
    bad = message(2, user={})
    items = (await http.post(BATCH, json=batch(message(1), bad))).json()["messages"]
    details = []
    for item in items:
        time.now += 1
        details.append((await http.get(f"{SINGLE}/{item['umid']}")).json()["data"][0])
    taken, refused = details
    assert (taken["status"]["state"], taken["step"]) == ("queued", 1)
    assert taken["createdAt"] == "2027-01-15T08:00:00.000Z"
    assert (refused["status"]["state"], refused["status"]["errorCode"]) == ("rejected", 3002)


async def test_an_unknown_message_is_not_found(http: httpx.AsyncClient, time: Time) -> None:
    response = await http.get(f"{SINGLE}/{uuid.uuid4()}")
    assert (response.status_code, response.json()["code"]) == (404, 1300)
    time.now += 1
    response = await http.get(f"{SINGLE}/x")
    assert (response.status_code, response.json()["code"]) == (400, 1000)


async def test_the_ledger_tells_what_was_taken(http: httpx.AsyncClient, time: Time) -> None:
    await http.post(BATCH, json=batch(message(1), message(2)))
    time.now += 0.5
    await http.post(BATCH, json=batch(message(2, attempt=2), message(3, user={})))
    time.now += 5
    await http.post(BATCH, json=batch(message(4)))
    assert await ledger_of(http) == {
        "taken": 4,
        "distinct": 3,
        "duplicates": 1,
        "rejected": {"3002": 1},
        "requests": 3,
        "requests_by_status": {"200": 3},
        "messages_posted": 5,
        "mean_batch_size": 1.67,
        "max_messages_in_one_second": 4,
        "first_arrival": 0.0,
        "last_arrival": 5.5,
    }


async def test_the_messages_of_a_lane_are_listed_as_json_lines(http: httpx.AsyncClient) -> None:
    await http.post(BATCH, json=batch(message(1), message(2, clientMessageId="other.1.1")))
    lines = (await http.get("/sandbox/ledger/messages", params={"lane": "spring"})).text
    assert [json.loads(line) for line in lines.splitlines()] == [["spring.1", 1]]
    everything = (await http.get("/sandbox/ledger/messages")).text
    assert len(everything.splitlines()) == 2


async def test_arrivals_are_listed_as_json_lines(http: httpx.AsyncClient, time: Time) -> None:
    await http.post(BATCH, json=batch(message(1), message(2)))
    time.now += 1.5
    await http.post(BATCH, json=batch(message(3)))
    lines = (await http.get("/sandbox/ledger/arrivals")).text.splitlines()
    account = BATCH.split("/")[-3]
    arrivals = [json.loads(line) for line in lines]
    assert [what for _, *what in arrivals] == [[account, 2], [account, 1]]
    assert arrivals[1][0] - arrivals[0][0] == 1.5


async def test_a_reset_forgets_everything(http: httpx.AsyncClient, time: Time) -> None:
    await http.post(BATCH, json=batch(message(1)))
    time.now += 10
    assert (await http.post("/sandbox/reset")).status_code == 204
    await http.post(BATCH, json=batch(message(1)))
    summary = await ledger_of(http)
    assert (summary["taken"], summary["duplicates"], summary["first_arrival"]) == (1, 0, 0.0)


async def test_latency_varies_around_its_mean(time: Time) -> None:
    async with door(app_of(time, latency_ms=100)) as http:
        for index in range(50):
            await http.post(BATCH, json=batch(message(index)))
    assert all(0.08 <= nap <= 0.12 for nap in time.naps)
    assert sum(time.naps) / 50 == pytest.approx(0.1, rel=0.05)


async def test_the_client_understands_the_sandbox(time: Time) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app_of(time))) as http:
        client = ChatAppsClient(http)
        endpoint = Endpoint("http://sandbox.test", "sandbox", SecretStr("sandbox-key"))
        body = json.dumps(batch(message(1), message(2, user={}))).encode()
        result = await client.send_many(endpoint, body)
        assert isinstance(result, Answered)
        assert [item.error_code for item in result.answer.messages] == [None, 3002]
        assert (await client.probe(endpoint)).verdict is ProbeVerdict.READY
        for name, key, verdict in (
            ("sandbox", "x", ProbeVerdict.WRONG_KEY),
            ("other", "sandbox-key", ProbeVerdict.UNKNOWN_SUB_ACCOUNT),
        ):
            odd = Endpoint("http://sandbox.test", name, SecretStr(key))
            assert (await client.probe(odd)).verdict is verdict


async def test_a_throttled_request_is_told_when_to_come_back(time: Time) -> None:
    seed = seed_for("mild", Fault.THROTTLED)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app_of(time, faults="mild", seed=seed))
    ) as http:
        endpoint = Endpoint("http://sandbox.test", "sandbox", SecretStr("sandbox-key"))
        result = await ChatAppsClient(http).send_many(
            endpoint, json.dumps(batch(message(1))).encode()
        )
    assert isinstance(result, Refused)
    assert (result.status, result.code, result.retry_after) == (429, 429, 1.0)


@pytest.mark.parametrize("mode", ["mild", "wild"])
async def test_who_resends_what_failed_sends_nothing_twice(time: Time, mode: FaultMode) -> None:
    refused: dict[int, int] = {}
    async with door(app_of(time, faults=mode, seed=11)) as http:
        for start in range(0, 2000, 50):
            waiting = dict.fromkeys(range(start, start + 50), 1)
            while waiting:
                body = batch(*(message(index, attempt) for index, attempt in waiting.items()))
                response = await http.post(BATCH, json=body)
                if response.status_code != 200:
                    waiting = {index: attempt + 1 for index, attempt in waiting.items()}
                    continue
                for item in response.json()["messages"]:
                    index = int(item["clientMessageId"].split(".")[1])
                    code = item["status"].get("errorCode")
                    if code == 2000:
                        waiting[index] += 1
                        continue
                    del waiting[index]
                    if code:
                        refused[index] = code
        summary = await ledger_of(http)
    assert summary["duplicates"] == 0
    assert summary["taken"] + len(refused) == 2000
    assert 0 < len(refused) < 100
    assert summary["requests_by_status"]["500"] > 0
    assert summary["rejected"]["2000"] > 0


@pytest.mark.parametrize(
    ("fault", "ids"),
    [
        (Fault.ITEM_MISSING, 9),
        (Fault.ITEM_DOUBLED, 11),
        (Fault.SHUFFLED, 10),
        (Fault.DELAYED, 10),
    ],
)
async def test_an_ambiguous_answer_shows_its_items_wrongly(
    time: Time, fault: Fault, ids: int
) -> None:
    seed = seed_for("ambiguous", fault)
    async with door(app_of(time, faults="ambiguous", seed=seed)) as http:
        messages = [message(index) for index in range(10)]
        answer = (await http.post(BATCH, json=batch(*messages))).json()
    assert answer["acceptedCount"] + answer["rejectedCount"] == 10
    shown = [item["clientMessageId"] for item in answer["messages"]]
    sent = [one["clientMessageId"] for one in messages]
    assert len(shown) == ids
    assert set(shown) <= set(sent)
    assert (shown == sent) == (fault is Fault.DELAYED)
    assert bool(time.naps) == (fault is Fault.DELAYED)


async def test_an_ambiguous_error_comes_after_the_messages_were_taken(time: Time) -> None:
    seed = seed_for("ambiguous", Fault.ERROR_AFTER_TAKING)
    async with door(app_of(time, faults="ambiguous", seed=seed)) as http:
        response = await http.post(BATCH, json=batch(message(1)))
        assert (response.status_code, response.json()["code"]) == (500, 2000)
        assert (await ledger_of(http))["taken"] == 1


async def test_the_ledger_tells_what_was_posted_where_receipts_are(time: Time) -> None:
    async with door(app_of(time, receipts="plain")) as http:
        await http.post(BATCH, json=batch(message(1)))
        webhooks = (await ledger_of(http))["webhooks"]  # nobody has said where to post
        assert set(webhooks) >= {"planned", "acknowledged", "given_up", "waiting"}
        assert set(webhooks.values()) == {0}
        assert (await http.post("/sandbox/reset")).status_code == 204
    async with door(app_of(time)) as http:
        assert "webhooks" not in await ledger_of(http)
