"""`/v1/messages`: what is answered with 202 is stored, and nothing else is."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import fakeredis
import httpx
import msgspec
import pytest

from config import celery_app
from config.celery_app import create_app, hint_drain
from config.sections import SubAccount
from config.settings import Settings
from sendmany.api.routes.messages.message_orders import MOST_BYTES, CommonIn
from sendmany.api.routes.messages.messages import messages_router
from sendmany.api.schemas.messages import BatchOut, MessageIn
from store.access.tokens import Scope
from store.client import AsyncStore, Call, Store, command
from store.errors import StoreFault, StoreFull, StoreUnavailable
from store.keys import CALLING
from store.lanes.lane import list_lanes, move_lane, read_counts
from store.purposes import Purpose
from store.reports.lane_report import waiting_jobs
from store.scripts import load_scripts
from store.states import State
from store.templates import keep_registry
from tests.unit.web_client import Door, Wakes, web_client

T = TypeVar("T")
OTP = {"user": {"msisdn": "+447700900001"}, "type": "text", "content": {"text": "Code 90441"}}
OTHER = {**OTP, "content": {"text": "Code 11111"}}
BAD: dict[str, Any] = {**OTP, "content": {}}
SETTINGS = Settings(sub_accounts={"Shop": SubAccount(), "Bank": SubAccount()})
DEFAULT = SETTINGS.model_copy(update={"default_sub_account": "Shop"})


class Troubled(AsyncStore):
    """Fails from the n-th store of messages on, when it is told to."""

    def __init__(self, server: fakeredis.FakeServer) -> None:
        super().__init__(fakeredis.FakeAsyncRedis(server=server), load_scripts(flags=False))
        self.stored = 0
        self.fails: dict[int, Exception] = {}
        self.best_effort_writes_fail = False

    async def run(self, call: Call[T]) -> T:
        if call.script == "enqueue_messages":
            self.stored += 1
            if error := next((e for n, e in self.fails.items() if self.stored >= n), None):
                raise error
        if self.best_effort_writes_fail and (
            call.script == "wake_workers" or call.args[:1] == ("ZADD",)
        ):
            raise StoreUnavailable("gone just now")
        return await super().run(call)


class House:
    """A store, seen from both sides, and the door to it."""

    def __init__(self) -> None:
        server = fakeredis.FakeServer()
        self.troubled = Troubled(server)
        self.store = Store(fakeredis.FakeRedis(server=server), load_scripts(flags=False))
        self.wakes = Wakes()
        self.door: Door

    async def post(self, **body: Any) -> httpx.Response:
        headers = body.pop("headers", {})
        return await self.door.http.post("/v1/messages", json=body, headers=headers)

    async def batch(self, *items: Any) -> httpx.Response:
        return await self.door.http.post("/v1/messages/batch", json={"messages": items})

    def counts(self) -> dict[State, int]:
        return {
            state: n
            for lane in list_lanes(self.store)
            for state, n in self.store.run(read_counts(lane.id)).items()
        }

    def lines(self) -> list[bytes]:
        return [
            job.line
            for lane in list_lanes(self.store)
            for _, job in waiting_jobs(self.store, lane.id)
        ]

    def days_pass(self, days: int) -> None:
        """The keys become older: Redis' clock cannot be set."""
        for name in self.store.run(command("KEYS", "sm:*:seen:*", parse=list[bytes])):
            base, day, bucket = name.decode().rsplit(":", 2)
            self.store.client.rename(name, f"{base}:{int(day) - days}:{bucket}")


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    async with web_client(
        lambda needs: [messages_router(house.troubled, DEFAULT, needs, lambda: house.wakes())],
        Scope.ENQUEUE,
    ) as door:
        house.door = door
        yield house
    await house.troubled.close()


