"""Every message of a lane once, and what it waits for."""

import pytest

from store.client import Store
from store.lanes.lane import find_lane, finish_loading
from store.lanes.open import CampaignPlan, open_campaign
from store.limits.rate_limit import pause_sub_account
from store.queue.enqueue import Place, enqueue_rows
from store.queue.settlement import RetryBatch, Settlement, claim_batch, settle_batch
from store.records.job_section import Job
from store.records.outcome import NO_UMID, Origin, head, number_field, runs
from store.reports.messages import find_waiting, list_messages
from store.reports.waiting import waiting
from store.states import State

LINES = [b"447700900%03d" % index for index in range(5)]


@pytest.fixture
def lane(store: Store) -> str:
    """Five people: one accepted, one tried, three queued."""
    lane, _ = open_campaign(store, CampaignPlan("Spring", "Shop", b"c", "digest", "file"))
    store.run(enqueue_rows(lane, Place(), Place(100, 5, 5), LINES, 0))
    store.run(finish_loading(lane))
    claim = store.run(
        claim_batch(lane, "b1", owner="me", most=2, most_bytes=10_000, lease_ms=60_000)
    )
    first, second = claim.jobs
    store.run(settle_batch(lane, "b1", 2, "me", _outcomes(first, second)))
    return lane


def _outcomes(first: Job, second: Job) -> Settlement:
    accepted = head(State.ACCEPTED, 1, Origin.NONE, 0, 1_700_000_000, 1_700_000_001)
    tried = head(State.TRIED, 1, Origin.API, 2000, 1_700_000_000, 1_700_000_001)
    what = Settlement(
        records=runs(
            [
                (first.index, accepted + number_field(first.recipient) + NO_UMID),
                (second.index, tried + number_field(second.recipient) + NO_UMID),
            ]
        ),
        retries=[RetryBatch("b1", 60_000, [Job(second.index, 1, second.line)])],
    )
    what.add(State.ACCEPTED, 1)
    what.add(State.DELAYED, 1)
    return what


def test_every_message_is_listed_once_those_that_ended_first(store: Store, lane: str) -> None:
    listed = list(list_messages(store, lane))
    assert [one.index for one in listed] == [0, 2, 3, 4, 1]
    assert listed[0].recipient == "447700900000"
    assert [one.state for one in listed] == [State.ACCEPTED, *[State.QUEUED] * 3, State.DELAYED]


def test_a_message_that_waits_for_a_retry_brings_the_code_of_its_last_attempt(
    store: Store, lane: str
) -> None:
    delayed = list(list_messages(store, lane))[-1]
    assert delayed.attempts == 1
    assert delayed.record is not None
    assert delayed.record.code == 2000


def test_a_message_that_is_nowhere_is_listed_without_a_state(store: Store, lane: str) -> None:
    store.client.delete(f"sm:{{{lane}}}:queue")
    assert [one.index for one in list_messages(store, lane) if one.state is None] == [2, 3, 4]


def test_a_lane_that_is_not_there_has_no_messages(store: Store) -> None:
    assert list(list_messages(store, "gone")) == []


def test_a_waiting_message_is_found_with_its_state(store: Store, lane: str) -> None:
    found = find_waiting(store, lane, 1)
    assert found is not None
    assert (found[0], found[1].recipient) == (State.DELAYED, LINES[1])
    assert find_waiting(store, lane, 0) is None


def test_what_a_lane_waits_for_has_times(store: Store, lane: str) -> None:
    spring = find_lane(store, lane)
    before = waiting(store, spring)
    assert (before.loops, before.blocked_until, before.next_decision) == (0, None, None)
    assert before.next_retry is not None
    assert 0 < before.next_retry - before.now <= 60_000
    store.run(pause_sub_account("Shop", 5))
    after = waiting(store, spring)
    assert after.blocked_until is not None
    assert 0 < after.blocked_until - after.now <= 5_000
