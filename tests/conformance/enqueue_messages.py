"""enqueue_messages: single messages and their idempotency keys."""

import time

import pytest

from store.client import Store, command
from store.keys import lane_keys
from store.lanes.lane import LaneStatus, find_lane, move_lane
from store.queue.enqueue import MOST_TAGS, STRETCH, NewMessage, Taken, enqueue_messages, find_keys
from store.queue.settlement import promote_due
from store.records.job_section import Job, count
from store.reports.tags import LaneTags, has_tag
from store.reports.waiting import scheduled_for
from store.states import State
from tests.conformance import given

LANE = given.NOTIFICATIONS
TOMORROW = "n-a1b2c3-u250616"
LESS_URGENT = "n-a1b2c3-n250615"
Answer = list[tuple[Taken, str]] | None


def enqueue(store: Store, *messages: NewMessage, lane: str = LANE) -> Answer:
    return store.run(enqueue_messages(lane, messages))


def days_pass(store: Store, days: int) -> None:
    """The keys become older."""
    for name in store.run(command("KEYS", "sm:{n-a1b2c3}:seen:*", parse=list[bytes])):
        base, day, bucket = name.decode().rsplit(":", 2)
        store.client.rename(name, f"{base}:{int(day) - days}:{bucket}")


class TestEnqueueMessages:
    def test_messages_are_taken_in_order(self, store: Store) -> None:
        given.notifications(store)
        messages = [given.message(f"Code {i}") for i in range(3)]
        assert enqueue(store, *messages) == [(Taken.NEW, f"{LANE}.{i}") for i in range(3)]
        jobs = given.claim(store, LANE).jobs
        assert [(job.index, job.line) for job in jobs] == [
            (i, message.line) for i, message in enumerate(messages)
        ]
        assert given.balanced(store, LANE)

    def test_a_key_goes_in_once(self, store: Store) -> None:
        given.notifications(store)
        message = given.message("Code 1", key="order-1")
        assert enqueue(store, message) == [(Taken.NEW, f"{LANE}.0")]
        assert enqueue(store, message) == [(Taken.DUPLICATE, f"{LANE}.0")]
        assert given.counts(store, LANE) == {State.QUEUED: 1}

    def test_a_key_with_another_body_is_a_conflict(self, store: Store) -> None:
        given.notifications(store)
        enqueue(store, given.message("Code 0"), given.message("Code 1", key="order-1"))
        assert enqueue(store, given.message("Code 2", key="order-1")) == [
            (Taken.CONFLICT, f"{LANE}.1")
        ]
        assert given.counts(store, LANE) == {State.QUEUED: 2}

    def test_a_key_holds_within_one_call(self, store: Store) -> None:
        given.notifications(store)
        first, second = given.message("Code 1", key="a"), given.message("Code 2", key="b")
        assert enqueue(store, first, given.message("Code 3"), first, second, second) == [
            (Taken.NEW, f"{LANE}.0"),
            (Taken.NEW, f"{LANE}.1"),
            (Taken.DUPLICATE, f"{LANE}.0"),
            (Taken.NEW, f"{LANE}.2"),
            (Taken.DUPLICATE, f"{LANE}.2"),
        ]
        assert given.indexes(given.claim(store, LANE).jobs) == [0, 1, 2]

    def test_messages_without_a_key_are_never_the_same(self, store: Store) -> None:
        given.notifications(store)
        message = given.message("Code 1")
        assert enqueue(store, message, message) == [
            (Taken.NEW, f"{LANE}.0"),
            (Taken.NEW, f"{LANE}.1"),
        ]

    def test_yesterdays_key_is_known(self, store: Store) -> None:
        given.notifications(store)
        message = given.message("Code 1", key="order-1")
        enqueue(store, message)
        days_pass(store, 1)
        assert enqueue(store, message) == [(Taken.DUPLICATE, f"{LANE}.0")]

    def test_the_key_of_the_day_before_is_forgotten(self, store: Store) -> None:
        given.notifications(store)
        message = given.message("Code 1", key="order-1")
        enqueue(store, message)
        days_pass(store, 2)
        assert enqueue(store, message) == [(Taken.NEW, f"{LANE}.1")]

    @pytest.mark.parametrize("other", [TOMORROW, LESS_URGENT])
    def test_keys_reach_over_midnight_and_over_priorities(self, store: Store, other: str) -> None:
        given.notifications(store)
        given.notifications(store, other)
        message = given.message("Code 1", key="order-1")
        enqueue(store, message)
        assert enqueue(store, message, lane=other) == [(Taken.DUPLICATE, f"{LANE}.0")]
        assert find_lane(store, other).next_index == 0

    def test_keys_of_another_sub_account_are_its_own(self, store: Store) -> None:
        given.notifications(store)
        other = given.notifications(store, "n-d4e5f6-u250615")
        message = given.message("Code 1", key="order-1")
        enqueue(store, message)
        assert enqueue(store, message, lane=other) == [(Taken.NEW, f"{other}.0")]

    def test_keys_do_not_stay_for_ever(self, store: Store) -> None:
        given.notifications(store)
        enqueue(store, given.message("Code 1", key="order-1"))
        (bucket,) = store.client.keys("sm:{n-a1b2c3}:seen:*")
        assert 86_400 < store.client.ttl(bucket) <= 2 * 86_400

    def test_a_bucket_expires_two_days_after_its_first_key(self, store: Store) -> None:
        given.notifications(store)
        enqueue(store, given.message("Code 1", key="order-1"))
        (bucket,) = store.client.keys("sm:{n-a1b2c3}:seen:*")
        store.client.expire(bucket, 86_500)
        enqueue(store, given.message("Code 2", key="order-2"))
        assert store.client.keys("sm:{n-a1b2c3}:seen:*") == [bucket]
        assert store.client.hlen(bucket) == 2
        assert store.client.ttl(bucket) <= 86_500  # that day and the next are over by then

    def test_nothing_but_known_keys_leaves_the_queue_as_it_is(self, store: Store) -> None:
        given.notifications(store)
        enqueue(store, given.message("Code 1", key="a"))
        before = find_lane(store, LANE)
        enqueue(store, given.message("Code 1", key="a"))
        assert find_lane(store, LANE) == before
        assert store.client.llen(f"sm:{{n-a1b2c3}}{LANE[8:]}:queue") == 1

    def test_far_more_than_a_thousand_messages_are_answered_one_by_one(self, store: Store) -> None:
        given.notifications(store)
        answers = enqueue(store, *[given.message("Code")] * 8200)
        assert answers is not None
        assert len(answers) == 8200
        assert answers[-1] == (Taken.NEW, f"{LANE}.8199")
        assert given.counts(store, LANE) == {State.QUEUED: 8200}

    def test_a_lane_that_was_never_opened_takes_nothing(self, store: Store) -> None:
        assert enqueue(store, given.message("Code 1", key="a")) is None
        assert store.client.keys("*") == []

    @pytest.mark.parametrize("action", ["close", "cancel"])
    def test_a_lane_that_is_closed_takes_nothing(self, store: Store, action: str) -> None:
        given.notifications(store)
        store.run(move_lane(LANE, action))
        assert enqueue(store, given.message("Code 1", key="a")) is None

    def test_a_campaign_takes_no_single_messages(self, store: Store) -> None:
        lane = given.campaign(store)
        assert enqueue(store, given.message("Code 1"), lane=lane) is None

    def test_a_paused_lane_keeps_what_comes(self, store: Store) -> None:
        given.notifications(store)
        store.run(move_lane(LANE, "pause"))
        assert enqueue(store, given.message("Code 1")) == [(Taken.NEW, f"{LANE}.0")]
        assert given.claim(store, LANE).status is LaneStatus.PAUSED

    def test_among_a_call_only_what_is_new_gets_an_index(self, store: Store) -> None:
        given.notifications(store)
        first, second = given.message("Code 1", key="a"), given.message("Code 2", key="b")
        enqueue(store, first)
        changed = given.message("Code 9", key="a")
        answers = enqueue(
            store, given.message("Code 0"), changed, second, first, given.message("x")
        )
        assert answers == [
            (Taken.NEW, f"{LANE}.1"),
            (Taken.CONFLICT, f"{LANE}.0"),
            (Taken.NEW, f"{LANE}.2"),
            (Taken.DUPLICATE, f"{LANE}.0"),
            (Taken.NEW, f"{LANE}.3"),
        ]
        assert given.balanced(store, LANE)

    @pytest.mark.parametrize("key", [b"too short", b"x" * 17])
    def test_digests_of_another_size_are_refused(self, key: bytes) -> None:
        with pytest.raises(ValueError, match="16 and 8 bytes"):
            enqueue_messages(LANE, [NewMessage(b"447700900001\t{}", key, b"12345678")])

    def test_a_message_is_one_line(self) -> None:
        with pytest.raises(ValueError, match="one line"):
            enqueue_messages(LANE, [NewMessage(b"447700820001\t{\n}", b"", b"body")])

    def test_keys_of_today_and_yesterday_are_found(self, store: Store) -> None:
        given.notifications(store)
        other = given.notifications(store, "n-d4e5f6-u250615")
        messages = [given.message(f"Code {n}", key=f"order-{n}") for n in range(3)]
        enqueue(store, messages[0])
        days_pass(store, 1)
        enqueue(store, messages[1])
        today = int(time.time()) // 86_400
        digests = [one.key_digest for one in messages]
        found = store.run(find_keys(LESS_URGENT, digests, day=today))
        assert found == [f"{LANE}.0", f"{LANE}.1", ""]
        assert store.run(find_keys(LANE, digests, day=today + 1)) == ["", f"{LANE}.1", ""]
        assert store.run(find_keys(other, digests, day=today)) == [""] * 3


