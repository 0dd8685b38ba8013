"""enqueue_rows: chunks of a recipient file."""

import pytest

from store.calls import Store
from store.errors import StoreRefused
from store.intake import Place, RowsAdded, enqueue_rows
from store.lanes import LaneStatus, find_lane, finish_loading, move_lane
from store.reports import find_recipient
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
        assert (is_.offset, is_.line, is_.row, is_.rejects) == (70, 9, 7, 2)
        assert given.counts(store, lane) == {State.QUEUED: 5}

    def test_a_chunk_of_nothing_but_rejects_moves_the_place(self, store: Store) -> None:
        lane = given.campaign(store)
        added = store.run(enqueue_rows(lane, Place(), Place(50, 5, 5), [], 5))
        assert added == RowsAdded(1, 0, 0, 0, False)
        is_ = find_lane(store, lane)
        assert (is_.offset, is_.rejects, is_.next_index) == (50, 5, 0)
        assert given.balanced(store, lane)

    @pytest.mark.parametrize(
        ("doubled", "kept"),
        [
            ([0, 0, 1], [0, 1]),
            ([0, 1, 1], [0, 1]),
            ([0, 1, 0, 2, 1, 1, 3], [0, 1, 2, 3]),
            ([0, 0, 0], [0]),
        ],
    )
    def test_whoever_is_twice_in_a_chunk_is_in_once(
        self, store: Store, doubled: list[int], kept: list[int]
    ) -> None:
        people, lane = given.numbers(4), given.campaign(store)
        added = given.add(store, lane, [people[i] for i in doubled], 0, 9)
        assert (added.added, added.duplicates) == (len(kept), len(doubled) - len(kept))
        store.run(finish_loading(lane))
        jobs = given.claim(store, lane).jobs
        assert [job.line for job in jobs] == [people[i] for i in kept]
        assert given.indexes(jobs) == list(range(len(kept)))
        assert find_lane(store, lane).duplicates == added.duplicates

    def test_whoever_was_in_an_earlier_chunk_is_dropped(self, store: Store) -> None:
        lane = given.campaign(store)
        given.add(store, lane, given.numbers(4), 0, 4)
        assert given.add(store, lane, given.numbers(4, 2), 4, 8) == RowsAdded(2, 4, 2, 2, False)
        assert given.add(store, lane, given.numbers(6), 8, 14) == RowsAdded(3, 6, 0, 6, False)
        assert given.counts(store, lane) == {State.QUEUED: 6}
        assert given.balanced(store, lane)

    def test_people_who_are_no_numbers_are_told_apart_and_found(self, store: Store) -> None:
        lane = given.campaign(store)
        assert given.add(store, lane, ODD, 0, 6).added == 6
        assert given.add(store, lane, [*ODD, b"447700900001\tG"], 6, 13).duplicates == 6
        is_ = find_lane(store, lane)
        for index, line in enumerate(ODD):
            assert find_recipient(store, is_, line.split(b"\t")[0].decode()) == index

    def test_a_line_may_be_a_recipient_and_nothing_else(self, store: Store) -> None:
        lane = given.campaign(store)
        assert given.add(store, lane, [b"447700900001", b"447700900001\tA"], 0, 2).added == 1

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
        first = given.add(store, lane, given.numbers(4), 2, 6)
        assert first == RowsAdded(2, 2, 2, 2, False)
        assert given.add(store, lane, given.numbers(4), 2, 6) == RowsAdded(2, 2, 2, 2, True)
        assert given.counts(store, lane) == {State.QUEUED: 4}
        assert find_lane(store, lane).duplicates == 2

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

    def test_a_lane_with_a_misjudged_size_still_drops_who_is_in(self, store: Store) -> None:
        lane = given.campaign(store)
        store.client.hset(f"sm:{{{lane}}}:meta", "seen_buckets", 1)
        assert given.add(store, lane, given.numbers(900), 0, 900).added == 900
        assert given.add(store, lane, given.numbers(900), 900, 1800).duplicates == 900
