"""cancel_message: a message that waits ends as cancelled, wherever it waits; one being sent goes on."""

import pytest

from store.access.audit import read_audit
from store.client import Store, command
from store.keys import lane_keys
from store.lanes.lane import LaneStatus, find_lane
from store.people.marketing_cap import Cap, read_counted, reserve
from store.queue.cancel import cancel_message
from store.queue.enqueue import NewMessage, enqueue_messages
from store.queue.settlement import InDoubtBatch, RetryBatch, Settlement
from store.records.outcome import LocalReason, Origin
from store.reports.lane_report import message_report, report
from store.reports.waiting import now_ms
from store.states import State
from tests.conformance import given


def state_of(store: Store, lane: str, index: int) -> State | None:
    outcome = message_report(store, f"{lane}.{index}").outcome
    return outcome.state if outcome else None


def cancel(store: Store, lane: str, index: int) -> bool:
    return cancel_message(store, find_lane(store, lane), index, given.NOW)


class TestCancelMessage:
    def test_a_message_in_the_queue_of_a_campaign(self, store: Store) -> None:
        lane = given.loaded(store, 2500)
        assert cancel(store, lane, 1700)
        assert given.counts(store, lane) == {State.QUEUED: 2499, State.CANCELLED: 1}
        assert given.balanced(store, lane)
        found = message_report(store, f"{lane}.1700")
        assert found.outcome is not None
        assert (found.outcome.state, found.outcome.number) == (State.CANCELLED, "447700901700")
        assert (found.outcome.origin, found.outcome.code) == (Origin.LOCAL, LocalReason.OPERATOR)
        assert not cancel(store, lane, 1700)
        claimed = given.claim(store, lane, most=2500)
        assert 1700 not in given.indexes(claimed.jobs)
        assert len(claimed.jobs) == 2499

    @pytest.mark.parametrize("who", [b"447700900001", b"GB.1349120865530274", b"0123"])
    def test_a_single_message_with_its_recipient(self, store: Store, who: bytes) -> None:
        lane = given.notifications(store)
        store.run(enqueue_messages(lane, [NewMessage(who + b"\t{}", b"", b"")]))
        assert cancel(store, lane, 0)
        assert given.counts(store, lane) == {State.CANCELLED: 1}
        assert message_report(store, f"{lane}.0").recipient == who.decode()
        assert not store.run(command("EXISTS", lane_keys(lane).queue, parse=int))

    def test_a_scheduled_message(self, store: Store) -> None:
        lane = given.notifications(store)
        later = store.run(now_ms()) + 60_000
        texts = [given.message(f"text {n}")._replace(due_ms=later) for n in range(3)]
        store.run(enqueue_messages(lane, texts))
        assert cancel(store, lane, 1)
        assert given.counts(store, lane) == {State.DELAYED: 2, State.CANCELLED: 1}
        assert given.balanced(store, lane)

    def test_one_that_waits_for_a_retry_keeps_its_doubt(self, store: Store) -> None:
        lane, claim = given.claimed_batch(store, 2)
        tried = [job.tried(may_have_arrived=True) for job in claim.jobs]
        what = Settlement(counts={State.DELAYED: 2}, retries=[RetryBatch("b1r", 60_000, tried)])
        given.settle(store, lane, claim, what)
        assert cancel(store, lane, 0)
        found = message_report(store, f"{lane}.0").outcome
        assert found is not None
        assert (found.state, found.attempts, found.doubt != "") == (State.CANCELLED, 1, True)
        assert given.balanced(store, lane)

    def test_one_in_flight_in_doubt_or_ended_goes_on(self, store: Store) -> None:
        lane, claim = given.claimed_batch(store, 3)
        assert not cancel(store, lane, 1)
        what = given.ended(State.ACCEPTED, claim.jobs[:1])
        what.in_doubt_batches = [InDoubtBatch("b1p", 0, claim.jobs[1:])]
        what.counts[State.IN_DOUBT] = 2
        given.settle(store, lane, claim, what)
        before = given.counts(store, lane)
        assert not any(cancel(store, lane, index) for index in range(4))
        assert given.counts(store, lane) == before

    def test_the_last_one_ends_its_campaign(self, store: Store) -> None:
        lane = given.loaded(store, 1)
        assert cancel(store, lane, 0)
        assert report(store, lane).lane.status is LaneStatus.FINISHED

    def test_of_two_that_cancel_at_once_one_does(self, store: Store) -> None:
        lane = given.loaded(store, 5)
        assert [cancel(store, lane, 2) for _ in range(2)] == [True, False]
        assert given.counts(store, lane)[State.CANCELLED] == 1

    @pytest.mark.parametrize(("may_have_arrived", "counts"), [(False, 0), (True, 1)])
    def test_its_place_under_the_cap_is_free_unless_an_attempt_may_have_arrived(
        self, store: Store, may_have_arrived: bool, counts: int
    ) -> None:
        lane, claim = given.claimed_batch(store, 1)
        for call in reserve(find_lane(store, lane), Cap(1, 60), claim.jobs):
            store.run(call)
        tried = [job.tried(may_have_arrived=may_have_arrived) for job in claim.jobs]
        what = Settlement(counts={State.DELAYED: 1}, retries=[RetryBatch("b1r", 60_000, tried)])
        given.settle(store, lane, claim, what)
        assert cancel(store, lane, 0)
        counted = [store.run(call) for call in read_counted("shop", "447700900000")]
        assert sum(map(len, counted)) == counts

    def test_of_a_campaign_it_is_in_the_audit_trail(self, store: Store) -> None:
        lane = given.loaded(store, 2)
        cancel(store, lane, 1)
        noted = next(read_audit(store))
        assert (noted.act, noted.object) == ("message.cancel", f"{lane}.1")
