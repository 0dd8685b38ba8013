"""settle_batch, release_put_off, read_due: messages that wait for the hours of their people."""

from store.client import Store, command
from store.keys import lane_keys
from store.lanes.due import read_due
from store.lanes.lane import find_lane
from store.people.quiet_hours import LiveHours, change_quiet_hours, read_live_hours
from store.queue.settlement import (
    PutOff,
    Settlement,
    WaitCause,
    promote_due,
    put_off,
    release_put_off,
)
from store.records.job_section import unpack
from store.reports.lane_report import report
from store.reports.waiting import read_put_off, scheduled_for
from store.states import State
from tests.conformance import given

DUE = 4_000_000_000
"""s since 1970."""


def settle(
    store: Store, lane: str, n: int, rules: int = 1, batch: str = "b1", due: int = DUE
) -> str:
    """Claim n messages and put them off; returns the verdict."""
    claim = given.claim(store, lane, batch, most=n)
    what = Settlement(retries=put_off([PutOff(job, due) for job in claim.jobs], rules))
    what.add(State.DELAYED, len(claim.jobs))
    return given.settle(store, lane, claim, what, batch=batch).verdict


def waiting(store: Store, lane: str) -> dict[str, list[int]]:
    """Indexes of the messages in each retry batch, in the order of their times."""
    keys = lane_keys(lane)
    names = store.run(command("ZRANGE", keys.retries, 0, -1, parse=list))
    found = dict[str, list[int]]()
    for name in map(bytes.decode, names):
        jobs = store.run(command("GET", keys.retry(name), parse=unpack))
        found[name] = [job.index for job in jobs]
    return found


class TestPutOff:
    def test_messages_of_a_thousand_that_go_at_the_same_time_wait_together(
        self, store: Store
    ) -> None:
        lane = given.loaded(store, 1004)
        for n, batch in ((4, "b1"), (1000, "b2")):
            assert settle(store, lane, n, batch=batch) == "ok"
        found = waiting(store, lane)
        assert found == {f"q{DUE}-1-0": [*range(1000)], f"q{DUE}-1-1": [*range(1000, 1004)]}
        assert report(store, lane).counts == {State.DELAYED: 1004}
        assert store.run(read_put_off(lane)) == {WaitCause.HOURS: (DUE * 1000, DUE * 1000)}
        assert scheduled_for(store, lane, 3) == (DUE * 1000, WaitCause.HOURS)

    def test_a_repeat_puts_nothing_off_twice(self, store: Store) -> None:
        lane = given.loaded(store, 4)
        claim = given.claim(store, lane)
        what = Settlement(
            {State.DELAYED: 4}, retries=put_off([PutOff(j, DUE) for j in claim.jobs], 1)
        )
        for verdict in ("ok", "repeat"):
            assert given.settle(store, lane, claim, what).verdict == verdict
        assert waiting(store, lane) == {f"q{DUE}-1-0": [0, 1, 2, 3]}

    def test_they_were_not_posted_so_a_receipt_of_their_batch_puts_none_in_doubt(
        self, store: Store
    ) -> None:
        lane = given.loaded(store, 4)
        store.client.hset(lane_keys(lane).claimed_batch("b1"), "held", 1)
        claim = given.claim(store, lane)
        store.client.hset(lane_keys(lane).claimed_batch("b1"), "held", 1)
        what = Settlement(
            {State.DELAYED: 4}, retries=put_off([PutOff(j, DUE) for j in claim.jobs], 1)
        )
        given.settle(store, lane, claim, what)
        assert report(store, lane).counts == {State.DELAYED: 4}

    def test_other_hours_make_them_due_and_the_same_hours_do_not(self, store: Store) -> None:
        lane = given.loaded(store, 4)
        settle(store, lane, 4)
        assert not store.run(read_due(lane, 0, rules=1)).due
        assert store.run(read_due(lane, 0, rules=2)).due
        assert store.run(release_put_off(lane, 1)) == 0
        assert store.run(release_put_off(lane, 2)) == 1
        assert store.run(promote_due(lane)) == (4, -1)
        assert report(store, lane).counts == {State.QUEUED: 4}
        assert not store.run(read_due(lane, 0, rules=2)).due

    def test_those_that_a_slow_worker_put_off_by_earlier_hours_are_found_beside_others(
        self, store: Store
    ) -> None:
        lane = given.loaded(store, 4)
        settle(store, lane, 2, rules=2)
        settle(store, lane, 2, rules=1, batch="b2")
        assert find_lane(store, lane).hours_revision == "mixed"
        assert store.run(read_due(lane, 0, rules=2)).due
        assert store.run(release_put_off(lane, 2)) == 1
        assert store.run(promote_due(lane))[0] == 2
        assert waiting(store, lane) == {f"q{DUE}-2-0": [0, 1]}
        assert not store.run(read_due(lane, 0, rules=2)).due
        assert store.run(read_due(lane, 0, rules=3)).due, "those beside them are found next time"
        assert store.run(release_put_off(lane, 3)) == 1
        assert find_lane(store, lane).hours_revision == ""


class TestChangeQuietHours:
    def test_changes_add_up_and_are_taken_back(self, store: Store) -> None:
        assert store.run(read_live_hours()) == LiveHours()
        store.run(change_quiet_hours(True, {"FR": "always"}))
        now = store.run(change_quiet_hours(None, {"GB": "08:00-09:00"}, keep_switch=True))
        assert now == LiveHours(True, {"FR": "always", "GB": "08:00-09:00"}, 2)
        assert store.run(change_quiet_hours(None, {"FR": None})) == LiveHours(
            None, {"GB": "08:00-09:00"}, 3
        )
        assert store.run(read_live_hours()).revision == 3
