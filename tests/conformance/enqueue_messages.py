"""enqueue_messages: single messages and their idempotency keys."""

import pytest

from store.calls import Store, command
from store.intake import NewMessage, Taken, enqueue_messages
from store.lanes import LaneStatus, find_lane, move_lane
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

    def test_a_message_is_one_line(self) -> None:
        with pytest.raises(ValueError, match="one line"):
            enqueue_messages(LANE, [NewMessage(b"447700820001\t{\n}", b"", b"body")])