def tagged(tag: str, text: str = "Code 1", key: str = "") -> NewMessage:
    return given.message(text, key)._replace(tag=tag)


def tags_of(store: Store, n: int) -> list[str]:
    tags = LaneTags(store, LANE)
    return [tags.of(index) for index in range(n)]


class TestTags:
    def test_each_message_has_its_own(self, store: Store) -> None:
        given.notifications(store)
        enqueue(store, given.message("no tag"))
        assert not store.client.exists(lane_keys(LANE).tags, lane_keys(LANE).tagged)
        enqueue(store, tagged("code", key="a"), given.message("none"), later(3600, "later"))
        mixed = [tagged("news"), tagged("code", key="a"), later(3600)._replace(tag="code")]
        answers = enqueue(store, *mixed)
        assert answers is not None
        assert [how for how, _ in answers] == [Taken.NEW, Taken.DUPLICATE, Taken.NEW]
        assert tags_of(store, 7) == ["", "code", "", "", "news", "code", ""]
        assert store.run(has_tag(LANE, "news"))
        assert not store.run(has_tag(LANE, "other"))
        assert given.balanced(store, LANE)

    def test_they_are_found_behind_the_first_thousand(self, store: Store) -> None:
        given.notifications(store)
        enqueue(store, *[given.message("x")] * 998)
        enqueue(store, *[tagged(f"t{i}") for i in range(5)])
        assert tags_of(store, 1004)[997:] == ["", "t0", "t1", "t2", "t3", "t4", ""]
        assert LaneTags(store, LANE).of(5_000_000) == ""

    def test_one_too_many_is_refused_and_leaves_nothing(self, store: Store) -> None:
        given.notifications(store)
        enqueue(store, *[tagged(f"t{i}") for i in range(MOST_TAGS - 1)])
        enqueue(store, tagged("t5", key="known"))
        answers = enqueue(
            store,
            tagged("last"), tagged("more", key="a"), tagged("t7", "seventh"), tagged("more"),
            tagged("more", key="known"), given.message("none"),
        )  # fmt: skip
        assert answers == [
            (Taken.NEW, f"{LANE}.100"),
            (Taken.TAG_REFUSED, ""),
            (Taken.NEW, f"{LANE}.101"),
            (Taken.TAG_REFUSED, ""),
            (Taken.DUPLICATE, f"{LANE}.99"),
            (Taken.NEW, f"{LANE}.102"),
        ]
        assert tags_of(store, 103)[98:] == ["t98", "t5", "last", "t7", ""]
        assert store.client.hlen(lane_keys(LANE).tags) == MOST_TAGS
        assert given.balanced(store, LANE)
        again = tagged("t1", key="a")
        assert enqueue(store, again) == [(Taken.NEW, f"{LANE}.103")]

    def test_a_lane_has_its_own(self, store: Store) -> None:
        given.notifications(store)
        given.notifications(store, TOMORROW)
        enqueue(store, tagged("code"))
        enqueue(store, tagged("news"), lane=TOMORROW)
        assert tags_of(store, 1) == ["code"]
        assert LaneTags(store, TOMORROW).of(0) == "news"


