"""widen_records: what an older program has written of 36 bytes a message becomes what this one reads."""

import struct

import pytest

from store.client import Store
from store.keys import lane_keys
from store.migrations import STEPS
from store.migrations import outcome_records as step
from store.receipts.status_updates import StatusUpdate, apply_status_updates
from store.records.outcome import Origin, umid_field
from store.reports.lane_report import outcomes, report
from store.states import BY_STATE, State
from tests.conformance import given

NARROW = struct.Struct(">cBBHII7s16s")
UMID = "7c1e4a10-0000-4000-8000-000000000001"
EMPTY = bytes(NARROW.size)


def narrow(
    state: State, index: int, code: tuple[Origin, int] = (Origin.NONE, 0), *, early: bool = False
) -> bytes:
    """A record as layout 1 had it."""
    mark = BY_STATE[state].mark
    number = (447700900000 + index).to_bytes(7, "big")
    return NARROW.pack(
        (mark.upper() if early else mark).encode(), 2, *code, given.NOW, given.NOW + 9, number,
        umid_field(UMID),
    )  # fmt: skip


def older_lane(store: Store, records: dict[int, bytes], n: int) -> str:
    """A lane of n messages as the program before left it: those without a record wait."""
    lane = given.loaded(store, n)
    keys = lane_keys(lane)
    for index, record in records.items():
        store.client.setrange(keys.outcome(index), index % 1000 * NARROW.size, record)
    store.client.hdel(keys.meta, "layout")
    return lane


def run(store: Store) -> int:
    """Run the step; how often it paused."""
    backoff: list[None] = []
    step.widen_records(store, lambda: backoff.append(None))
    return len(backoff)


class TestWidenRecords:
    def test_every_record_is_read_as_it_was_written(self, store: Store) -> None:
        ends = {
            0: narrow(State.ACCEPTED, 0),
            2: narrow(State.REJECTED, 2, (Origin.API, 1002)),
            3: narrow(State.DELIVERED, 3, early=True),
            1199: narrow(State.UNCONFIRMED, 1199, (Origin.LOCAL, 2)),
        }
        lane = older_lane(store, ends, 1200)
        run(store)
        found = {one.index: one for one in outcomes(store, lane)}
        assert sorted(found) == [0, 2, 3, 1199]
        one = found[2]
        assert (one.state, one.attempts, one.origin, one.code) == (
            State.REJECTED, 2, Origin.API, 1002,
        )  # fmt: skip
        assert (one.posted_at, one.changed_at) == (given.NOW, given.NOW + 9)
        assert (one.number, one.umid, one.purpose) == ("447700900002", UMID, None)
        assert (found[3].early, found[1199].number) == (True, "447700901199")

    def test_codes_that_had_never_gone_down_agree_with_the_records(self, store: Store) -> None:
        ends = {
            0: narrow(State.DELIVERED, 0),
            1: narrow(State.UNCONFIRMED, 1, (Origin.HTTP, 502)),
            2: narrow(State.UNDELIVERED, 2, (Origin.RECEIPT, 1018)),
            3: narrow(State.UNDELIVERED, 3),
        }
        lane = older_lane(store, ends, 4)
        keys = lane_keys(lane)
        store.client.hset(keys.codes, mapping={"unconfirmed:http:502": 2, "tried:api:2000": 7})
        store.client.delete(keys.queue, keys.counts)
        store.client.hset(keys.counts, mapping={"delivered": 1, "unconfirmed": 1, "undelivered": 2})
        run(store)
        assert report(store, lane).codes == {
            "unconfirmed:http:502": 1,
            "undelivered:receipt:1018": 1,
            "undelivered:receipt:0": 1,
        }
        assert given.balanced(store, lane)
        store.run(apply_status_updates(lane, [StatusUpdate(1, 1, State.FORWARDED, given.NOW)]))
        assert given.balanced(store, lane)

    @pytest.mark.parametrize("at_once", [1, 2, 20])
    def test_it_goes_on_where_it_was_and_a_repeat_changes_nothing(
        self, store: Store, monkeypatch: pytest.MonkeyPatch, at_once: int
    ) -> None:
        ends = {i: narrow(State.REJECTED, i, (Origin.API, 1002)) for i in (5, 1005, 2005)}
        lane = older_lane(store, ends, 2500)
        monkeypatch.setattr(step, "STRINGS_AT_ONCE", at_once)
        assert run(store) == {1: 3, 2: 2, 20: 1}[at_once]  # a pause after each call
        before = [*outcomes(store, lane)]
        assert [one.index for one in before] == [5, 1005, 2005]
        assert report(store, lane).codes == {"rejected:api:1002": 3}
        run(store)
        assert [*outcomes(store, lane)] == before
        assert report(store, lane).codes == {"rejected:api:1002": 3}

    def test_a_lane_of_this_version_is_left_alone(self, store: Store) -> None:
        lane, claim = given.claimed_batch(store, 3)
        given.settle(store, lane, claim, given.ended(State.REJECTED, claim.jobs))
        before = [*outcomes(store, lane)]
        run(store)
        assert [*outcomes(store, lane)] == before
        assert given.balanced(store, lane)

    def test_it_is_among_the_steps_that_run_at_the_start(self) -> None:
        assert step.widen_records in [one.run for one in STEPS]
