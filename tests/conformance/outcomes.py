"""The outcome stream: each change of a message once, in order, for readers that want it."""

import pytest

from store.client import Store, command, text
from store.keys import lane_keys, outcome_stream
from store.lanes.lane import move_lane
from store.outcomes.stream import (
    Entry,
    Position,
    Read,
    collect,
    end_of_stream,
    follow_lane,
    forget_stream,
    read_facts,
    read_outbox,
    read_stream,
    unpack_changes,
    want_outcomes,
)
from store.queue.dead_letters import DeadLetters, Word, retry_dead_letters
from store.queue.settlement import Claim
from store.receipts.status_updates import StatusUpdate, apply_status_updates
from store.records.outcome import LocalReason, Origin
from store.states import State
from tests.conformance import given

WEEK_MS = 7 * 86_400_000
UMID = "7c1e4a10-0000-4000-8000-000000000001"


def outbox(store: Store, lane: str) -> list[list[tuple[int, State]]]:
    """The changes in the outbox of a lane, by entry."""
    key = lane_keys(lane).outbox
    entries = store.run(read_outbox(lane)) if store.client.exists(key) else []
    return [[(one.place, one.state) for one in unpack_changes(blob)] for _, blob in entries]


def wanted_batch(store: Store, n: int = 10) -> tuple[str, Claim]:
    """A campaign in flight of a sub-account whose changes are wanted."""
    want_outcomes(store, "shop")
    return given.claimed_batch(store, n)


def collected(store: Store, lane: str, *, most_bytes: int = 1 << 30, keep_ms: int = WEEK_MS) -> int:
    """Move the outbox of a lane."""
    facts, entries = store.run(read_facts(lane)), store.run(read_outbox(lane))
    limits = {"keep_ms": keep_ms, "most_bytes": most_bytes}
    return store.run(collect(facts, entries, **limits, event=facts.event))


def stream(store: Store, after: Position) -> Read:
    """All that is behind a position."""
    return store.run(read_stream("shop", after, 1000))


def shown(entries: object) -> list[object]:
    """Entries as tests compare them."""
    assert isinstance(entries, (list, tuple))
    found: list[object] = []
    for one in entries:
        assert isinstance(one, Entry)
        found += (
            [one.event["type"]]
            if one.event
            else [(c.place, c.state) for c in unpack_changes(one.packed)]
        )
    return found


class TestOutbox:
    def test_nothing_is_written_while_nothing_reads(self, store: Store) -> None:
        lane, claim = given.claimed_batch(store)
        given.settle(store, lane, claim, given.ended(State.ACCEPTED, claim.jobs))
        store.run(apply_status_updates(lane, [StatusUpdate(0, 1, State.READ, given.NOW)]))
        assert not store.client.exists(lane_keys(lane).outbox)

    def test_a_batch_that_ends_alike_is_one_entry_of_a_few_bytes(self, store: Store) -> None:
        lane, claim = wanted_batch(store, 1000)
        given.settle(store, lane, claim, given.ended(State.ACCEPTED, claim.jobs))
        ((_, blob),) = store.run(read_outbox(lane))
        assert len(blob) == 14
        assert outbox(store, lane) == [[(index, State.ACCEPTED) for index in range(1000)]]

    def test_a_single_change_takes_twelve_bytes_with_code_and_time(self, store: Store) -> None:
        lane, claim = wanted_batch(store, 1)
        given.settle(
            store, lane, claim, given.ended(State.REJECTED, claim.jobs, (Origin.API, 3005))
        )
        ((_, blob),) = store.run(read_outbox(lane))
        (change,) = unpack_changes(blob)
        assert len(blob) == 12
        assert change == (0, State.REJECTED, Origin.API, 3005, given.NOW)

    def test_a_repeated_settlement_writes_nothing_again(self, store: Store) -> None:
        lane, claim = wanted_batch(store)
        what = given.ended(State.ACCEPTED, claim.jobs)
        verdicts = [given.settle(store, lane, claim, what).verdict for _ in range(2)]
        assert verdicts == ["ok", "repeat"]
        assert len(outbox(store, lane)) == 1

    def test_jobs_that_go_on_are_no_change(self, store: Store) -> None:
        lane, claim = wanted_batch(store)
        what = given.ended(State.ACCEPTED, claim.jobs[:4])
        what.records += given.records(State.TRIED, claim.jobs[4:])
        what.back = claim.jobs[4:]
        what.add(State.QUEUED, 6)
        given.settle(store, lane, claim, what)
        assert outbox(store, lane) == [[(index, State.ACCEPTED) for index in range(4)]]

    def test_an_early_update_is_told_when_its_job_ends(self, store: Store) -> None:
        lane, claim = wanted_batch(store, 2)
        store.run(apply_status_updates(lane, [StatusUpdate(1, 1, State.DELIVERED, given.NOW)]))
        assert outbox(store, lane) == []
        given.settle(store, lane, claim, given.ended(State.ACCEPTED, claim.jobs))
        assert outbox(store, lane) == [[(0, State.ACCEPTED), (1, State.DELIVERED)]]

    def test_each_state_that_a_receipt_leads_to_is_told_once(self, store: Store) -> None:
        lane, claim = wanted_batch(store, 2000)
        given.settle(store, lane, claim, given.ended(State.ACCEPTED, claim.jobs))
        receipts = [
            StatusUpdate(5, 1, State.DELIVERED, given.NOW + 1),
            StatusUpdate(5, 1, State.READ, given.NOW + 2),
            StatusUpdate(7, 1, State.FORWARDED, given.NOW + 2),
        ]
        for _ in range(2):
            store.run(apply_status_updates(lane, receipts))
        told = [(5, State.DELIVERED), (5, State.READ), (7, State.FORWARDED)]
        assert outbox(store, lane)[1:] == [told]

    def test_indexes_beyond_the_first_string_are_right(self, store: Store) -> None:
        lane = given.loaded(store, 1500)
        want_outcomes(store, "shop")
        for n, batch in enumerate(("b1", "b2")):
            claim = given.claim(store, lane, batch)
            given.settle(store, lane, claim, given.ended(State.ACCEPTED, claim.jobs), batch)
            assert outbox(store, lane)[n][0] == (1000 * n, State.ACCEPTED)

    def test_what_an_operator_sends_again_is_told_as_queued(self, store: Store) -> None:
        lane, claim = wanted_batch(store, 2)
        reason = (Origin.LOCAL, LocalReason.NO_ANSWER)
        what = given.ended(State.UNCONFIRMED, claim.jobs, reason)
        what.dead = [DeadLetters("local:2", claim.jobs)]
        given.settle(store, lane, claim, what)
        states = {State.UNCONFIRMED}
        store.run(retry_dead_letters(lane, Word.RESEND, states, op="o", entries=1))
        assert outbox(store, lane)[1:] == [[(0, State.QUEUED), (1, State.QUEUED)]]


