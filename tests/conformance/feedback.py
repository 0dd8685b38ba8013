"""People who replied or opted out are counted once, by a bit in the record of their message."""

from store.client import Store
from store.keys import lane_keys
from store.people.erase import erase_records
from store.receipts.feedback import count_feedback
from store.receipts.status_updates import StatusUpdate, apply_status_updates
from store.records.outcome import Feedback
from store.reports.lane_report import message_report, report
from store.states import State
from tests.conformance import given

BOTH = (Feedback.REPLIED, Feedback.OPTED_OUT)


def accepted(store: Store, n: int) -> str:
    lane = given.loaded(store, n)
    claim = given.claim(store, lane)
    given.settle(store, lane, claim, given.ended(State.ACCEPTED, claim.jobs))
    return lane


def people(store: Store, lane: str) -> list[int]:
    """People who replied, and who opted out."""
    return [report(store, lane).people(one) for one in Feedback]


def test_each_person_counts_once_for_each(store: Store) -> None:
    lane = accepted(store, 3)
    assert store.run(count_feedback(lane, [(0, Feedback.REPLIED), (2, Feedback.OPTED_OUT)])) == 2
    assert store.run(count_feedback(lane, [(0, one) for one in BOTH])) == 1
    assert store.run(count_feedback(lane, [(i, one) for i in (0, 2) for one in BOTH])) == 1
    assert people(store, lane) == [2, 2]


def test_receipts_that_follow_do_not_count_them_again(store: Store) -> None:
    lane = accepted(store, 1)
    store.run(count_feedback(lane, [(0, one) for one in BOTH]))
    store.run(apply_status_updates(lane, [StatusUpdate(0, 1, State.READ, given.NOW + 9)]))
    assert store.run(count_feedback(lane, [(0, one) for one in BOTH])) == 0
    found = message_report(store, f"{lane}.0")
    assert (found.outcome and found.outcome.state, found.recipient) == (State.READ, "447700900000")


def test_a_forgotten_person_and_a_message_without_a_record_count_for_none(store: Store) -> None:
    lane = accepted(store, 2)
    store.run(erase_records(lane_keys(lane), 0, [0], 0))
    assert store.run(count_feedback(lane, [(0, Feedback.REPLIED), (5000, Feedback.REPLIED)])) == 0
    assert people(store, lane) == [0, 0]
    assert not store.client.exists(lane_keys(lane).outcome(5000))


def test_erasing_a_person_who_is_counted_leaves_no_number(store: Store) -> None:
    lane = accepted(store, 1)
    store.run(count_feedback(lane, [(0, one) for one in BOTH]))
    store.run(erase_records(lane_keys(lane), 0, [0], 0))
    found = message_report(store, f"{lane}.0").outcome
    assert found is not None
    assert (found.number, found.umid) == ("", None)
    assert people(store, lane) == [1, 1]
