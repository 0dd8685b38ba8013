"""A cause holds up what it concerns and no more, and all goes on by itself when it is mended."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.typing import EventDict

from chatapps.client import Endpoint
from chatapps.responses import NoAnswer, NotSent, Refused, Result
from config.sections import SubAccount
from store.lanes.lane import LaneStatus, Policies, Priority, announce, find_lane
from store.lanes.open import open_notifications
from store.limits.breakers import (
    ACCOUNT,
    BULK,
    SERVER,
    Breaker,
    close_breaker,
    open_breaker,
    read_breakers,
    template_scope,
)
from store.queue.dead_letters import Word, settle_dead_letters
from store.queue.enqueue import NewMessage, enqueue_messages
from store.records.outcome import LocalReason, Origin
from store.reports.waiting import waiting
from store.states import State
from tests.conformance.schedule import now_us
from tests.integration.worker.rig import Post, Provider, Rig, refuses, said, taken, until

WRONG_KEY = Refused(401, 1200)
DOWN = Refused(503)
NO_TEMPLATE = 3038
SOON: dict[str, Any] = {"account_first": 0.05, "account_longest": 0.1, "template_first": 0.001}
LANE = "n-a1b2c3-n250615"


class Doors:
    """A provider that refuses the requests of some sub-accounts, until it does not."""

    def __init__(self, rig: Rig, refused: dict[str, Result]) -> None:
        self.refused, self.counted = refused, Counter[str]()
        rig.provider.otherwise = self.answer

    def answer(self, post: Post) -> Result:
        if post.sub_account not in self.refused:
            return taken(post)
        self.counted[post.sub_account] += 1
        return self.refused[post.sub_account]


def opened(rig: Rig, sub_account: str = "shop") -> list[Breaker]:
    """Open breakers."""
    return rig.store.run(read_breakers(sub_account))


def scopes(rig: Rig, sub_account: str = "shop") -> list[str]:
    """The scopes of what is open."""
    return [one.scope for one in opened(rig, sub_account)]


# Key, account, channel


async def test_a_wrong_key_in_mid_campaign_holds_up_its_sub_account_and_no_other(rig: Rig) -> None:
    rig.configure(breakers=SOON, batch={"max_messages": 50})
    spring = rig.campaign(1000, "Spring")
    urgent = rig.campaign(100, "Alarm", priority=Priority.URGENT)
    bank = rig.campaign(1000, "Bank", sub_account="bank")
    doors = Doors(rig, {})
    async with rig.dispatching():
        await until(lambda: rig.report(spring).sent > 0)
        doors.refused["shop"] = WRONG_KEY
        await until(lambda: rig.lane(bank).status is LaneStatus.FINISHED)
        await until(lambda: doors.counted["shop"] > 3 and scopes(rig) == [ACCOUNT])
        assert {rig.lane(one).status for one in (spring, urgent)} <= {
            LaneStatus.SENDING,
            LaneStatus.FINISHED,
        }
        assert scopes(rig, "bank") == []
        asked = doors.counted["shop"]
        del doors.refused["shop"]
        await until(lambda: rig.lane(spring).status is LaneStatus.FINISHED)
        await until(lambda: rig.lane(urgent).status is LaneStatus.FINISHED)
    assert asked < 60
    assert rig.counts(spring) == {State.ACCEPTED: 1000}
    assert rig.counts(urgent) == {State.ACCEPTED: 100}
    assert scopes(rig) == []
    assert {attempt for post in rig.provider.posts for attempt in post.attempts} == {1}
    assert rig.message(spring, 999).attempt_log == ()


async def test_a_probe_is_small_and_its_success_lets_everything_go_on(rig: Rig) -> None:
    rig.configure(breakers={**SOON, "account_messages": 3})
    lane = rig.campaign(500)
    rig.provider.steps = [WRONG_KEY, WRONG_KEY]
    await rig.drain_until(lambda: rig.lane(lane).status is LaneStatus.FINISHED)
    assert [len(post.ids) for post in rig.provider.posts] == [500, 3, 3, 497]
    assert rig.counts(lane) == {State.ACCEPTED: 500}


class Locked(Provider):
    """Takes one key and no other."""

    key = "right"

    async def send_many(self, endpoint: Endpoint, body: bytes) -> Result:
        """Answer as the script says, if the key is right."""
        result = await super().send_many(endpoint, body)
        return result if endpoint.api_key.get_secret_value() == self.key else WRONG_KEY


def lock(rig: Rig, file: Path, key: str) -> Locked:
    """A provider that takes one key; the worker reads its own from a file."""
    file.write_text(f"{key}\n")
    shop = SubAccount(api_key_file=file, messages_per_second=0, requests_per_second=0)
    rig.configure(sub_accounts={"shop": shop})
    provider = Locked()
    rig.provider = provider
    return provider


async def test_a_key_that_is_changed_in_its_file_holds_up_no_message(
    rig: Rig, tmp_path: Path, logs: list[EventDict]
) -> None:
    rig.configure(batch={"max_messages": 20})
    provider, lane = lock(rig, tmp_path / "key", "right"), rig.campaign(1000)
    async with rig.dispatching():
        await until(lambda: rig.report(lane).sent >= 100)
        (tmp_path / "key").write_text("new\n")
        provider.key = "new"
        await until(lambda: rig.lane(lane).status is LaneStatus.FINISHED)
    assert rig.counts(lane) == {State.ACCEPTED: 1000}
    events = [entry["event"] for entry in logs]
    assert "api_key_changed" in events
    assert "account_breaker_opened" not in events


async def test_a_key_that_is_put_right_in_its_file_is_used_without_a_restart(
    rig: Rig, tmp_path: Path
) -> None:
    rig.configure(breakers=SOON)
    file = tmp_path / "key"
    lock(rig, file, "wrong")
    lane = rig.campaign(30)
    async with rig.dispatching():
        await until(lambda: len(rig.provider.posts) > 1 and scopes(rig) == [ACCOUNT])
        file.write_text("right\n")
        await until(lambda: rig.lane(lane).status is LaneStatus.FINISHED)
    assert rig.counts(lane) == {State.ACCEPTED: 30}


@pytest.mark.parametrize("lane_of", ["campaign", "notifications"])
async def test_a_code_about_the_account_on_one_message_holds_up_the_sub_account(
    rig: Rig, lane_of: str
) -> None:
    rig.configure(breakers=SOON)
    lane = rig.campaign(3) if lane_of == "campaign" else rig.notifications(LANE, "abc")
    rig.provider.steps = [refuses({1: 1201})]
    await rig.deliver(lane)
    assert rig.counts(lane) == {State.ACCEPTED: 2, State.QUEUED: 1}
    assert [job.attempts for job in rig.queue(lane)] == [0]
    assert rig.lane(lane).status is LaneStatus.SENDING
    assert "code 1201" in opened(rig)[0].reason
    await rig.drain_until(lambda: rig.counts(lane) == {State.ACCEPTED: 3})
    assert scopes(rig) == []


@pytest.mark.parametrize("silence", [NotSent("refused"), NoAnswer("reset"), Refused(429), DOWN])
async def test_a_probe_that_tells_nothing_of_the_key_is_repeated(rig: Rig, silence: Result) -> None:
    rig.configure(breakers=SOON)
    rig.campaign(50, on_unconfirmed="resend")
    rig.provider.steps = [WRONG_KEY, silence, WRONG_KEY]
    async with rig.dispatching():
        await until(lambda: len(rig.provider.posts) >= 4)
        await until(lambda: scopes(rig) == [])
    assert len(rig.provider.posts[1].ids) == len(rig.provider.posts[2].ids) == 10


async def test_one_message_that_asks_for_a_missing_channel_does_not_hold_up_all_for_ever(
    rig: Rig,
) -> None:
    rig.configure(breakers=SOON, batch={"max_messages": 1})
    urgent = rig.notifications("n-a1b2c3-u250615", ["wrong"])
    rig.provider.otherwise = lambda post: said(
        dict.fromkeys(post.indexes if "wrong" in str(post.body) else (), 3027), post
    )
    async with rig.dispatching():
        await until(lambda: scopes(rig) == [ACCOUNT])
        lane = rig.campaign(20)
        await until(lambda: rig.lane(lane).status is LaneStatus.FINISHED)
        await until(lambda: rig.counts(urgent) == {State.REJECTED: 1})
    assert rig.counts(lane) == {State.ACCEPTED: 20}
    assert scopes(rig) == []


async def test_a_campaign_that_asks_for_a_missing_channel_stops_and_the_others_go_on(
    rig: Rig,
) -> None:
    rig.configure(breakers=SOON, batch={"max_messages": 50})
    wrong, fine = rig.campaign(50, "Wrong"), rig.campaign(500, "Fine")

    def answer(post: Post) -> Result:
        return Refused(400, 3051) if post.ids[0].startswith(wrong) else taken(post)

    rig.provider.otherwise = answer
    await rig.drain_until(lambda: rig.lane(fine).status is LaneStatus.FINISHED)
    await rig.drain_until(lambda: rig.lane(wrong).status is LaneStatus.STOPPED)
    assert "code 3051" in rig.lane(wrong).reason
    assert rig.counts(wrong) == {State.QUEUED: 50}


# A message that alone is forbidden

FORBIDDEN = Refused(403, 1200)


def forbids(word: str) -> Callable[[Post], Result]:
    """A provider that refuses all of a request for one message in it."""
    return lambda post: FORBIDDEN if word in str(post.body) else taken(post)


async def test_a_message_that_alone_is_forbidden_is_found_and_the_others_go_out(rig: Rig) -> None:
    rig.configure(breakers=SOON)
    texts = ["fine"] * 40
    texts[7] = "wrong"
    rig.provider.otherwise = forbids("wrong")
    lane = rig.notifications(LANE, texts)
    await rig.drain_until(lambda: rig.counts(lane).get(State.ACCEPTED) == 39)
    await rig.drain_until(lambda: scopes(rig) == [])
    assert rig.counts(lane) == {State.ACCEPTED: 39, State.FAILED: 1}
    found = rig.message(lane, 7).outcome
    assert found is not None
    assert (found.state, found.origin, found.code) == (State.FAILED, Origin.REQUEST, 1200)
    assert len(rig.dead(lane)) == 1  # an operator may have it sent again
    assert len(rig.provider.posts) < 20


async def test_alone_in_the_most_urgent_lane_it_does_not_hold_up_the_others_for_ever(
    rig: Rig,
) -> None:
    rig.configure(breakers=SOON)
    rig.provider.otherwise = forbids("wrong")
    urgent = rig.notifications("n-a1b2c3-u250615", ["wrong"])
    normal = rig.notifications(LANE, ["wrong"])
    async with rig.dispatching():
        await until(lambda: scopes(rig) == [ACCOUNT])
        lane = rig.campaign(2000)
        await until(lambda: rig.lane(lane).status is LaneStatus.FINISHED)
        other = rig.campaign(20, "Other")
        await until(lambda: rig.lane(other).status is LaneStatus.FINISHED)
        await until(lambda: rig.counts(urgent) == rig.counts(normal) == {State.FAILED: 1})
        await until(lambda: scopes(rig) == [])
    assert rig.counts(lane) == {State.ACCEPTED: 2000}


@pytest.mark.parametrize("alone", [True, False])
async def test_a_code_of_the_account_on_one_message_does_not_hold_up_the_others(
    rig: Rig, alone: bool
) -> None:
    rig.configure(breakers=SOON, batch={"max_messages": 1 if alone else 1000})
    wrong = rig.notifications("n-a1b2c3-u250615", ["wrong", "fine"])
    rig.provider.otherwise = lambda post: said(
        {i: 1201 for i in post.indexes if i == 0 and post.ids[0].startswith(wrong)}, post
    )
    async with rig.dispatching():
        await until(lambda: scopes(rig) == [ACCOUNT])
        lane = rig.campaign(20)
        await until(lambda: rig.lane(lane).status is LaneStatus.FINISHED)
        await until(lambda: rig.counts(wrong) == {State.ACCEPTED: 1, State.FAILED: 1})
        await until(lambda: scopes(rig) == [])
    assert rig.counts(lane) == {State.ACCEPTED: 20}


async def test_where_all_is_forbidden_nothing_fails(rig: Rig) -> None:
    rig.configure(breakers=SOON, batch={"max_messages": 50})
    lanes = [rig.campaign(300), rig.notifications(LANE, ["fine"] * 50)]
    doors = Doors(rig, {"shop": FORBIDDEN})
    async with rig.dispatching():
        await until(lambda: scopes(rig) == [ACCOUNT] and opened(rig)[0].failures > 3)
        assert rig.lane(lanes[0]).status is LaneStatus.SENDING
        del doors.refused["shop"]
        await until(lambda: rig.lane(lanes[0]).status is LaneStatus.FINISHED)
        await until(lambda: rig.counts(lanes[1]) == {State.ACCEPTED: 50})
    assert rig.counts(lanes[0]) == {State.ACCEPTED: 300}
    assert scopes(rig) == []


# Errors of the provider in a row


async def test_an_outage_costs_few_requests_and_everything_is_sent_afterwards(rig: Rig) -> None:
    rig.configure(
        breakers={"server_first": 0.05, "server_longest": 0.2},
        batch={"max_messages": 10},
        worker={"max_in_air": 4, "sweep_seconds": 0.1},
        retry={"base_delay": 0.05, "max_delay": 0.1, "max_attempts": 8},
    )
    rig.really_sleeps = True
    lanes = [rig.campaign(150, f"Lane {i}") for i in range(4)]
    doors = Doors(rig, {"shop": DOWN})
    async with rig.dispatching():
        await until(lambda: scopes(rig) == [SERVER])
        at_once = doors.counted["shop"]
        await until(lambda: opened(rig)[0].failures >= 6)
        during = doors.counted["shop"]
        del doors.refused["shop"]
        await until(lambda: all(rig.lane(one).status is LaneStatus.FINISHED for one in lanes))
    assert at_once <= 4 + 5  # what was in the air when the fifth failed
    assert during <= at_once + 6
    assert [rig.counts(one) for one in lanes] == [{State.ACCEPTED: 150}] * 4
    tried = sum(rig.report(one).stats.get("retried", 0) for one in lanes)
    assert tried <= 10 * during  # nobody but those who were in a request used up an attempt
    assert scopes(rig) == []


async def test_a_quick_retry_is_not_made_when_the_provider_is_down(rig: Rig) -> None:
    rig.configure(breakers={"server_errors": 2})
    lane = rig.campaign(3)
    rig.provider.otherwise = DOWN
    await rig.deliver(lane)
    assert len(rig.provider.posts) == 2
    assert rig.counts(lane) == {State.DELAYED: 3}
    assert scopes(rig) == [SERVER]


async def test_errors_with_successes_in_between_slow_nothing_down(rig: Rig) -> None:
    rig.configure(breakers={"server_errors": 3}, batch={"max_messages": 1})
    lane = rig.campaign(20, lines=[])
    for _ in range(6):
        rig.provider.steps = [DOWN, DOWN, taken]
        await rig.deliver(lane, most=1)
    assert scopes(rig) == []


async def test_a_lane_that_holds_server_errors_counts_them_too(rig: Rig) -> None:
    rig.configure(breakers={"server_errors": 2})
    lane = rig.campaign(2, on_server_error="hold")
    rig.provider.otherwise = DOWN
    await rig.deliver(lane, most=1)
    await rig.deliver(lane, most=1)
    assert rig.counts(lane) == {State.UNCONFIRMED: 2}
    assert scopes(rig) == [SERVER]


# Templates in notification lanes


def whole(i: int, template: str = "", language: str = "en_US") -> NewMessage:
    """A message for a notification lane, with a template or without."""
    content = (
        b'"content":{"template":{"name":"%b","language":"%b"}}'
        % (template.encode(), language.encode())
        if template
        else b'"content":{"text":"hello"}'
    )
    kind = b"template" if template else b"text"
    return NewMessage(b'447700900%03d\t{"type":"%b",%b}' % (i, kind, content), b"", b"")


def enqueue(rig: Rig, *templates: str) -> str:
    """Messages with these templates ('' = none)."""
    open_notifications(rig.store, LANE, "shop", Priority.NORMAL, Policies())
    rig.store.run(enqueue_messages(LANE, [whole(i, one) for i, one in enumerate(templates)]))
    rig.store.run(announce(LANE, Priority.NORMAL))
    return LANE


def without(template: str) -> Any:
    """The provider does not know this template."""

    def answer(post: Post) -> Result:
        contents = [message["content"] for message in post.body["messages"]]
        names = [content.get("template", {}).get("name") for content in contents]
        pairs = zip(post.indexes, names, strict=True)
        return said({index: NO_TEMPLATE for index, name in pairs if name == template}, post)

    return answer


async def test_a_template_code_rejects_the_message_and_holds_up_its_template_only(
    rig: Rig,
) -> None:
    lane = enqueue(rig, "gone", "fine", "")
    rig.provider.otherwise = without("gone")
    await rig.deliver(lane)
    assert rig.counts(lane) == {State.ACCEPTED: 2, State.REJECTED: 1}
    (breaker,) = opened(rig)
    assert breaker.scope == template_scope("gone", "en_US")
    assert "no such template in this language" in breaker.reason
    enqueue(rig, "gone", "fine", "", "gone")
    await rig.deliver_with_permits(lane)
    assert len(rig.provider.posts[1].ids) == 2
    assert rig.counts(lane) == {State.ACCEPTED: 4, State.REJECTED: 1, State.FAILED: 2}
    outcome = rig.message(lane, 3).outcome
    assert outcome is not None
    assert (outcome.origin, outcome.code) == (Origin.LOCAL, LocalReason.BREAKER)
    assert (outcome.attempts, outcome.posted_at) == (0, 0)
    assert rig.lane(lane).status is LaneStatus.SENDING


async def test_a_template_that_was_mended_heals_by_one_message_and_the_failed_can_be_revived(
    rig: Rig,
) -> None:
    lane = enqueue(rig, "gone")
    rig.provider.otherwise = without("gone")
    await rig.deliver(lane)
    enqueue(rig, "gone", "gone")
    await rig.deliver_with_permits(lane)
    assert rig.counts(lane) == {State.REJECTED: 1, State.FAILED: 2}

    rig.configure(breakers={"template_first": 0.001})
    rig.store.run(close_breaker("shop", template_scope("gone", "en_US")))
    enqueue(rig, "gone")
    await rig.deliver_with_permits(lane)  # opens it again, with a probe that is due at once
    rig.provider.otherwise = taken
    enqueue(rig, "gone", "gone", "gone")
    (breaker,) = opened(rig)
    await until(lambda: now_us(rig.store) >= breaker.probe_at * 1000)
    await rig.deliver_with_permits(lane)
    assert rig.provider.posts[-1].ids == [f"{lane}.4.1"]
    assert scopes(rig) == []
    assert rig.counts(lane) == {State.REJECTED: 2, State.FAILED: 4, State.ACCEPTED: 1}

    settle_dead_letters(rig.store, find_lane(rig.store, lane), Word.RESEND, (State.FAILED,))
    await rig.deliver_with_permits(lane)
    assert rig.counts(lane) == {State.REJECTED: 2, State.ACCEPTED: 5}
    assert rig.provider.posts[-1].attempts == {1}


async def test_nothing_is_parsed_while_no_template_is_held_up(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(line: bytes) -> str:
        raise AssertionError("parsed for nothing")

    monkeypatch.setattr("worker.pacing.breakers.template_of", fail)
    lane = enqueue(rig, "fine", "fine")
    await rig.deliver_with_permits(lane)
    assert rig.counts(lane) == {State.ACCEPTED: 2}
    assert "HGETALL" not in rig.watched.ran[1:]  # no breakers


async def test_a_template_code_for_a_whole_request_holds_up_the_template(rig: Rig) -> None:
    lane = enqueue(rig, "gone", "fine")

    def refuse_whole(post: Post) -> Result:
        gone = any("gone" in str(message) for message in post.body["messages"])
        return Refused(400, NO_TEMPLATE) if gone else taken(post)

    rig.provider.otherwise = refuse_whole
    await rig.deliver(lane)
    assert rig.counts(lane) == {State.ACCEPTED: 1, State.REJECTED: 1}
    assert scopes(rig) == [template_scope("gone", "en_US")]


# All refused alike


async def test_a_campaign_whose_messages_are_all_refused_alike_stops(rig: Rig) -> None:
    lane = rig.campaign(100)
    rig.provider.otherwise = lambda post: said(dict.fromkeys(post.indexes, 3041), post)
    await rig.deliver(lane, most=40)
    stopped = rig.lane(lane)
    assert stopped.status is LaneStatus.STOPPED
    assert stopped.reason == (
        "each of the last 40 messages was refused with code 3041: a template parameter is not valid"
    )
    assert rig.counts(lane) == {State.REJECTED: 40, State.QUEUED: 60}


async def test_a_campaign_to_people_who_cannot_be_reached_goes_on(rig: Rig) -> None:
    lane = rig.campaign(100)
    rig.provider.otherwise = lambda post: said(dict.fromkeys(post.indexes, 1002), post)
    await rig.deliver(lane, most=40)
    assert rig.lane(lane).status is LaneStatus.SENDING


# By hand


async def test_what_is_opened_by_hand_holds_everything_until_it_is_closed(rig: Rig) -> None:
    rig.configure(breakers=SOON)
    rig.store.run(open_breaker("shop", ACCOUNT, "the number is being moved", by="operator"))
    spring = rig.campaign(100, "Spring")
    urgent = rig.notifications("n-a1b2c3-u250615", ["a", "b"])
    bank = rig.campaign(100, "Bank", sub_account="bank")
    async with rig.dispatching():
        await until(lambda: rig.lane(bank).status is LaneStatus.FINISHED)
        await until(lambda: rig.watched.ran.count("acquire_permits") > 3)
        assert {post.sub_account for post in rig.provider.posts} == {"bank"}
        assert rig.counts(spring) == {State.QUEUED: 100}
        rig.store.run(close_breaker("shop", ACCOUNT))
        await until(lambda: rig.lane(spring).status is LaneStatus.FINISHED)
        await until(lambda: rig.counts(urgent) == {State.ACCEPTED: 2})


async def test_a_batch_in_hand_that_must_ask_again_goes_back(rig: Rig) -> None:
    lane = rig.campaign(20)
    batch = await rig.claim(lane)
    rig.store.run(open_breaker("shop", ACCOUNT, "stop it", by="operator"))
    batch = replace(batch, permits=replace(batch.permits, turn=0))  # they are stale
    await rig.delivery().deliver(batch)
    assert rig.provider.posts == []
    assert [job.attempts for job in rig.queue(lane)] == [0] * 20
    assert rig.slept == []


# Two workers


async def test_workers_share_what_they_find_out(rig: Rig) -> None:
    other = Rig(rig.store, rig.url, "host-2:1:def")
    other.configure(breakers={"server_errors": 3})
    rig.configure(breakers={"server_errors": 3})
    lane = rig.campaign(30)
    for worker in (rig, other, rig):
        worker.provider.otherwise = DOWN
        worker.configure(retry={"quick_attempts": 1})
        await worker.deliver_with_permits(lane, most=1)
    assert scopes(rig) == [SERVER]
    await other.close()


# A campaign whose template is held up, and what is bulk

OFFER = template_scope("offer", "en")


def offer(name: str = "offer") -> dict[str, Any]:
    body = {"type": "body", "parameters": [{"type": "text", "text": "{{name}}"}]}
    template = {"name": name, "language": "en", "components": [body]}
    return {"type": "template", "content": {"template": template}}


async def test_a_campaign_waits_while_the_provider_has_paused_its_template(rig: Rig) -> None:
    rig.store.run(open_breaker("shop", OFFER, "paused", by="provider", probe_after=0))
    held = rig.campaign(50, "Held", message=offer())
    other = rig.campaign(50, "Other", message=offer("other"))
    async with rig.dispatching():
        await until(lambda: rig.lane(other).status is LaneStatus.FINISHED)
        assert rig.counts(held) == {State.QUEUED: 50}
        assert rig.lane(held).status is LaneStatus.SENDING
        found = waiting(rig.store, rig.lane(held)).held_by
        assert found is not None
        assert found.scope == OFFER
        rig.store.run(close_breaker("shop", OFFER, by="provider"))
        await until(lambda: rig.lane(held).status is LaneStatus.FINISHED)
    assert rig.counts(held) == {State.ACCEPTED: 50}


async def test_a_campaign_in_mid_air_stops_when_its_template_is_held_up(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.dispatch.claims.BREAKER_PAUSE", 0.01)
    rig.configure(batch={"max_messages": 10})
    lane = rig.campaign(3000, message=offer())
    async with rig.dispatching():
        await until(lambda: rig.report(lane).sent > 0)
        rig.store.run(open_breaker("shop", OFFER, "stop it", by="operator"))
        refused = rig.watched.ran.count("acquire_permits")
        # what has its permits goes out; then it is asked again and again, in vain
        await until(lambda: rig.watched.ran.count("acquire_permits") > refused + 40)
        await until(lambda: rig.report(lane).counts.get(State.IN_FLIGHT, 0) == 0)
        posted = len(rig.provider.posts)
        await until(lambda: rig.watched.ran.count("acquire_permits") > refused + 45)
        assert len(rig.provider.posts) == posted
    assert rig.counts(lane)[State.QUEUED] > 0


async def test_the_success_of_a_campaigns_probe_ends_what_holds_its_template_up(rig: Rig) -> None:
    rig.configure(breakers={"account_messages": 3})
    call = open_breaker("shop", OFFER, "code 3038", by="worker", probe_after=0.001, longest=1)
    rig.store.run(call)
    lane = rig.campaign(20, message=offer())
    await rig.drain_until(lambda: rig.lane(lane).status is LaneStatus.FINISHED)
    assert len(rig.provider.posts[0].ids) == 3
    assert scopes(rig) == []


async def test_bulk_waits_and_codes_go_out(rig: Rig) -> None:
    rig.store.run(open_breaker("shop", BULK, "the number is flagged", by="provider", probe_after=0))
    bulk = rig.campaign(5)
    urgent = rig.notifications(LANE, ["Your code"])
    async with rig.dispatching():
        await until(lambda: rig.counts(urgent) == {State.ACCEPTED: 1})
        assert rig.counts(bulk) == {State.QUEUED: 5}
        rig.store.run(close_breaker("shop", BULK))
        await until(lambda: rig.counts(bulk) == {State.ACCEPTED: 5})