class TestStream:
    def test_changes_arrive_in_order_and_once_however_often_they_are_moved(
        self, store: Store
    ) -> None:
        lane, claim = wanted_batch(store, 2)
        given.settle(store, lane, claim, given.ended(State.ACCEPTED, claim.jobs))
        facts, entries = store.run(read_facts(lane)), store.run(read_outbox(lane))
        limits = {"keep_ms": WEEK_MS, "most_bytes": 1 << 30}
        again = collect(facts, entries, **limits, event=facts.event)
        assert [store.run(again) for _ in range(2)] == [2, 0]  # and that the campaign has finished
        told = [(0, State.ACCEPTED), (1, State.ACCEPTED), "campaign.finished"]
        assert shown(stream(store, Position(f"{facts_gone(store)}")).entries) == told
        assert outbox(store, lane) == []

    def test_a_reader_goes_on_behind_its_position(self, store: Store) -> None:
        lane, claim = wanted_batch(store, 1)
        begin = store.run(end_of_stream("shop"))
        given.settle(store, lane, claim, given.ended(State.ACCEPTED, claim.jobs))
        collected(store, lane)
        first = stream(store, begin)
        assert not first.gap
        assert shown(first.entries) == [(0, State.ACCEPTED), "campaign.finished"]
        assert shown(stream(store, Position(first.entries[0].id)).entries) == ["campaign.finished"]
        assert stream(store, Position(first.entries[-1].id)) == Read([], False)
        assert store.run(end_of_stream("shop")) == Position(first.entries[-1].id)

    @pytest.mark.parametrize("limit", [{"most_bytes": 100}, {"keep_ms": -1000}])
    def test_a_reader_behind_what_is_kept_is_told_of_the_gap(
        self, store: Store, limit: dict[str, int]
    ) -> None:
        lane, claim = wanted_batch(store, 2)
        begin = store.run(end_of_stream("shop"))
        given.settle(store, lane, claim, given.ended(State.ACCEPTED, claim.jobs))
        collected(store, lane, **limit)
        assert stream(store, begin) == Read((), True)
        assert not stream(store, store.run(end_of_stream("shop"))).gap

    def test_a_stream_that_was_removed_is_a_gap_even_when_it_is_written_again(
        self, store: Store
    ) -> None:
        want_outcomes(store, "shop")
        begin = store.run(end_of_stream("shop"))
        for call in forget_stream("shop", 1 << 60):
            store.run(call)
        assert stream(store, begin).gap
        want_outcomes(store, "shop")
        assert stream(store, Position("1750000000000-0")).gap

    def test_the_status_that_a_campaign_had_before_is_not_told(self, store: Store) -> None:
        lane = given.loaded(store, 1)
        store.run(move_lane(lane, "pause"))
        want_outcomes(store, "shop")
        assert collected(store, lane) == 0
        store.run(move_lane(lane, "stop", "the account has no credit"))
        store.run(move_lane(lane, "resume"))
        store.run(move_lane(lane, "stop", "the account has no credit"))
        assert collected(store, lane) == 1
        assert collected(store, lane) == 0
        (entry,) = stream(store, Position(facts_gone(store))).entries
        assert entry.event == {
            "type": "campaign.halted", "lane": lane, "campaign": "Spring",
            "reason": "the account has no credit",
        }  # fmt: skip

    def test_lanes_of_others_are_not_followed(self, store: Store) -> None:
        lane, claim = given.claimed_batch(store, 1)
        want_outcomes(store, "other")
        given.settle(store, lane, claim, given.ended(State.ACCEPTED, claim.jobs))
        assert not store.client.exists(lane_keys(lane).outbox)

    def test_a_lane_that_is_not_followed_any_more_leaves_nothing_behind(self, store: Store) -> None:
        lane, claim = wanted_batch(store, 1)
        given.settle(store, lane, claim, given.ended(State.ACCEPTED, claim.jobs))
        assert store.run(follow_lane(lane, wanted=False))
        assert not store.run(read_facts(lane)).followed
        assert not store.client.exists(lane_keys(lane).outbox)
        assert not store.run(follow_lane("gone-000000", wanted=True))
        assert store.client.keys("sm:{gone*") == []


def facts_gone(store: Store) -> str:
    """The id behind which a stream is whole."""
    figures = outcome_stream("shop")[1]
    return store.run(command("HGET", figures, "gone", parse=text))