def later(seconds: float, text: str = "Code 1", key: str = "") -> NewMessage:
    """A message that waits."""
    return given.message(text, key)._replace(due_ms=int((time.time() + seconds) * 1000))


def retries(store: Store) -> list[str]:
    """The retry batches of the lane, the next one first."""
    found = store.run(command("ZRANGE", lane_keys(LANE).retries, 0, -1, parse=list[bytes]))
    return [retry.decode() for retry in found]


class TestScheduledMessages:
    def test_it_is_delayed_until_its_time(self, store: Store) -> None:
        given.notifications(store)
        assert enqueue(store, later(3600)) == [(Taken.NEW, f"{LANE}.0")]
        assert given.counts(store, LANE) == {State.DELAYED: 1}
        assert given.claim(store, LANE).jobs == []
        promoted, wait = store.run(promote_due(LANE))
        assert promoted == 0
        assert 3_590_000 < wait <= 3_601_000
        assert given.balanced(store, LANE)

    def test_when_its_time_has_come_it_goes_like_any_other(self, store: Store) -> None:
        given.notifications(store)
        enqueue(store, later(3600))
        given.retry_is_due(store, LANE, retries(store)[0])
        assert store.run(promote_due(LANE)) == (1, -1)
        (job,) = given.claim(store, LANE).jobs
        assert job == Job(0, 0, given.message("Code 1").line)
        assert given.balanced(store, LANE)

    def test_it_may_come_among_others_that_go_at_once(self, store: Store) -> None:
        given.notifications(store)
        mixed = [given.message("a"), later(60, "b"), given.message("c"), later(9000, "d")]
        assert enqueue(store, *mixed) == [(Taken.NEW, f"{LANE}.{i}") for i in range(4)]
        assert given.counts(store, LANE) == {State.QUEUED: 2, State.DELAYED: 2}
        jobs = given.claim(store, LANE).jobs
        assert [(job.index, job.line) for job in jobs] == [(0, mixed[0].line), (2, mixed[2].line)]
        first, second = retries(store)
        assert first != second
        assert scheduled_for(store, LANE, 1) == (int(first.split("-")[0]) * 1000, None)
        assert scheduled_for(store, LANE, 3) == (int(second.split("-")[0]) * 1000, None)
        assert scheduled_for(store, LANE, 0) is None
        given.retry_is_due(store, LANE, first)
        assert store.run(promote_due(LANE))[0] == 1
        assert given.balanced(store, LANE)

    def test_those_of_one_second_share_a_retry(self, store: Store) -> None:
        given.notifications(store)
        for name in ("a", "b"):
            enqueue(store, later(3600, name))
        enqueue(store, *[later(3600, "c"), later(3600, "d")])
        assert len(retries(store)) <= 2  # the clock may have gone on
        for retry in retries(store):
            given.retry_is_due(store, LANE, retry)
        assert store.run(promote_due(LANE)) == (4, -1)
        assert sorted(given.indexes(given.claim(store, LANE).jobs)) == [0, 1, 2, 3]
        assert given.balanced(store, LANE)

    def test_a_retry_never_holds_more_than_a_stretch(self, store: Store) -> None:
        given.notifications(store)
        for _ in range(3):
            enqueue(store, *[later(3600)] * 900)
        sizes = [
            count(store.run(command("GET", lane_keys(LANE).retry(retry), parse=bytes)))
            for retry in retries(store)
        ]
        assert sum(sizes) == 2700
        assert max(sizes) <= STRETCH

    def test_a_time_that_is_over_is_no_delay(self, store: Store) -> None:
        given.notifications(store)
        enqueue(store, later(-5))
        assert given.counts(store, LANE) == {State.QUEUED: 1}

    def test_its_key_holds_like_any_other(self, store: Store) -> None:
        given.notifications(store)
        assert enqueue(store, later(3600, key="a"), given.message("Code 1", key="a")) == [
            (Taken.NEW, f"{LANE}.0"),
            (Taken.DUPLICATE, f"{LANE}.0"),
        ]
        assert given.counts(store, LANE) == {State.DELAYED: 1}

    def test_a_lane_that_closes_waits_for_it(self, store: Store) -> None:
        given.notifications(store)
        enqueue(store, later(3600))
        assert store.run(move_lane(LANE, "close")) == (True, LaneStatus.SENDING)
        given.retry_is_due(store, LANE, retries(store)[0])
        store.run(promote_due(LANE))
        claim = given.claim(store, LANE)
        assert given.settle(store, LANE, claim, given.ended(State.ACCEPTED, claim.jobs)).status is (
            LaneStatus.FINISHED
        )

    def test_it_is_cancelled_with_its_lane(self, store: Store) -> None:
        given.notifications(store)
        enqueue(store, later(3600))
        store.run(move_lane(LANE, "cancel"))
        assert store.run(promote_due(LANE)) == (1, -1)
        assert given.counts(store, LANE) == {State.QUEUED: 1}
