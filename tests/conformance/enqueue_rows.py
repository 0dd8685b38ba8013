"""enqueue_rows: chunks of a recipient file."""

import pytest

from store.client import Store, script_call
from store.errors import StoreRefused
from store.keys import lane_keys
from store.lanes.lane import LaneStatus, find_lane, finish_loading, move_lane
from store.people.recipients import (
    erase_values,
    find_recipient,
    read_recipients,
    read_values,
)
from store.queue.enqueue import Place, RowsAdded, enqueue_rows
from store.states import State
from tests.conformance import given

ODD = [b"GB.1349120865530274\tA", b"0447700900001\tB", b"12345678901234567890\tC", b"0x10\tD",
       b"inf\tE", b"GB:07700 900002\tF"]  # fmt: skip


class TestEnqueueRows:
    def test_people_get_their_indexes_in_the_order_of_the_file(self, store: Store) -> None:
        lane = given.campaign(store)
        assert given.add(store, lane, given.numbers(3), 0, 30) == RowsAdded(1, 0, 3, 0, False)
        assert given.add(store, lane, given.numbers(2, 3), 30, 50) == RowsAdded(2, 3, 2, 0, False)
        store.run(finish_loading(lane))
        jobs = given.claim(store, lane).jobs
        assert [(job.index, job.attempts, job.line) for job in jobs] == [
            (i, 0, line) for i, line in enumerate(given.numbers(5))
        ]

    def test_the_place_in_the_file_moves_on_with_the_jobs(self, store: Store) -> None:
        lane = given.campaign(store)
        store.run(enqueue_rows(lane, Place(), Place(70, 9, 7), given.numbers(5), 2))
        is_ = find_lane(store, lane)
        assert (is_.offset, is_.line, is_.row, is_.invalid_rows) == (70, 9, 7, 2)
        assert given.counts(store, lane) == {State.QUEUED: 5}

    def test_what_stands_for_the_rows_is_kept_with_the_place(self, store: Store) -> None:
        lane, people = given.campaign(store), given.numbers(4)
        for first, sum_ in ((0, "one"), (2, "two")):
            start, end = Place(first), Place(first + 2, first + 2, first + 2)
            call = enqueue_rows(lane, start, end, people[first : first + 2], 0, rows_sum=sum_)
            store.run(call)
            assert find_lane(store, lane).rows_sum == sum_

    def test_a_repeat_that_stands_for_other_rows_is_refused(self, store: Store) -> None:
        lane, people = given.campaign(store), given.numbers(4)
        for first, sum_ in ((0, "one"), (2, "two")):
            start, end = Place(first), Place(first + 2, first + 2, first + 2)
            call = enqueue_rows(lane, start, end, people[first : first + 2], 0, rows_sum=sum_)
            store.run(call)
        assert store.run(call).repeated
        older = enqueue_rows(lane, Place(0), Place(2, 2, 2), people[:2], 0, rows_sum="one")
        assert store.run(older) == RowsAdded(0, 0, 0, 0, True)
        with pytest.raises(StoreRefused, match="read up to byte 4"):
            store.run(enqueue_rows(lane, Place(2), Place(4, 4, 4), people[2:], 0, rows_sum="2"))
        assert find_lane(store, lane).rows_sum == "two"
        assert given.counts(store, lane) == {State.QUEUED: 4}

    def test_a_chunk_of_nothing_but_rejects_moves_the_place(self, store: Store) -> None:
        lane = given.campaign(store)
        added = store.run(enqueue_rows(lane, Place(), Place(50, 5, 5), [], 5))
        assert added == RowsAdded(1, 0, 0, 0, False)
        is_ = find_lane(store, lane)
        assert (is_.offset, is_.invalid_rows, is_.next_index) == (50, 5, 0)
        assert given.balanced(store, lane)

    def test_duplicates_are_counted(self, store: Store) -> None:
        lane = given.campaign(store)
        call = enqueue_rows(lane, Place(), Place(50, 5, 5), given.numbers(3), 1, duplicates=2)
        assert store.run(call) == RowsAdded(1, 0, 3, 2, False)
        is_ = find_lane(store, lane)
        assert (is_.duplicates, is_.invalid_rows, is_.next_index) == (2, 1, 3)

    def test_everybody_can_be_found_and_named(self, store: Store) -> None:
        lane = given.campaign(store)
        people = [*given.numbers(5), *ODD, *given.numbers(2, 5)]
        given.add(store, lane, people, 0, 9)
        is_ = find_lane(store, lane)
        for index, line in enumerate(people):
            recipient = line.split(b"\t")[0].decode()
            assert find_recipient(store, is_, recipient) == index
        (everybody,) = read_recipients(store, lane)
        assert everybody.numbers == [447700900000 + i for i in range(7)]
        assert sorted(everybody.others) == sorted(line.split(b"\t")[0] for line in ODD)

    @pytest.mark.parametrize("chunk", [1, 7, 333, 1000])
    def test_numbers_lie_by_the_thousand_however_they_came(self, store: Store, chunk: int) -> None:
        lane, n = given.campaign(store), 2100 if chunk > 7 else 30
        for first in range(0, n, chunk):
            last = min(n, first + chunk)
            given.add(store, lane, given.numbers(last - first, first), first, last)
        found = list(read_recipients(store, lane))
        assert [len(one.numbers) for one in found] == [
            min(1000, n - at) for at in range(0, n, 1000)
        ]
        assert [number for one in found for number in one.numbers] == [
            447700900000 + i for i in range(n)
        ]
        is_ = find_lane(store, lane)
        for index in (0, n // 2, n - 1):
            assert find_recipient(store, is_, str(447700900000 + index)) == index

    def test_a_number_is_not_found_across_two_others(self, store: Store) -> None:
        lane = given.campaign(store)
        pair = (123_456_789_012_345).to_bytes(7, "big") + (234_567_890_123_456).to_bytes(7, "big")
        between = int.from_bytes(pair[3:10], "big")
        given.add(store, lane, [b"123456789012345", b"234567890123456"], 0, 2)
        number = between.to_bytes(7, "big")
        assert number in pair
        keys, args = lane_keys(lane), (1000, number, b"", 0, 2)
        call = script_call(
            "find_recipient", [keys.numbers_of(0), keys.numbers_of(1000)], args, list
        )
        assert store.run(call) == [-1, -1]

    def test_a_long_campaign_is_looked_through_in_steps(self, store: Store) -> None:
        lane = given.campaign(store)
        given.add(store, lane, given.numbers(2500), 0, 9)
        keys, last = lane_keys(lane), (447700900000 + 2499).to_bytes(7, "big")
        where, found = 0, -1
        steps = []
        while found < 0 <= where:
            args, touched = (1000, last, b"", where, 1), (keys.numbers_of(1000 * where),)
            found, where = store.run(script_call("find_recipient", touched, args, list))
            steps.append((found, where))
        assert steps == [(-1, 1), (-1, 2), (2499, -1)]

    @pytest.mark.parametrize(
        "lines", [[b""], [b"1", b""], [b"1", b"", b"2"], [b"\tA"], [b"1\n2"], [b"1", b"2\n"]]
    )
    def test_lines_that_are_no_jobs_never_reach_the_lane(
        self, store: Store, lines: list[bytes]
    ) -> None:
        lane = given.campaign(store)
        with pytest.raises(ValueError, match="a job "):
            given.add(store, lane, lines, 0, 9)
        assert find_lane(store, lane).offset == 0
        assert find_recipient(store, find_lane(store, lane), "1") is None

    def test_a_repeated_chunk_answers_what_it_answered_first(self, store: Store) -> None:
        lane = given.campaign(store)
        given.add(store, lane, given.numbers(2), 0, 2)
        call = enqueue_rows(lane, Place(2), Place(6, 6, 6), given.numbers(2, 2), 0, duplicates=2)
        assert store.run(call) == RowsAdded(2, 2, 2, 2, False)
        assert store.run(call) == RowsAdded(2, 2, 2, 2, True)
        assert given.counts(store, lane) == {State.QUEUED: 4}
        assert find_lane(store, lane).duplicates == 2
        (everybody,) = read_recipients(store, lane)
        assert len(everybody.numbers) == 4

    def test_an_older_chunk_adds_nothing_and_claims_no_figures(self, store: Store) -> None:
        lane = given.campaign(store)
        given.add(store, lane, given.numbers(2), 0, 2)
        given.add(store, lane, given.numbers(3, 2), 2, 5)
        assert given.add(store, lane, given.numbers(2), 0, 2) == RowsAdded(0, 0, 0, 0, True)

    def test_a_chunk_that_leaves_a_gap_is_refused(self, store: Store) -> None:
        lane = given.campaign(store)
        given.add(store, lane, given.numbers(2), 0, 20)
        with pytest.raises(StoreRefused, match="read up to byte 20"):
            given.add(store, lane, given.numbers(2, 5), 50, 70)
        with pytest.raises(StoreRefused, match="read up to byte 20"):
            given.add(store, lane, given.numbers(2, 1), 10, 30)
        assert given.counts(store, lane) == {State.QUEUED: 2}

    def test_nothing_is_added_behind_the_end_of_the_file(self, store: Store) -> None:
        lane = given.loaded(store, 3)
        with pytest.raises(StoreRefused, match="already in to its end"):
            given.add(store, lane, given.numbers(1, 3), 3, 4)

    def test_the_last_chunk_may_be_repeated_after_the_lane_has_finished(self, store: Store) -> None:
        lane = given.loaded(store, 3)
        claim = given.claim(store, lane)
        settled = given.settle(store, lane, claim, given.ended(State.ACCEPTED, claim.jobs))
        assert settled.status is LaneStatus.FINISHED
        assert given.add(store, lane, given.numbers(3), 0, 3).repeated

    @pytest.mark.parametrize("cancelled", [True, False])
    def test_a_cancelled_campaign_takes_no_more(self, store: Store, cancelled: bool) -> None:
        lane = given.campaign(store, early=True)
        given.add(store, lane, given.numbers(2), 0, 2)
        if cancelled:  # nothing is left: it ends at once
            claim = given.claim(store, lane)
            given.settle(store, lane, claim, given.ended(State.ACCEPTED, claim.jobs))
        store.run(move_lane(lane, "cancel"))
        with pytest.raises(StoreRefused, match="is cancelled" if cancelled else "is cancelling"):
            given.add(store, lane, given.numbers(2), 0, 2)

    def test_a_paused_campaign_goes_on_loading(self, store: Store) -> None:
        lane = given.campaign(store)
        store.run(move_lane(lane, "pause"))
        assert given.add(store, lane, given.numbers(2), 0, 2).added == 2

    def test_a_lane_that_was_never_opened_takes_nothing(self, store: Store) -> None:
        with pytest.raises(StoreRefused, match="is gone"):
            given.add(store, "spring-000000", given.numbers(2), 0, 2)

    @pytest.mark.parametrize("first", [0, 400, 999])
    def test_values_are_kept_by_thousands_and_read_by_index(self, store: Store, first: int) -> None:
        lane, n = given.campaign(store), 1000
        given.add(store, lane, given.numbers(first), 0, 1)
        lines, kept = given.numbers(n, first), [b"Guest %d\tgold" % i for i in range(n)]
        call = enqueue_rows(lane, Place(1), Place(2, 2, 2), [*lines, *ODD], 0, kept=[*kept, *ODD])
        store.run(call)
        assert store.run(call).repeated
        found = {k: v for one in range(3) for k, v in store.run(read_values(lane, one)).items()}
        assert found == dict(enumerate([*kept, *ODD], first))
        assert find_recipient(store, find_lane(store, lane), "0x10") == first + n + 3

    def test_values_that_are_erased_leave_those_of_others(self, store: Store) -> None:
        lane, kept = given.campaign(store), [b"one", b"two", b"three"]
        store.run(enqueue_rows(lane, Place(), Place(2, 2, 2), given.numbers(3), 0, kept=kept))
        erase_values(store, lane, {1, 2000})
        assert store.run(read_values(lane, 0)) == {0: b"one", 1: b"", 2: b"three"}
