"""Subscriptions: signed batches, at least once, a dead endpoint apart from the others."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import SecretStr

from store.client import command
from store.errors import StoreRefused
from store.outcomes.stream import want_outcomes
from store.reports.gauges import read_gauges
from store.subscriptions.subscription import (
    MOST_SUBSCRIPTIONS,
    Format,
    Progress,
    Subscription,
    add_subscription,
    begin_at,
    check_types,
    find_subscription,
    list_subscriptions,
    note_delivery,
    read_dead,
    read_progress,
    remove_subscription,
    replay,
    rotate_secret,
    take_subscription,
)
from tests.integration.worker.rig import Rig, until
from worker.endpoint import Answer
from worker.outcomes import SURVEY_SECONDS
from worker.subscriptions import (
    DISABLED_SECONDS,
    GIVEN_UP_SECONDS,
    Subscriptions,
    pause_after,
)

KEY = b"a secret of some length"
HANGS = 0
"""Instead of a status: the request is read and not answered."""


@dataclass
class Endpoint:
    """Keeps what it is sent."""

    statuses: list[int] = field(default_factory=list)  # of the next answers; then 204
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}/hook"

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events of all requests that it took."""
        return [event for _, body in self.got for event in json.loads(body)["data"]]

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:]
            headers = {
                name.lower(): value for name, _, value in (line.partition(": ") for line in head)
            }
            body = await reader.readexactly(int(headers["content-length"]))
            status = self.statuses.pop(0) if self.statuses else 204
            if status == HANGS:
                await reader.read()
            if status == 204:
                self.got.append((headers, body))
            writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n".encode())
        writer.close()


