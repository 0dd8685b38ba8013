"""Enqueueing single messages: checked, keyed, stored."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chatapps.messages import MessageError
from config.sections import SettingsError
from config.settings import Settings
from producer import BadPurpose, BadTag, Item, KeyConflict, Priority, Producer, Purpose
from store.client import Store
from store.lanes.lane import Lane, list_lanes, move_lane, read_counts
from store.queue.enqueue import Taken
from store.reports.lane_report import waiting_jobs
from store.states import State
from store.templates import keep_registry

OTP = {"user": {"msisdn": "+447700900001"}, "type": "text", "content": {"text": "Code 90441"}}
OTHER = {"user": {"msisdn": "+447700900001"}, "type": "text", "content": {"text": "Code 11111"}}


class Calendar:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def calendar() -> Calendar:
    return Calendar()


@pytest.fixture
def wakes() -> list[str]:
    return []


@pytest.fixture
def producer(store: Store, settings: Settings, calendar: Calendar, wakes: list[str]) -> Producer:
    return Producer(store, settings, lambda: wakes.append("drain"), calendar)


def only_lane(store: Store) -> Lane:
    (lane,) = list_lanes(store)
    return lane


def test_a_message_is_stored_and_a_worker_is_woken(
    producer: Producer, store: Store, wakes: list[str]
) -> None:
    enqueued = producer.enqueue(OTP, sub_account="Shop")
    lane = only_lane(store)
    assert enqueued.id == f"{lane.id}.0"
    assert enqueued.taken is Taken.NEW
    assert store.run(read_counts(lane.id)) == {State.QUEUED: 1}
    ((state, job),) = waiting_jobs(store, lane.id)
    assert state is State.QUEUED
    assert job.recipient == b"447700900001"
    assert wakes == ["drain"]


def test_the_same_key_and_body_answer_the_first_id(producer: Producer, store: Store) -> None:
    first = producer.enqueue(OTP, key="order-1", sub_account="Shop")
    again = producer.enqueue(OTP, key="order-1", sub_account="Shop")
    assert again.id == first.id
    assert again.taken is Taken.DUPLICATE
    assert only_lane(store).next_index == 1


def test_the_same_key_with_another_body_is_a_conflict(producer: Producer) -> None:
    first = producer.enqueue(OTP, key="order-1", sub_account="Shop")
    with pytest.raises(KeyConflict, match=first.id):
        producer.enqueue(OTHER, key="order-1", sub_account="Shop")


def test_keys_reach_over_priorities_but_not_over_sub_accounts(producer: Producer) -> None:
    first = producer.enqueue(OTP, key="k", sub_account="Shop", priority=Priority.BULK)
    urgent = producer.enqueue(OTP, key="k", sub_account="Shop", priority=Priority.URGENT)
    elsewhere = producer.enqueue(OTP, key="k", sub_account="Bank")
    assert urgent.id == first.id
    assert elsewhere.taken is Taken.NEW


def test_without_a_key_everything_goes_in(producer: Producer, store: Store) -> None:
    answers = producer.enqueue_many([Item(OTP), Item(OTP)], sub_account="Shop")
    assert [answer.taken for answer in answers] == [Taken.NEW, Taken.NEW]
    assert only_lane(store).next_index == 2


def test_more_than_a_group_goes_in_in_order(producer: Producer, store: Store) -> None:
    answers = producer.enqueue_many([Item(OTP, f"k{i}") for i in range(1234)], sub_account="Shop")
    assert [int(answer.id.rsplit(".", 1)[1]) for answer in answers] == list(range(1234))
    assert store.run(read_counts(only_lane(store).id)) == {State.QUEUED: 1234}


def test_a_bad_message_stops_the_whole_list_before_anything_is_stored(
    producer: Producer, store: Store
) -> None:
    bad: dict[str, Any] = {"user": {"msisdn": "+447700900001"}, "type": "text", "content": {}}
    with pytest.raises(MessageError, match=r"content\.text"):
        producer.enqueue_many([Item(OTP), Item(bad)], sub_account="Shop")
    assert list_lanes(store) == []


def test_our_own_ids_cannot_be_given(producer: Producer) -> None:
    with pytest.raises(MessageError, match="clientMessageId"):
        producer.enqueue({**OTP, "clientMessageId": "mine"}, sub_account="Shop")


def test_an_unclear_sub_account_is_an_error(producer: Producer) -> None:
    with pytest.raises(SettingsError, match="--sub-account"):
        producer.enqueue(OTP)


def test_a_new_day_has_a_new_lane(producer: Producer, store: Store, calendar: Calendar) -> None:
    first = producer.enqueue(OTP, sub_account="Shop")
    calendar.now = calendar.now.replace(year=calendar.now.year + 1)
    second = producer.enqueue(OTP, sub_account="Shop")
    assert first.id != second.id
    assert len(list_lanes(store)) == 2


def test_people_without_a_plain_number_keep_their_id(producer: Producer, store: Store) -> None:
    user = {"msisdn": "07700900001", "country": "GB"}
    producer.enqueue({**OTP, "user": user}, sub_account="Shop")
    ((_, job),) = waiting_jobs(store, only_lane(store).id)
    assert job.recipient == b"GB:07700900001"


def test_a_producer_whose_clock_is_a_day_late_uses_the_lane_of_redis_day(
    producer: Producer, store: Store, calendar: Calendar
) -> None:
    calendar.now -= timedelta(days=1)
    first = producer.enqueue(OTP, sub_account="Shop").id.split(".")[0]
    store.run(move_lane(first, "close"))
    second = producer.enqueue(OTP, sub_account="Shop").id.split(".")[0]
    assert second[-6:] == datetime.now(UTC).strftime("%y%m%d") != first[-6:]


def test_the_lane_of_yesterday_takes_messages_until_it_is_closed(
    producer: Producer, store: Store, calendar: Calendar
) -> None:
    calendar.now -= timedelta(days=1)
    lanes = {producer.enqueue(OTP, sub_account="Shop").id.split(".")[0] for _ in range(2)}
    assert len(lanes) == 1
    store.run(move_lane(lanes.pop(), "close"))
    calendar.now += timedelta(days=1)
    assert producer.enqueue(OTP, sub_account="Shop").taken is Taken.NEW


CODE = {**OTP, "type": "template", "content": {"template": {"name": "otp", "language": "en"}}}


def test_authentication_is_held_against_the_registry_of_the_sub_account(
    producer: Producer, store: Store, calendar: Calendar
) -> None:
    def enqueue() -> None:
        producer.enqueue(CODE, sub_account="Shop", purpose=Purpose.AUTHENTICATION)

    with pytest.raises(BadPurpose, match="not known to be registered"):
        enqueue()
    assert list_lanes(store) == []
    store.run(keep_registry("Shop", {"otp:en": Purpose.AUTHENTICATION}))
    calendar.now += timedelta(seconds=61)  # it is read once a minute
    enqueue()
    store.run(keep_registry("Shop", {}))
    enqueue()
    assert store.run(read_counts(only_lane(store).id)) == {State.QUEUED: 2}


def test_the_hundred_and_first_tag_of_a_day_is_refused(producer: Producer, store: Store) -> None:
    items = [Item(OTP, tag=f"t{n}") for n in range(100)]
    producer.enqueue_many(items, sub_account="Shop")
    with pytest.raises(BadTag, match="100 other tags of this priority today"):
        producer.enqueue(OTP, sub_account="Shop", tag="more")
    producer.enqueue(OTP, sub_account="Shop", tag="t7")
    assert store.run(read_counts(only_lane(store).id)) == {State.QUEUED: 101}
