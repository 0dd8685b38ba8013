"""The sandbox posts webhooks: repeats, forged ones, and who is told where."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import pytest

from chatapps.sandbox import SandboxConfig
from chatapps.sandbox.faults import PROFILES, Fault, FaultSource
from chatapps.sandbox.provider import Call, Provider
from chatapps.sandbox.webhooks.posting import AT_ONCE, MOST_WAITING, Poster, Target, poster_for
from chatapps.sandbox.webhooks.receipts import Style, Taken, messages_of, plan
from chatapps.sandbox.wire import Message, MessageAnswer, Status, User

HOOK = Target("http://hooks.test/webhooks", "Bearer winter-7")
KEY = "Bearer sandbox-key"


class Time:
    """A clock that sleeping advances."""

    def __init__(self) -> None:
        self.now = 1000.0

    def read(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        for _ in range(10):  # for posts under way
            await asyncio.sleep(0)


class Request(NamedTuple):
    """Posts so far."""

    url: str
    authorization: str | None
    content: bytes


class Hook:
    """A receiver that answers as it is told to; without an order, 200."""

    def __init__(self, *answers: int | Exception, secret: str | None = None) -> None:
        self.answers = list(answers)
        self.secret = secret  # refuses all who do not know it
        self.requests: list[Request] = []
        self.times: list[float] = []
        self.time = Time()

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        assert headers["Content-Type"] == "application/json"
        self.requests.append(Request(url, headers.get("Authorization"), body))
        self.times.append(self.time.now)
        if self.secret is not None and self.requests[-1].authorization != self.secret:
            return 401
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(request.content) for request in self.requests]

    @property
    def secrets(self) -> Counter[str | None]:
        return Counter(request.authorization for request in self.requests)


def taken(first: int, last: int) -> Taken:
    pairs = [
        (
            Message(),
            MessageAnswer(f"u-{n:012x}", User(msisdn=f"+4477009{n:05d}"), QUEUED, f"a.{n}.1"),
        )
        for n in range(first, last)
    ]
    return Taken("sandbox", 1_800_000_000.0, pairs, "batch", "client-batch")


QUEUED = Status("queued", "")


def poster(hook: Hook, style: Style | None = None, **options: Any) -> Poster:
    return Poster(
        style or Style("plain", seed=1),
        options.pop("find_target", lambda sub_account, kind: HOOK),
        send=options.pop("send", hook),
        monotonic=hook.time.read,
        sleep=hook.time.sleep,
        **options,
    )


async def finished(poster: Poster) -> dict[str, int]:
    """All posts, once nothing waits."""
    await poster.finished()
    assert poster.posted()["waiting"] == 0
    return {name: n for name, n in poster.posted().items() if isinstance(n, int) and n}


async def test_all_that_was_planned_is_posted_in_time() -> None:
    hook = Hook()
    tells = poster(hook)
    tells.take(taken(0, 50))
    planned = [p for s in messages_of(taken(0, 50)) if s for p in plan(s, Style("plain", seed=1))]
    assert await finished(tells) == {"planned": len(planned), "acknowledged": len(planned)}
    assert hook.secrets == {"Bearer winter-7": len(planned)}
    due = sorted(post.after for post in planned)
    late = [at - 1000 - after for at, after in zip(hook.times, due, strict=True)]
    assert min(late) >= 0
    assert max(late) < 0.1


@pytest.mark.parametrize(
    "failure",
    [500, 503, 404, 401, 302, ConnectionRefusedError(), TimeoutError(), ValueError("no address")],
)
async def test_what_is_not_taken_is_repeated_as_documented_then_given_up(
    failure: int | Exception,
) -> None:
    hook = Hook(*[failure] * 5)
    tells = poster(hook, Style("plain", seed=4))
    tells.take(taken(1, 2))
    counts = await finished(tells)
    first = hook.requests[0].content
    times = [at for at, one in zip(hook.times, hook.requests, strict=True) if one.content == first]
    gaps = [round(b - a) for a, b in pairwise(times)]
    assert gaps == [1, 10, 30, 90][: len(gaps)]
    assert counts.get("acknowledged", 0) + counts.get("given_up", 0) == counts["planned"]
    assert counts["repeats"] == len(hook.requests) - counts["planned"]


async def test_after_the_fifth_refusal_it_is_given_up() -> None:
    hook = Hook()
    hook.answers = [500] * 1000
    tells = poster(hook)
    tells.take(taken(0, 3))
    counts = await finished(tells)
    assert counts["given_up"] == counts["planned"]
    assert len(hook.requests) == 5 * counts["planned"]
    assert hook.time.now - 1000 > 131


async def test_patience_is_the_factor_of_all_waiting() -> None:
    hook = Hook()
    hook.answers = [500] * 1000
    tells = poster(hook, patience=0.01)
    tells.take(taken(0, 3))
    await finished(tells)
    assert 1.31 < hook.time.now - 1000 < 3


async def test_forged_posts_never_hold_the_secret_and_are_not_repeated() -> None:
    hook = Hook(secret=HOOK.authorization)
    tells = poster(hook, Style("wild", seed=2))
    tells.take(taken(0, 500))
    counts = await finished(tells)
    assert counts.keys() == {"planned", "acknowledged", "forged"}
    assert counts["forged"] > 10
    assert hook.secrets["Bearer winter-7"] == counts["planned"] == counts["acknowledged"]
    assert len(hook.requests) == counts["planned"] + counts["forged"]
    assert len(hook.secrets) > 3


async def test_forged_posts_that_are_believed_are_counted() -> None:
    tells = poster(Hook(), Style("wild", seed=2))
    tells.take(taken(0, 300))
    counts = await finished(tells)
    assert counts["forged_accepted"] == counts["forged"] > 0


async def test_nobody_forges_where_nothing_is_asked_for() -> None:
    hook = Hook()
    web_client = Target(HOOK.url)
    tells = poster(hook, Style("wild", seed=2), find_target=lambda *_: web_client)
    tells.take(taken(0, 300))
    assert "forged" not in await finished(tells)
    assert set(hook.secrets) == {None}


async def test_only_so_many_posts_are_under_way() -> None:
    under_way, most = 0, 0

    async def slow(url: str, headers: Mapping[str, str], body: bytes) -> int:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        for _ in range(20):
            await asyncio.sleep(0)
        under_way -= 1
        return 200

    tells = poster(Hook(), patience=0, send=slow)
    tells.take(taken(0, 100))
    await finished(tells)
    assert 4 < most <= AT_ONCE


async def test_taking_costs_the_sender_nothing_but_a_note() -> None:
    hook = Hook()
    tells = poster(hook)
    tells.take(taken(0, 1000))
    assert tells.posted()["waiting"] == 1000
    assert tells.posted()["planned"] == 0
    await tells.close()
    assert not hook.requests


async def test_where_too_much_waits_nothing_is_told_and_that_is_counted() -> None:
    tells = poster(Hook())
    tells._unplanned = MOST_WAITING + 1
    tells.take(taken(0, 10))
    assert tells.posted()["skipped"] == 10
    await tells.close()


async def test_after_a_reset_nothing_of_before_is_posted_or_counted() -> None:
    hook = Hook()
    tells = poster(hook)
    tells.take(taken(0, 10))
    await hook.time.sleep(0)
    tells.reset()
    assert set(tells.posted().values()) == {0}
    tells.take(taken(10, 12))
    counts = await finished(tells)
    assert {one["payload"]["clientMessageId"] for one in hook.bodies} == {"a.10.1", "a.11.1"}
    assert counts["planned"] == counts["acknowledged"] == len(hook.requests)


def provider(**config: Any) -> tuple[SandboxConfig, Provider]:
    chosen = SandboxConfig(receipts="plain", webhook_patience=0, **config)
    return chosen, Provider(chosen, clock=lambda: 1_800_000_000.0)


def send(provider: Provider, *messages: dict[str, Any]) -> int:
    body = {"template": {"type": "text", "content": {"text": "Hello"}}, "messages": messages}
    call = Call("sandbox", KEY, json.dumps({**body, "clientBatchId": "a.b1"}).encode())
    return provider.send_many(call).status


def to(n: int, **changes: Any) -> dict[str, Any]:
    return {"user": {"msisdn": f"+4477009{n:05d}"}, "clientMessageId": f"a.{n}.1"} | changes


async def test_receipts_name_the_message_as_the_sender_did() -> None:
    hook = Hook()
    config, takes = provider(webhook_url=HOOK.url, webhook_authorization=HOOK.authorization)
    tells = poster_for(config, takes, hook)
    send(takes, to(1), to(2, user={"msisdn": "12"}), to(3, scheduled="2099-01-01T00:00:00Z"))
    counts = await finished(tells)
    assert counts["acknowledged"] == len(hook.requests) >= 2
    for one in hook.bodies:
        payload = one["payload"]
        assert (payload["clientMessageId"], payload["clientBatchId"]) == ("a.1.1", "a.b1")
        assert takes.details(Call("sandbox", KEY, at=hook.times[0]), payload["umid"]).status != 404


async def test_messages_whose_answer_is_lost_have_receipts_too() -> None:
    seed = next(
        s
        for s in range(999)
        if FaultSource(PROFILES["ambiguous"], s).request(1).fault is Fault.ERROR_AFTER_TAKING
    )
    hook = Hook()
    config, takes = provider(webhook_url=HOOK.url, faults="ambiguous", seed=seed)
    tells = poster_for(config, takes, hook)
    assert send(takes, *map(to, range(20))) == 500
    await finished(tells)
    told = {one["payload"]["clientMessageId"] for one in hook.bodies}
    assert len(told) == takes.ledger.taken > 15


@pytest.fixture
async def configured() -> AsyncIterator[tuple[Provider, Poster, Hook]]:
    """A sandbox at which webhooks can be set; what it is told on the command line is another."""
    hook = Hook()
    config, takes = provider(webhook_url="http://other.test/", reply_share=1.0)
    tells = poster_for(config, takes, hook)
    yield takes, tells, hook
    await tells.close()


def webhook(url: str, **members: Any) -> dict[str, Any]:
    return {"subAccountId": "*", "url": f"http://hooks.test/{url}", **members}


async def test_a_webhook_that_is_set_over_the_api_is_the_one(
    configured: tuple[Provider, Poster, Hook],
) -> None:
    takes, tells, hook = configured
    hooks = [
        webhook("receipts", type="CADR", httpAuthorization="one"),
        webhook("replies", type="MSG", httpAuthorization="two"),
    ]
    takes.account.webhooks.set(json.dumps(hooks).encode())
    send(takes, *map(to, range(20)))
    await finished(tells)
    kinds = Counter(
        (request.url, request.authorization, body["eventType"])
        for request, body in zip(hook.requests, hook.bodies, strict=True)
    )
    assert set(kinds) == {
        ("http://hooks.test/receipts", "one", "outbound_message_status_changed"),
        ("http://hooks.test/replies", "two", "inbound_message_received"),
    }


async def test_nothing_is_posted_to_a_webhook_that_wants_tokens(
    configured: tuple[Provider, Poster, Hook],
) -> None:
    takes, tells, hook = configured
    oauth = {
        "url": "http://hooks.test/token",
        "clientId": "a",
        "clientSecret": "b",
        "credentialsLocation": "header",
    }
    takes.account.webhooks.set(json.dumps(webhook("x", oauth=oauth)).encode())
    send(takes, to(1))
    assert await finished(tells) == {}
    assert not hook.requests