@asynccontextmanager
async def endpoint(rig: Rig, *statuses: int) -> AsyncIterator[Endpoint]:
    """An endpoint that the settings trust."""
    made = Endpoint(list(statuses))
    server = await asyncio.start_server(made.handle, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    trusted = [*rig.settings.subscriptions.trusted, f"localhost:{made.port}"]
    rig.configure(subscriptions={"trusted": trusted})
    rig.settings = rig.settings.model_copy(update={"secret": SecretStr(KEY.decode())})
    async with server:
        yield made


def subscribed(
    rig: Rig, url: str, *types: str, with_numbers: bool = False
) -> tuple[Subscription, str]:
    """A subscription of the sub-account, and its secret."""
    wanted = types or ("message.*", "campaign.*")
    now = int(time.time())
    return add_subscription(rig.store, KEY, now, url, wanted, "shop", with_numbers=with_numbers)


async def sent(rig: Rig, n: int, name: str = "Spring") -> str:
    """A campaign of n that has been sent, its changes in the stream."""
    lane = rig.campaign(n, name)
    await rig.deliver(lane)
    for _ in range(2):
        rig.ahead += SURVEY_SECONDS + 1
        await rig.sweep()
    return lane


@asynccontextmanager
async def serving(rig: Rig, owner: str = "host-1:1:abc") -> AsyncIterator[Subscriptions]:
    """A process that serves subscriptions, looking again and again."""
    made = Subscriptions(rig.settings, owner)

    ends = asyncio.Event()

    async def look() -> None:
        while not ends.is_set():
            await made.look(rig.watched)
            await asyncio.sleep(0.01)

    task = asyncio.create_task(look())
    try:
        yield made
    finally:
        ends.set()
        await task
        await made.close()


def progress(rig: Rig, one: Subscription) -> Progress:
    return rig.store.run(read_progress(one.id))


def again(rig: Rig, one: Subscription) -> None:
    """The next try is due."""
    rig.store.client.hset(f"sm:{{subscriptions}}:{one.id}", "due", 0)


async def lag(rig: Rig, one: Subscription) -> float:
    """Seconds that a subscription is behind, as `/metrics` shows it."""
    return (await read_gauges(rig.watched, ["shop"])).lags["shop", one.id]


async def test_a_subscription_is_behind_until_its_endpoint_has_taken_all(rig: Rig) -> None:
    async with endpoint(rig) as hook:
        one, _ = subscribed(rig, hook.url)
        assert await lag(rig, one) == 0
        await sent(rig, 3)
        while not await lag(rig, one):  # in the same millisecond
            pass
        async with serving(rig):
            await until(lambda: progress(rig, one).events >= 4)
        assert await lag(rig, one) == 0


async def test_changes_come_in_signed_batches_of_a_hundred_or_20_kb(rig: Rig) -> None:
    async with endpoint(rig) as hook:
        one, secret = subscribed(rig, hook.url)
        lane = await sent(rig, 250)
        async with serving(rig):
            await until(lambda: progress(rig, one).events >= 251)
        assert {event["id"] for event in hook.events} == {
            lane,
            *(f"{lane}.{i}" for i in range(250)),
        }
        assert len(hook.events) == 251
        assert {event["number"] for event in hook.events} == {None}
        for headers, body in hook.got:
            assert len(body) < 20_100
            signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
            key = base64.b64decode(secret.removeprefix("whsec_"))
            mac = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
            assert headers["webhook-signature"] == f"v1,{mac}"
            assert json.loads(body)["type"] == "batch"
        assert len({headers["webhook-id"] for headers, _ in hook.got}) == len(hook.got)
        assert progress(rig, one).events == 251


async def test_only_the_wanted_types_come_and_numbers_where_they_were_asked_for(rig: Rig) -> None:
    async with endpoint(rig) as hook, endpoint(rig) as other:
        subscribed(rig, hook.url, "campaign.finished")
        subscribed(rig, other.url, "message.accepted", with_numbers=True)
        lane = await sent(rig, 2)
        async with serving(rig):
            await until(lambda: len(hook.events) + len(other.events) >= 3)
        assert [(event["type"], event["campaign"]) for event in hook.events] == [
            ("campaign.finished", "Spring")
        ]
        assert [event["number"] for event in other.events] == ["+447700900000", "+447700900001"]
        assert [event["id"] for event in other.events] == [f"{lane}.0", f"{lane}.1"]


async def test_a_batch_that_was_not_taken_comes_again_and_others_are_not_held_up(rig: Rig) -> None:
    async with (
        endpoint(rig, 500, 301) as hook, endpoint(rig, HANGS) as silent, endpoint(rig) as other
    ):  # fmt: skip
        one, _ = subscribed(rig, hook.url, "message.accepted")
        late, _ = subscribed(rig, silent.url, "message.accepted")
        ours, _ = subscribed(rig, "https://localhost:8443/hook", "message.accepted")
        subscribed(rig, other.url, "message.accepted")
        await sent(rig, 3)
        async with serving(rig):
            await until(lambda: len(other.events) == 3 and progress(rig, one).failures == 1)
            await until(lambda: silent.statuses == [])
            assert progress(rig, late).failures == 0, "its request is under way"
            await until(lambda: progress(rig, ours).failures == 1)
            assert "not public" in progress(rig, ours).answer
            assert progress(rig, one).answer == "HTTP 500"
            again(rig, one)
            await until(lambda: progress(rig, one).failures == 2)
            assert hook.events == []
            again(rig, one)
            await until(lambda: len(hook.events) == 3 and progress(rig, one).failures == 0)
        assert progress(rig, one).failing_since == 0


async def test_a_chat_tool_gets_a_text_without_a_signature(rig: Rig) -> None:
    async with endpoint(rig) as hook:
        wanted = check_types(["campaign.finished"], Format.SLACK)
        made = add_subscription(
            rig.store, KEY, 1, hook.url, wanted, "shop", with_numbers=False, format=Format.SLACK
        )
        assert rig.store.run(find_subscription(made[0].id)) == made[0]
        await sent(rig, 2, "Bread & <b>")
        async with serving(rig):
            await until(lambda: len(hook.got) == 1)
    headers, body = hook.got[0]
    assert json.loads(body) == {"text": "Campaign Bread &amp; &lt;b&gt; is finished."}
    assert "webhook-signature" not in headers


@pytest.mark.parametrize("one", ["message.*", "message.read", "optout.added"])
def test_a_chat_tool_takes_news_of_campaigns_only(one: str) -> None:
    with pytest.raises(ValueError, match=r"does not go with the format slack: take campaign"):
        check_types(["campaign.halted", one], Format.SLACK)
    with pytest.raises(ValueError, match="leave them out"):
        check_types(["campaign.*"], Format.SLACK, with_numbers=True)


async def test_two_processes_do_not_send_the_same_batch(rig: Rig) -> None:
    async with endpoint(rig) as hook:
        subscribed(rig, hook.url, "message.accepted")
        await sent(rig, 300)
        async with serving(rig, "one"), serving(rig, "two"):
            await until(lambda: len(hook.events) >= 300)
        assert len(hook.events) == 300


async def test_an_endpoint_that_is_gone_or_fails_for_days_is_disabled(
    rig: Rig, logs: list[dict[str, Any]]
) -> None:
    async with endpoint(rig, 410) as hook, endpoint(rig, 500) as other:
        gone, _ = subscribed(rig, hook.url, "message.accepted")
        broken, _ = subscribed(rig, other.url, "message.accepted")
        long_ago = int(time.time() * 1000) - (DISABLED_SECONDS + 9) * 1000
        rig.store.client.hset(f"sm:{{subscriptions}}:{broken.id}", "well_at", long_ago)
        await sent(rig, 1)
        async with serving(rig):
            await until(lambda: all(one.disabled for one in rig.store.run(list_subscriptions())))
        why = {one.id: one.disabled for one in rig.store.run(list_subscriptions())}
        assert why == {gone.id: "the endpoint is gone (410)", broken.id: "it failed for 5 days"}
        told = [entry for entry in logs if entry["event"] == "subscription_disabled"]
        assert {entry["subscription"] for entry in told} == {gone.id, broken.id}
        replay(rig.store, _found(rig, gone), 0)
        assert not _found(rig, gone).disabled


def _found(rig: Rig, one: Subscription) -> Subscription:
    found = rig.store.run(find_subscription(one.id))
    assert found is not None
    return found


async def test_a_batch_that_is_given_up_is_a_dead_letter_and_can_be_replayed(rig: Rig) -> None:
    async with endpoint(rig, 500) as hook:
        one, _ = subscribed(rig, hook.url, "message.accepted")
        lane = await sent(rig, 1)
        key = f"sm:{{subscriptions}}:{one.id}"
        long_ago = int(time.time() * 1000) - (GIVEN_UP_SECONDS + 9) * 1000
        rig.store.client.hset(key, mapping={"failing_since": long_ago, "failures": 9})
        async with serving(rig):
            await until(lambda: progress(rig, one).dead == 1)
            (letter,) = rig.store.run(read_dead(one.id))
            assert (letter["events"], letter["why"]) == (1, "HTTP 500")
            other = await sent(rig, 1, "Summer")
            await until(lambda: len(hook.events) == 1)
            assert hook.events[0]["id"] == f"{other}.0"
            replay(rig.store, _found(rig, one), int(letter["after"].partition("-")[0]))
            await until(lambda: len(hook.events) == 3)
        assert [event["id"] for event in hook.events[1:]] == [f"{lane}.0", f"{other}.0"]


async def test_after_a_gap_it_goes_on_with_what_is_kept_and_says_so(rig: Rig) -> None:
    async with endpoint(rig) as hook:
        one, _ = subscribed(rig, hook.url, "message.accepted")
        await sent(rig, 1)
        replay(rig.store, one, 1)
        async with serving(rig):
            await until(lambda: len(hook.events) == 1)
        (letter,) = rig.store.run(read_dead(one.id))
        assert letter["why"] == "no longer kept"


async def test_after_a_rotation_both_secrets_sign_for_a_day(rig: Rig) -> None:
    async with endpoint(rig) as hook:
        one, first = subscribed(rig, hook.url, "message.accepted")
        second = rotate_secret(rig.store, KEY, int(time.time()), one)
        assert first != second
        await sent(rig, 1)
        async with serving(rig):
            await until(lambda: len(hook.events) == 1)
        headers, body = hook.got[0]
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        keys = [base64.b64decode(one.removeprefix("whsec_")) for one in (second, first)]
        macs = [base64.b64encode(hmac.digest(key, signed, hashlib.sha256)) for key in keys]
        assert headers["webhook-signature"] == " ".join(f"v1,{mac.decode()}" for mac in macs)


async def test_nothing_is_signed_with_another_secret_of_the_settings(rig: Rig) -> None:
    async with endpoint(rig) as hook:
        one, _ = subscribed(rig, hook.url, "message.accepted")
        rig.settings = rig.settings.model_copy(update={"secret": SecretStr("another " * 4)})
        await sent(rig, 1)
        rig.store.client.hset(f"sm:{{subscriptions}}:{one.id}", "answer", "")
        async with serving(rig):
            await until(lambda: progress(rig, one).due > 0)
        assert hook.got == []


async def test_the_secret_is_not_in_redis(rig: Rig) -> None:
    one, secret = subscribed(rig, "https://example.com/hook")
    kept = rig.store.run(command("HGET", "sm:{subscriptions}", one.id, parse=bytes))
    assert one.id.encode() in kept
    raw = base64.b64decode(secret.removeprefix("whsec_"))
    for shape in (secret.removeprefix("whsec_").encode(), raw, raw.hex().encode()):
        assert shape not in kept


async def test_a_sub_account_has_a_bounded_number_and_a_removed_one_leaves_nothing(
    rig: Rig,
) -> None:
    made = [subscribed(rig, "https://example.com/hook")[0] for _ in range(MOST_SUBSCRIPTIONS)]
    with pytest.raises(StoreRefused, match="at most 20"):
        subscribed(rig, "https://example.com/hook")
    remove_subscription(rig.store, made[0])
    with pytest.raises(StoreRefused, match="just been changed"):
        remove_subscription(rig.store, made[0])
    subscribed(rig, "https://example.com/hook")
    assert rig.store.client.keys(f"sm:*{made[0].id}*") == []


async def test_a_lease_is_for_one_process_and_ends_when_an_operator_moves_it(rig: Rig) -> None:
    want_outcomes(rig.store, "shop")
    one, _ = subscribed(rig, "https://example.com/hook")
    taken = rig.store.run(take_subscription(one.id, "one", 60_000))
    assert taken is not None
    assert taken.subscription == one
    assert rig.store.run(take_subscription(one.id, "two", 60_000)) is None
    assert not rig.store.run(note_delivery(one.id, "two", result="ok"))
    begin_at(rig.store, one.id, taken.position)
    assert not rig.store.run(note_delivery(one.id, "one", result="ok"))
    assert rig.store.run(take_subscription(one.id, "two", 60_000)) is not None


def test_tries_are_further_and_further_apart_and_follow_retry_after() -> None:
    pauses = [pause_after(n, Answer(500, "")) for n in range(1, 20)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (5, 10_800)
    assert pause_after(1, Answer(503, "", 600)) == 600
    assert pause_after(1, Answer(503, "", 1e9)) == 86_400