class TestOne:
    async def test_a_message_is_stored_and_a_worker_is_woken(self, house: House) -> None:
        answer = await house.post(message=OTP, priority="urgent")
        assert answer.status_code == 202
        assert answer.json()["status"] == "accepted"
        (lane,) = list_lanes(house.store)
        assert answer.json()["id"] == f"{lane.id}.0"
        assert (lane.sub_account, lane.priority) == ("Shop", "urgent")
        assert house.counts() == {State.QUEUED: 1}
        assert house.wakes.sent == 1

    async def test_a_broker_that_refuses_the_wake_up_does_not_refuse_the_message(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        broken = create_app(Settings(broker_url="amqp://user:pa/ss@host//"))
        monkeypatch.setattr(celery_app, "_wake_up_app", lambda: broken)
        house.wakes = hint_drain  # type: ignore[assignment]
        assert (await house.post(message=OTP)).status_code == 202
        house.store.client.delete(CALLING)
        assert (await house.batch({"message": OTP})).status_code == 202
        assert house.store.client.exists(CALLING)  # it was tried
        assert house.counts() == {State.QUEUED: 2}

    async def test_the_scope_is_asked_for(self, house: House) -> None:
        house.door.comes(Scope.READ, Scope.MANAGE)
        assert (await house.post(message=OTP)).status_code == 403
        assert (await house.batch({"message": OTP})).status_code == 403
        assert house.counts() == {}

    async def test_a_key_goes_in_once(self, house: House) -> None:
        first = await house.post(message=OTP, key="login-1")
        again = await house.post(message=OTP, headers={"Idempotency-Key": "login-1"})
        assert (again.status_code, again.json()) == (
            202, {"id": first.json()["id"], "status": "duplicate"},
        )  # fmt: skip
        assert house.counts() == {State.QUEUED: 1}

    async def test_a_key_with_another_message_is_a_conflict(self, house: House) -> None:
        first = await house.post(message=OTP, key="login-1")
        other = await house.post(message=OTHER, key="login-1")
        assert other.status_code == 409
        assert first.json()["id"] in other.json()["detail"]

    async def test_a_key_with_another_person_is_a_conflict(self, house: House) -> None:
        await house.post(message=OTP, key="login-1")
        message = {**OTP, "user": {"msisdn": "+447700900002"}}
        assert (await house.post(message=message, key="login-1")).status_code == 409

    async def test_priority_and_times_are_no_part_of_what_a_key_stands_for(
        self, house: House
    ) -> None:
        first = await house.post(message=OTP, key="login-1")
        again = await house.post(message=OTP, key="login-1", priority="bulk", expires_in=60)
        assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])

    async def test_keys_hold_over_midnight_and_are_forgotten_after_two_days(
        self, house: House
    ) -> None:
        first = await house.post(message=OTP, key="login-1")
        house.days_pass(1)
        again = await house.post(message=OTP, key="login-1", priority="bulk")
        assert again.json() == {"id": first.json()["id"], "status": "duplicate"}
        house.days_pass(1)
        assert (await house.post(message=OTP, key="login-1")).json()["status"] == "accepted"

    async def test_two_different_keys_are_refused(self, house: House) -> None:
        answer = await house.post(message=OTP, key="a", headers={"Idempotency-Key": "b"})
        assert answer.status_code == 422
        assert answer.json()["problems"][0]["path"] == "key"
        same = await house.post(message=OTP, key="a", headers={"Idempotency-Key": "a"})
        assert same.status_code == 202

    async def test_a_key_of_any_letters_is_the_same_in_header_and_body(self, house: House) -> None:
        first = await house.post(message=OTP, key="clé-🔑" + "ü" * 250)
        header = {"Idempotency-Key": ("clé-🔑" + "ü" * 250).encode()}
        again = await house.post(message=OTP, headers=header)
        assert again.json() == {"id": first.json()["id"], "status": "duplicate"}
        both = await house.post(message=OTP, key="clé-🔑" + "ü" * 250, headers=header)
        assert both.status_code == 202

    @pytest.mark.parametrize(
        ("values", "words"),
        [
            (["clé".encode("latin-1")], "is not UTF-8"),
            ([b"a", b"b"], "more than once"),
            ([b"a", b"a"], "more than once"),
            ([b""], "1 to 256 characters"),
            (["ü".encode() * 257], "1 to 256 characters"),
        ],
    )
    async def test_a_header_that_is_no_key_is_refused(
        self, house: House, values: list[bytes], words: str
    ) -> None:
        headers = [(b"Idempotency-Key", value) for value in values]
        answer = await house.post(message=OTP, headers=headers)
        assert answer.status_code == 422
        assert words in answer.json()["detail"]
        assert answer.json()["problems"][0]["path"] == "header.idempotency-key"
        assert house.counts() == {}

    @pytest.mark.parametrize(
        ("body", "path"),
        [
            ({"message": BAD}, "message.content.text"),
            ({"message": {**OTP, "clientMessageId": "x"}}, "message.clientMessageId"),
            ({"message": {}}, "message.type"),
            ({"message": "text"}, "message"),
            ({}, "message"),
            ({"message": OTP, "priority": "high"}, "priority"),
            ({"message": OTP, "key": ""}, "key"),
            ({"message": OTP, "key": 7}, "key"),
            ({"message": OTP, "keys": "a"}, "keys"),
            ({"message": OTP, "sub_account": "Nobody"}, "sub_account"),
            ({"message": OTP, "expires_in": 0}, "expires_in"),
            ({"message": OTP, "expires_in": "60"}, "expires_in"),
            ({"message": OTP, "expires_at": 1_800_000_000}, "expires_at"),
            ({"message": OTP, "expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
            ({"message": OTP, "expires_at": "2030-01-01T00:00:00"}, "expires_at"),
            ({"message": OTP, "send_at": "2099-01-01T00:00:00Z"}, "send_at"),
            (
                {"message": OTP, "expires_in": 9, "expires_at": "2099-01-01T00:00:00Z"},
                "expires_in",
            ),
        ],
    )
    async def test_what_does_not_fit_is_told_by_its_place(
        self, house: House, body: dict[str, Any], path: str
    ) -> None:
        answer = await house.post(**body)
        assert answer.status_code == 422
        assert path in [one["path"] for one in answer.json()["problems"]]
        assert "447700900001" not in answer.text
        assert house.counts() == {}

    @pytest.mark.parametrize(
        ("start", "path"),
        [
            ('{"message": {}, "key": 7, ', "a0"),
            ('{"message": {}, "to": 7, "key": NaN, ', "to"),
            ('{"message": {}, "x y": 7, ', "*"),
        ],
    )
    async def test_a_crowd_of_unknown_members_is_refused_at_the_first(
        self, house: House, start: str, path: str
    ) -> None:
        crowd = ", ".join(f'"a{n}": 1' for n in range(15_000))
        body, begun = f"{start}{crowd}}}", time.process_time()
        alone = await house.door.http.post("/v1/messages", content=body)
        batch = f'{{"messages": [{", ".join([body.replace("NaN", "7")] * 50)}]}}'
        answer = await house.door.http.post("/v1/messages/batch", content=batch)
        results = answer.json()["results"]
        assert time.process_time() - begun < 3.0  # the crowd itself would take 10
        for problems in (alone.json()["problems"], *(one["problems"] for one in results)):
            assert [one["path"] for one in problems] == [path]

    @pytest.mark.parametrize(
        ("batch", "path"),
        [
            ('{"messages": [], "to": 1}', "messages"),
            ('{"to": 1, ' + ", ".join(f'"a{n}": 1' for n in range(300_000)) + "}", "to"),
            ('{"messages": [' + "1," * 3_000_000 + "1]}", ""),
            ('{"messages": {"a": 1}}', "messages"),
            ("{}", ""),
        ],
    )
    async def test_a_batch_that_is_none_is_refused_at_its_first_fault(
        self, house: House, batch: str, path: str
    ) -> None:
        begun = time.process_time()
        answer = await house.door.http.post("/v1/messages/batch", content=batch)
        assert time.process_time() - begun < 3.0
        assert answer.status_code == 422
        assert [one["path"] for one in answer.json()["problems"]] == [path]

    async def test_a_message_is_so_large_and_no_larger(self, house: House) -> None:
        large = {**OTP, "content": {"text": "x" * MOST_BYTES}}
        alone = await house.post(message=large)
        (result,) = (await house.batch({"message": large})).json()["results"]
        for problems in (alone.json()["problems"], result["problems"]):
            assert [one["message"] for one in problems] == ["is larger than 256 KiB"]

    @pytest.mark.parametrize(
        "body", [b"", b"{", b"[]", b"null", b"\xff", b"7", b'{"message":' * 2000]
    )
    async def test_what_is_no_object_is_refused(self, house: House, body: bytes) -> None:
        answer = await house.door.http.post("/v1/messages", content=body)
        assert answer.status_code == 422
        assert (await house.door.http.post("/v1/messages/batch", content=body)).status_code == 422

    async def test_a_token_reaches_its_sub_accounts_only(self, house: House) -> None:
        house.door.comes(Scope.ENQUEUE, only=["Bank"])
        assert (await house.post(message=OTP, sub_account="Shop")).status_code == 403
        assert (await house.post(message=OTP)).status_code == 202  # it has one only
        (lane,) = list_lanes(house.store)
        assert lane.sub_account == "Bank"

    async def test_the_default_sub_account_is_not_for_every_token(self, house: House) -> None:
        house.door.comes(Scope.ENQUEUE, only=["Bank", "Other"])
        assert (await house.post(message=OTP)).status_code == 403

    async def test_an_end_travels_with_the_message(self, house: House) -> None:
        end = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
        assert (await house.post(message=OTP, expires_at=end.isoformat())).status_code == 202
        before = int(time.time())
        assert (await house.post(message=OTP, expires_in=3600)).status_code == 202
        after = int(time.time()) + 1
        ends = [int(line.rsplit(b"\t", 1)[1]) for line in house.lines()]
        assert ends[0] == end.timestamp()
        assert before <= ends[1] - 3600 <= after

    async def test_a_purpose_travels_with_the_message(self, house: House) -> None:
        for purpose in ("marketing", "utility", None):
            assert (await house.post(message=OTP, purpose=purpose)).status_code == 202
        assert [line.split(b"\t")[2:] for line in house.lines()] == [[b"m"], [b"u"], []]
        assert (await house.post(message=OTP, purpose="promotion")).status_code == 422

    async def test_authentication_needs_a_template_that_is_registered_as_such(
        self, house: House
    ) -> None:
        template = {"name": "otp", "language": "en"}
        code = {**OTP, "type": "template", "content": {"template": template}}
        house.store.run(keep_registry("Shop", {"otp:en": Purpose.AUTHENTICATION}))
        assert (await house.post(message=code, purpose="authentication")).status_code == 202
        refused = await house.post(message=OTP, purpose="authentication")
        assert refused.status_code == 422
        (problem,) = refused.json()["problems"]
        assert problem["path"] == "purpose"
        assert "a template that is registered as AUTHENTICATION" in problem["message"]
        items = [{"message": one, "purpose": "authentication"} for one in (code, OTP)]
        found = (await house.batch(*items)).json()
        assert [one["status"] for one in found["results"]] == ["accepted", "invalid"]

    async def test_a_message_may_wait_for_its_time(self, house: House) -> None:
        start = datetime.now(UTC) + timedelta(days=29)
        assert (await house.post(message=OTP, send_at=start.isoformat())).status_code == 202
        assert house.counts() == {State.DELAYED: 1}
        late = await house.post(message=OTP, send_at=start.isoformat(), expires_in=60)
        assert late.status_code == 422
        past = datetime.now(UTC) - timedelta(days=1)
        assert (await house.post(message=OTP, send_at=past.isoformat())).status_code == 202
        assert house.counts() == {State.DELAYED: 1, State.QUEUED: 1}

    @pytest.mark.parametrize(
        "error", [StoreUnavailable("away"), StoreFull("full"), StoreFault("no")]
    )
    async def test_nothing_is_accepted_that_is_not_stored(
        self, house: House, error: Exception
    ) -> None:
        house.troubled.fails = {1: error}
        answer = await house.post(message=OTP)
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        house.troubled.fails = {}
        assert (await house.post(message=OTP)).status_code == 202

    async def test_what_is_stored_is_accepted_even_if_no_worker_can_be_woken(
        self, house: House
    ) -> None:
        await house.post(message=OTP)
        house.troubled.best_effort_writes_fail = True
        assert (await house.post(message=OTP)).status_code == 202
        assert house.counts() == {State.QUEUED: 2}

    async def test_a_day_that_was_cancelled_takes_nothing(self, house: House) -> None:
        await house.post(message=OTP)
        house.store.run(move_lane(list_lanes(house.store)[0].id, "cancel"))
        answer = await house.post(message=OTP)
        assert answer.status_code == 409
        assert "cancelled" in answer.json()["detail"]

    async def test_those_who_come_at_once_share_a_write(self, house: House) -> None:
        await house.post(message=OTP)
        before = house.troubled.stored
        answers = await asyncio.gather(*(house.post(message=OTP, key=f"k{i}") for i in range(200)))
        assert {answer.status_code for answer in answers} == {202}
        assert len({answer.json()["id"] for answer in answers}) == 200
        assert house.troubled.stored - before < 100
        assert house.counts() == {State.QUEUED: 201}

    async def test_many_at_once_with_one_key_are_one_message(self, house: House) -> None:
        answers = await asyncio.gather(*(house.post(message=OTP, key="same") for _ in range(50)))
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert [answer.json()["status"] for answer in answers].count("accepted") == 1
        assert house.counts() == {State.QUEUED: 1}


class TestBatch:
    async def test_every_item_has_its_own_result_in_order(self, house: House) -> None:
        await house.post(message=OTP, key="known")
        answer = await house.batch(
            {"message": OTP},
            {"message": BAD},
            {"message": OTP, "key": "known"},
            {"message": OTHER, "key": "known"},
            {"message": OTP, "priority": "urgent"},
            "nonsense",
            {"message": OTP, "sub_account": "Bank", "expires_in": 60},
            {"message": OTP, "sub_account": "Nobody"},
            {"message": OTP, "key": "new"},
            {"message": OTP, "key": "new"},
        )
        assert answer.status_code == 202
        found = BatchOut.model_validate_json(answer.content)
        assert [result.status for result in found.results] == [
            "accepted", "invalid", "duplicate", "conflict", "accepted", "invalid", "accepted",
            "invalid", "accepted", "duplicate",
        ]  # fmt: skip
        assert (found.accepted, found.duplicates, found.conflicts, found.invalid) == (4, 2, 1, 3)
        problems = [result.problems[0].path for result in found.results if result.problems]
        assert problems == ["message.content.text", "", "sub_account"]
        assert found.results[9].id == found.results[8].id
        assert len(house.lines()) == 5

    async def test_a_full_batch_is_stored_in_order(self, house: House) -> None:
        answer = await house.batch(*[{"message": OTP, "key": f"k{i}"} for i in range(10_000)])
        results = answer.json()["results"]
        assert [int(one["id"].split(".")[1]) for one in results] == list(range(10_000))
        assert house.counts() == {State.QUEUED: 10_000}

    @pytest.mark.parametrize("n", [0, 10_001])
    async def test_too_few_or_too_many_are_refused_as_a_whole(self, house: House, n: int) -> None:
        answer = await house.batch(*[{"message": OTP}] * n)
        assert answer.status_code == 422
        assert answer.json()["problems"][0]["path"] == "messages"
        assert house.counts() == {}

    async def test_a_token_cannot_reach_others_with_an_item(self, house: House) -> None:
        house.door.comes(Scope.ENQUEUE, only=["Bank"])
        answer = await house.batch({"message": OTP, "sub_account": "Shop"}, {"message": OTP})
        assert [one["status"] for one in answer.json()["results"]] == ["invalid", "accepted"]
        assert [lane.sub_account for lane in list_lanes(house.store)] == ["Bank"]

    async def test_if_redis_fails_at_once_it_is_a_503(self, house: House) -> None:
        house.troubled.fails = {1: StoreFull("full")}
        answer = await house.batch({"message": OTP}, {"message": BAD})
        assert answer.status_code == 503
        assert "Retry-After" in answer.headers

    async def test_if_redis_fails_midway_what_is_stored_is_told(self, house: House) -> None:
        house.troubled.fails = {2: StoreUnavailable("away")}
        items = [{"message": OTP, "key": f"k{i}"} for i in range(1200)]
        answer = await house.batch(*items)
        found = answer.json()
        assert (answer.status_code, found["accepted"], found["unavailable"]) == (202, 500, 700)
        house.troubled.fails = {}
        again = (await house.batch(*items)).json()
        assert (again["accepted"], again["duplicates"]) == (700, 500)
        assert house.counts() == {State.QUEUED: 1200}

    @pytest.mark.parametrize("first", ["urgent", "normal"])
    async def test_a_day_that_was_cancelled_refuses_its_own_items_only(
        self, house: House, first: str
    ) -> None:
        await house.post(message=OTP, priority="urgent")
        house.store.run(move_lane(list_lanes(house.store)[0].id, "cancel"))
        others = [name for name in ("urgent", "normal", "bulk") if name != first]
        names = [first, *others, "urgent"]
        answer = await house.batch(*[{"message": OTP, "priority": name} for name in names])
        assert answer.status_code == 202
        found = BatchOut.model_validate_json(answer.content)
        assert [one.status for one in found.results] == [
            "conflict" if name == "urgent" else "accepted" for name in names
        ]
        assert (found.accepted, found.conflicts, found.unavailable) == (2, 2, 0)
        (problem,) = found.results[names.index("urgent")].problems
        assert problem.path == "priority"
        assert problem.message == (
            "Today's urgent notifications were cancelled: use another priority"
        )

    async def test_a_batch_of_a_cancelled_day_is_told_so_item_by_item(self, house: House) -> None:
        await house.post(message=OTP)
        house.store.run(move_lane(list_lanes(house.store)[0].id, "cancel"))
        answer = await house.batch(*[{"message": OTP}] * 1200)
        assert (answer.status_code, answer.json()["conflicts"]) == (202, 1200)

    async def test_redis_away_after_a_cancelled_day_is_still_a_503(self, house: House) -> None:
        await house.post(message=OTP)
        house.store.run(move_lane(list_lanes(house.store)[0].id, "cancel"))
        tries = 2  # of the lane that takes nothing: by our clock, and by that of Redis
        house.troubled.fails = {house.troubled.stored + tries + 1: StoreUnavailable("away")}
        answer = await house.batch({"message": OTP}, {"message": OTP, "priority": "bulk"})
        assert answer.status_code == 503

    async def test_a_header_with_a_key_is_refused(self, house: House) -> None:
        answer = await house.door.http.post(
            "/v1/messages/batch",
            json={"messages": [{"message": OTP}]},
            headers={"Idempotency-Key": "order-1"},
        )
        assert answer.status_code == 422
        (problem,) = answer.json()["problems"]
        assert problem["path"] == "header.idempotency-key"
        assert "each item carries its own `key`" in answer.json()["detail"]
        assert house.counts() == {}

    async def test_a_batch_without_a_sound_item_stores_nothing(self, house: House) -> None:
        answer = await house.batch({"message": BAD}, {})
        assert (answer.status_code, answer.json()["invalid"]) == (202, 2)
        assert house.counts() == {}


@pytest.mark.parametrize(
    "item",
    [
        {"message": OTP},
        {"message": OTP, "key": "k" * 256},
        {"message": OTP, "key": None, "priority": "bulk", "sub_account": "Shop"},
        {"message": OTP, "key": "k" * 257},
        {"message": OTP, "key": ""},
        {"message": OTP, "priority": "Urgent"},
        {"message": OTP, "priority": None},
        {"message": OTP, "sub_account": "x" * 51},
        {"message": OTP, "sub_account": ""},
        {"message": OTP, "extra": 1},
        {"key": "k"},
    ],
)
def test_the_quick_reading_of_items_takes_nothing_that_the_model_refuses(item: Any) -> None:
    text = json.dumps(item).encode()
    try:
        quick = msgspec.json.decode(text, type=CommonIn)
    except msgspec.ValidationError:
        return
    model = MessageIn.model_validate_json(text)
    assert (quick.key, quick.priority, quick.sub_account) == (
        model.key, model.priority, model.sub_account,
    )  # fmt: skip


async def test_a_message_in_short_is_stored_as_the_providers_and_a_bad_one_told(
    house: House,
) -> None:
    short = {"to": "+447700900001", "template": "code", "language": "en", "params": ["90441"]}
    stored = await house.post(message=short, sub_account="Shop")
    named = await house.post(message={**short, "params": {"code": "90441"}}, sub_account="Shop")
    assert (stored.status_code, named.status_code) == (202, 422)
    (problem,) = named.json()["problems"]
    assert problem["path"] == "message"
    assert "`params` a list of the texts of the body" in problem["message"]
    (line,) = house.lines()
    body = [{"type": "body", "parameters": [{"type": "text", "text": "90441"}]}]
    template = {"name": "code", "language": "en", "components": body}
    assert json.loads(line.partition(b"\t")[2])["content"] == {"template": template}


async def test_a_tag_that_does_not_fit_is_refused_and_the_others_are_stored(house: House) -> None:
    bad = await house.post(message=OTP, tag="+447700900123")
    assert bad.status_code == 422
    assert "447700900123" not in bad.text
    assert [one["path"] for one in bad.json()["problems"]] == ["tag"]
    many = await house.batch(*[{"message": OTP, "tag": f"t{n}"} for n in range(101)])
    assert (many.json()["accepted"], many.json()["invalid"]) == (100, 1)
    (problem,) = many.json()["results"][100]["problems"]
    one = await house.post(message=OTP, tag="more")
    assert one.json()["problems"] == [problem]
    assert "100 other tags of this priority today" in problem["message"]
    assert (problem["path"], one.status_code) == ("tag", 422)
    assert (await house.post(message=OTP, tag="t7")).status_code == 202
    assert house.counts() == {State.QUEUED: 101}
