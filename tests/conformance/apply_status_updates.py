"""Status updates: news moves a state forward and never back, and stops a job that still exists."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import permutations

import pytest

from store.client import Store
from store.purposes import Pricing, Purpose
from store.queue.dead_letters import REVIVABLE, DeadLetters, Word, retry_dead_letters
from store.queue.enqueue import enqueue_messages
from store.queue.settlement import InDoubtBatch, RetryBatch, Settlement, promote_due
from store.receipts.status_updates import (
    Applied,
    StatusUpdate,
    apply_records,
    apply_status_updates,
    confirmed,
    read_records_of,
)
from store.records.job_section import Job
from store.records.outcome import Doubt, Origin, Outcome
from store.reports.lane_report import message_report, outcomes, report
from store.states import State
from tests.conformance import given

UMID = "7c1e4a10-0000-4000-8000-000000000001"


def news(state: State, index: int = 0, *, at: int = given.NOW + 9) -> StatusUpdate:
    """A receipt about one message."""
    return StatusUpdate(index, 1, state, at, umid=UMID)


def undelivered(index: int, code: int) -> StatusUpdate:
    """A receipt that a message was not delivered, and why."""
    return StatusUpdate(index, 1, State.UNDELIVERED, given.NOW + 9, code, Origin.RECEIPT, UMID)


def tell(store: Store, lane: str, *updates: StatusUpdate) -> Applied:
    """Apply some status updates."""
    return store.run(apply_status_updates(lane, updates))


def outcome(store: Store, lane: str, index: int = 0) -> Outcome:
    """The record of a message."""
    found = message_report(store, f"{lane}.{index}").outcome
    assert found is not None
    return found


def accepted(store: Store, n: int = 2) -> str:
    """A campaign of n that the provider took."""
    lane = given.loaded(store, n)
    for batch in range(0, n, 1000):
        claim = given.claim(store, lane, f"b{batch}")
        given.settle(store, lane, claim, given.ended(State.ACCEPTED, claim.jobs), f"b{batch}")
    return lane


class TestEvidenceOfOthers:
    @pytest.mark.parametrize("ended", [True, False])
    @pytest.mark.parametrize(
        ("number", "theirs"),
        [
            ("447700900000", True),
            ("5411700900000", True),  # written otherwise, as channels do in some countries
            ("447700900001", False),
            ("4", False),
        ],
    )
    def test_news_about_another_person_is_refused(
        self, store: Store, ended: bool, number: str, theirs: bool
    ) -> None:
        lane = accepted(store) if ended else given.loaded(store, 2)
        before = given.counts(store, lane)
        told = [replace(news(State.DELIVERED), number=number), news(State.FORWARDED, 1)]
        applied = tell(store, lane, *told)
        assert (applied.foreign, applied.refused) == ((0, ()) if theirs else (1, (0,)))
        if ended:
            assert outcome(store, lane).number == "447700900000"
            assert (outcome(store, lane).state is State.DELIVERED) is theirs
        elif not theirs:
            assert [one.index for one in outcomes(store, lane)] == [1]
        assert given.counts(store, lane) != before or not ended

    def test_news_of_another_sub_account_is_refused(self, store: Store) -> None:
        lane = accepted(store)
        told = [news(State.DELIVERED), news(State.FORWARDED, 1), news(State.FORWARDED, 7)]
        applied = store.run(apply_status_updates(lane, told, "bank"))
        assert applied == Applied(unknown=1, foreign=2)
        assert applied.refused == (0, 1, 2)
        assert given.counts(store, lane) == {State.ACCEPTED: 2}
        assert store.run(apply_status_updates(lane, told, "Shop")) == Applied(counted=2, unknown=1)

    def test_news_about_a_single_message_that_waits_cannot_be_held_against_a_person(
        self, store: Store
    ) -> None:
        lane = given.notifications(store)
        store.run(enqueue_messages(lane, [given.message("Hello")]))
        early = replace(news(State.DELIVERED), number="447700900999")
        assert tell(store, lane, early) == Applied(early=1)
        assert outcome(store, lane).number == ""


class TestStatusUpdatesAfterTheEnd:
    def test_a_receipt_moves_the_state_and_the_count(self, store: Store) -> None:
        lane = accepted(store)
        assert tell(store, lane, news(State.DELIVERED)) == Applied(counted=1)
        assert given.counts(store, lane) == {State.DELIVERED: 1, State.ACCEPTED: 1}
        said = outcome(store, lane)
        assert (said.state, said.umid, said.number) == (State.DELIVERED, UMID, "447700900000")
        assert said.posted_at == given.NOW
        assert given.balanced(store, lane)

    @pytest.mark.parametrize("later", [State.DELIVERED, State.UNDELIVERED, State.READ])
    def test_the_umid_stays_known_though_later_news_do_not_name_it(
        self, store: Store, later: State
    ) -> None:
        lane = accepted(store)
        tell(store, lane, news(State.FORWARDED))
        tell(store, lane, replace(news(later), umid=None))
        assert (outcome(store, lane).state, outcome(store, lane).umid) == (later, UMID)

    def test_the_same_receipt_twice_is_no_news(self, store: Store) -> None:
        lane = accepted(store)
        tell(store, lane, news(State.DELIVERED))
        assert tell(store, lane, news(State.DELIVERED)) == Applied(stale=1)
        assert given.counts(store, lane) == {State.DELIVERED: 1, State.ACCEPTED: 1}

    @pytest.mark.parametrize(
        "order", list(permutations([State.FORWARDED, State.DELIVERED, State.READ]))
    )
    def test_the_order_of_receipts_does_not_matter(
        self, store: Store, order: tuple[State, ...]
    ) -> None:
        lane = accepted(store)
        for state in order:
            tell(store, lane, news(state))
        assert given.counts(store, lane) == {State.READ: 1, State.ACCEPTED: 1}
        assert given.balanced(store, lane)

    def test_proof_of_a_handset_takes_undelivered_back(self, store: Store) -> None:
        lane = accepted(store)
        failed = StatusUpdate(0, 1, State.UNDELIVERED, given.NOW, 1018, Origin.RECEIPT)
        tell(store, lane, failed, news(State.DELIVERED))
        assert outcome(store, lane).state is State.DELIVERED
        tell(store, lane, failed)
        assert outcome(store, lane).state is State.DELIVERED

    def test_a_message_that_was_unknown_is_known(self, store: Store) -> None:
        lane, claim = given.claimed_batch(store, 2)
        given.settle(store, lane, claim, given.ended(State.UNCONFIRMED, claim.jobs))
        assert tell(store, lane, news(State.FORWARDED, 1)) == Applied(counted=1)
        assert given.counts(store, lane) == {State.FORWARDED: 1, State.UNCONFIRMED: 1}

    def test_a_receipt_for_nobody_is_counted_and_changes_nothing(self, store: Store) -> None:
        lane = accepted(store)
        assert tell(store, lane, news(State.READ, 99)) == Applied(unknown=1)
        assert given.balanced(store, lane)

    @pytest.mark.parametrize("indexes", [range(40), range(39, -1, -1), (0, 39), (5, 6, 990, 991)])
    def test_news_about_many_at_once_is_about_these_and_no_others(
        self, store: Store, indexes: Iterable[int]
    ) -> None:
        lane = accepted(store, 1200)
        told = [news(State.FORWARDED, i + bucket) for bucket in (0, 200) for i in indexes]
        told += [news(State.READ, told[0].index), news(State.DELIVERED, told[0].index)]
        assert tell(store, lane, *told) == Applied(counted=len(told) - 1, stale=1)
        found = {one.index: one for one in outcomes(store, lane)}
        sent = {piece.index for piece in told[1:-2]} - {told[0].index}
        assert {i for i, one in found.items() if one.state is State.FORWARDED} == sent
        assert found.pop(told[0].index).state is State.READ
        assert {one.number for one in found.values()} == {
            str(447700900000 + index) for index in found
        }
        assert given.balanced(store, lane)

    def test_news_beyond_the_last_record_leaves_the_gap_empty(self, store: Store) -> None:
        lane, claim = given.claimed_batch(store, 30)
        what = given.ended(State.ACCEPTED, claim.jobs[:2])
        what.add(State.QUEUED, 28)
        what.back = claim.jobs[2:]
        given.settle(store, lane, claim, what)
        assert tell(store, lane, news(State.FORWARDED, 1), news(State.FORWARDED, 7)) == Applied(
            1, 1
        )
        assert [(one.index, one.state) for one in outcomes(store, lane)] == [
            (0, State.ACCEPTED), (1, State.FORWARDED), (7, State.FORWARDED),
        ]  # fmt: skip
        assert given.balanced(store, lane)


class TestCodesOfReceipts:
    def test_undelivered_messages_are_counted_by_code(self, store: Store) -> None:
        lane = accepted(store, 1200)
        told = [undelivered(i, 1018 if i % 3 else 25) for i in range(1000)]
        tell(store, lane, *told)
        tell(store, lane, *told, undelivered(1100, 25))
        assert given.codes(store, lane) == {
            "undelivered:receipt:25": 335,
            "undelivered:receipt:1018": 666,
        }

    def test_a_receipt_that_names_no_code_is_counted_too(self, store: Store) -> None:
        lane = accepted(store)
        tell(store, lane, news(State.UNDELIVERED))
        assert given.codes(store, lane) == {"undelivered:receipt:0": 1}

    @pytest.mark.parametrize("together", [True, False])
    def test_a_code_is_taken_back_when_the_message_moves_on(
        self, store: Store, together: bool
    ) -> None:
        lane = accepted(store, 3)
        told = [undelivered(0, 1018), undelivered(1, 1018), undelivered(2, 25)]
        told += [news(State.DELIVERED, 0), news(State.READ, 2)]
        for part in [told] if together else [[piece] for piece in told]:
            tell(store, lane, *part)
        assert given.codes(store, lane) == {"undelivered:receipt:1018": 1}

    def test_the_first_code_of_a_message_stays(self, store: Store) -> None:
        lane = accepted(store)
        tell(store, lane, undelivered(0, 1018))
        assert tell(store, lane, undelivered(0, 25)) == Applied(stale=1)
        assert given.codes(store, lane) == {"undelivered:receipt:1018": 1}
        assert outcome(store, lane).code == 1018

    def test_what_comes_after_a_delivery_is_not_counted(self, store: Store) -> None:
        lane = accepted(store)
        tell(store, lane, news(State.DELIVERED), undelivered(0, 1018))
        assert given.codes(store, lane) == {}

    def test_an_early_code_counts_when_the_job_ends(self, store: Store) -> None:
        lane, claim = given.claimed_batch(store, 3)
        tell(store, lane, undelivered(0, 1018), undelivered(1, 25), undelivered(2, 25))
        tell(store, lane, news(State.READ, 2))
        assert given.codes(store, lane) == {}
        given.settle(store, lane, claim, given.ended(State.ACCEPTED, claim.jobs))
        assert given.counts(store, lane) == {State.UNDELIVERED: 2, State.READ: 1}
        assert given.codes(store, lane) == {
            "undelivered:receipt:25": 1,
            "undelivered:receipt:1018": 1,
        }
        tell(store, lane, news(State.DELIVERED, 0))
        assert given.codes(store, lane) == {"undelivered:receipt:25": 1}

    def test_an_early_code_waits_as_long_as_the_job_is_tried_again(self, store: Store) -> None:
        lane, claim = given.claimed_batch(store, 1)
        tell(store, lane, undelivered(0, 1018))
        what = Settlement({State.DELAYED: 1}, given.records(State.TRIED, claim.jobs))
        what.retries = [RetryBatch("w1", 0, claim.jobs)]
        given.settle(store, lane, claim, what)
        assert given.codes(store, lane) == {}
        store.run(promote_due(lane))
        again = given.claim(store, lane, "b2")
        given.settle(store, lane, again, given.ended(State.ACCEPTED, again.jobs), "b2")
        assert given.codes(store, lane) == {"undelivered:receipt:1018": 1}

    def test_a_repeated_settlement_counts_an_early_code_once(self, store: Store) -> None:
        lane, claim = given.claimed_batch(store, 1)
        tell(store, lane, undelivered(0, 1018))
        for verdict in ("ok", "repeat"):
            what = given.ended(State.ACCEPTED, claim.jobs)
            assert given.settle(store, lane, claim, what).verdict == verdict
        assert given.codes(store, lane) == {"undelivered:receipt:1018": 1}


class TestHowFarMessagesHaveCome:
    """Each step counts once, whatever the order of the receipts."""

    @staticmethod
    def figures(applied: Applied) -> tuple[int, int, int, dict[int, int]]:
        return applied.sent, applied.delivered, applied.read, dict(applied.undelivered)

    def test_a_read_message_is_delivered_too_and_neither_is_counted_again(
        self, store: Store
    ) -> None:
        lane = accepted(store, 3)
        told = [news(State.READ, 0), news(State.DELIVERED, 1), news(State.FORWARDED, 2)]
        assert self.figures(tell(store, lane, *told)) == (0, 2, 1, {})
        told = [news(State.DELIVERED, 0), news(State.READ, 1), news(State.FORWARDED, 2)]
        assert self.figures(tell(store, lane, *told)) == (0, 0, 1, {})

    def test_undelivered_messages_are_told_by_code_and_may_be_delivered_later(
        self, store: Store
    ) -> None:
        lane = accepted(store, 4)
        told = [undelivered(i, 1018 if i else 25) for i in range(3)]
        told += [news(State.DELIVERED, 2), news(State.UNDELIVERED, 3)]
        assert self.figures(tell(store, lane, *told)) == (0, 1, 0, {25: 1, 1018: 2, 0: 1})

    def test_an_unconfirmed_message_that_a_receipt_names_was_sent(self, store: Store) -> None:
        lane, claim = given.claimed_batch(store, 2)
        given.settle(store, lane, claim, given.ended(State.UNCONFIRMED, claim.jobs))
        told = tell(store, lane, news(State.FORWARDED, 0), news(State.READ, 1))
        assert self.figures(told) == (2, 1, 1, {})

    def test_an_early_receipt_tells_of_the_delivery_and_leaves_sent_to_the_end(
        self, store: Store
    ) -> None:
        lane, claim = given.claimed_batch(store, 1)
        assert self.figures(tell(store, lane, news(State.DELIVERED))) == (0, 1, 0, {})
        given.settle(store, lane, claim, given.ended(State.ACCEPTED, claim.jobs))
        assert self.figures(tell(store, lane, news(State.READ))) == (0, 0, 1, {})


class TestStatusUpdatesWhileTheJobExists:
    def test_an_early_receipt_is_kept_and_counts_when_the_job_ends(self, store: Store) -> None:
        lane, claim = given.claimed_batch(store, 2)
        assert tell(store, lane, news(State.DELIVERED)) == Applied(early=1)
        assert given.counts(store, lane) == {State.IN_FLIGHT: 2}
        assert given.balanced(store, lane)

        given.settle(store, lane, claim, given.ended(State.ACCEPTED, claim.jobs))
        assert given.counts(store, lane) == {State.DELIVERED: 1, State.ACCEPTED: 1}
        said = outcome(store, lane)
        assert (said.state, said.early, said.number) == (State.DELIVERED, False, "447700900000")
        assert said.posted_at == given.NOW
        assert given.balanced(store, lane)

    def test_a_second_early_receipt_moves_it_forward(self, store: Store) -> None:
        lane, claim = given.claimed_batch(store, 1)
        tell(store, lane, news(State.FORWARDED))
        assert tell(store, lane, news(State.READ)) == Applied(early=1)
        given.settle(store, lane, claim, given.ended(State.ACCEPTED, claim.jobs))
        assert given.counts(store, lane) == {State.READ: 1}
        assert given.balanced(store, lane)

    def test_an_early_receipt_survives_a_rejection(self, store: Store) -> None:
        lane, claim = given.claimed_batch(store, 1)
        tell(store, lane, news(State.DELIVERED))
        given.settle(store, lane, claim, given.ended(State.REJECTED, claim.jobs))
        assert given.counts(store, lane) == {State.DELIVERED: 1}
        assert given.balanced(store, lane)

    def test_the_claim_says_that_something_is_known_until_it_counts(self, store: Store) -> None:
        lane = given.loaded(store, 3)
        tell(store, lane, news(State.FORWARDED, 0), news(State.FORWARDED, 1))
        tell(store, lane, news(State.DELIVERED, 0))  # the same message: counted once
        claim = given.claim(store, lane)
        assert claim.early_updates == 2
        given.settle(store, lane, claim, given.ended(State.ACCEPTED, claim.jobs))
        assert given.counts(store, lane) == {
            State.DELIVERED: 1, State.FORWARDED: 1, State.ACCEPTED: 1,
        }  # fmt: skip
        assert store.client.hget(f"sm:{{{lane}}}:meta", "early_updates") == b"0"

    def test_a_job_that_waits_for_a_retry_is_recognised(self, store: Store) -> None:
        lane, claim = given.claimed_batch(store, 3)
        tried = [Job(job.index, 1, job.line) for job in claim.jobs]
        what = Settlement({State.DELAYED: 3}, given.records(State.TRIED, claim.jobs))
        what.retries = [RetryBatch("w1", 0, tried)]
        given.settle(store, lane, claim, what)
        tell(store, lane, news(State.DELIVERED, 1))
        store.run(promote_due(lane))
        again = given.claim(store, lane, "b2")
        records = store.run(read_records_of(lane, again.jobs))
        assert confirmed(again.jobs, records) == {1}
        assert given.balanced(store, lane)

    def test_a_job_that_is_in_doubt_is_recognised(self, store: Store) -> None:
        lane, claim = given.claimed_batch(store, 3)
        tell(store, lane, news(State.FORWARDED, 2))
        what = Settlement({State.IN_DOUBT: 3}, given.records(State.TRIED, claim.jobs))
        what.in_doubt_batches = [InDoubtBatch("b1p", 0, claim.jobs)]
        given.settle(store, lane, claim, what)
        assert given.counts(store, lane) == {State.IN_DOUBT: 3}
        assert confirmed(claim.jobs, store.run(read_records_of(lane, claim.jobs))) == {2}
        assert given.balanced(store, lane)

    def test_a_late_rejection_is_no_proof_that_the_provider_has_it(self, store: Store) -> None:
        lane, claim = given.claimed_batch(store, 2)
        given.settle(store, lane, claim, Settlement({State.QUEUED: 2}, back=claim.jobs))
        store.run(apply_records(lane, given.records(State.REJECTED, claim.jobs[:1])))
        again = given.claim(store, lane, "b2")
        assert confirmed(again.jobs, store.run(read_records_of(lane, again.jobs))) == set()
        given.settle(store, lane, again, given.ended(State.ACCEPTED, again.jobs), "b2")
        assert given.counts(store, lane) == {State.ACCEPTED: 2}
        assert given.balanced(store, lane)


def doubt(store: Store, lane: str, index: int = 0) -> Doubt:
    """Doubt beyond the state."""
    return outcome(store, lane, index).doubt


def rejected_after_doubt(store: Store, attempts: int) -> str:
    """A message that was rejected although an earlier attempt of it may have arrived."""
    lane, claim = given.claimed_batch(store, 1)
    what = given.ended(State.REJECTED, claim.jobs, (Origin.API, 1002), other_attempt=True)
    (run,) = what.records
    what.records = [replace(run, records=run.records[:1] + bytes([attempts]) + run.records[2:])]
    given.settle(store, lane, claim, what)
    return lane


class TestDoubtMeetsEvidence:
    def test_a_message_that_was_refused_after_a_doubtful_attempt_may_have_arrived(
        self, store: Store
    ) -> None:
        lane = rejected_after_doubt(store, 2)
        assert doubt(store, lane) is Doubt.MAY_HAVE_ARRIVED
        assert report(store, lane).doubts == {State.REJECTED: 1}
        assert given.balanced(store, lane)

    def test_proof_that_the_one_doubtful_attempt_arrived_ends_the_doubt(self, store: Store) -> None:
        lane = rejected_after_doubt(store, 2)
        assert tell(store, lane, news(State.DELIVERED)) == Applied(counted=1)
        assert (doubt(store, lane), report(store, lane).doubts) == (Doubt.NONE, {})
        assert given.codes(store, lane) == {}
        assert given.balanced(store, lane)

    def test_proof_of_one_of_several_doubtful_attempts_leaves_the_others(
        self, store: Store
    ) -> None:
        lane = rejected_after_doubt(store, 3)
        tell(store, lane, news(State.DELIVERED))
        assert doubt(store, lane) is Doubt.MAY_HAVE_TWO
        assert report(store, lane).doubts == {State.DELIVERED: 1}
        assert given.balanced(store, lane)

    def test_receipts_of_an_accepted_attempt_leave_the_doubt_about_an_earlier_one(
        self, store: Store
    ) -> None:
        lane, claim = given.claimed_batch(store, 1)
        given.settle(
            store, lane, claim, given.ended(State.ACCEPTED, claim.jobs, other_attempt=True)
        )
        for state in (State.FORWARDED, State.DELIVERED, State.READ):
            tell(store, lane, news(state))
            assert doubt(store, lane) is Doubt.MAY_HAVE_TWO
            assert report(store, lane).doubts == {state: 1}
        assert given.balanced(store, lane)

    def test_status_updates_that_was_there_before_the_refusal_ends_the_doubt_too(
        self, store: Store
    ) -> None:
        lane, claim = given.claimed_batch(store, 1)
        tell(store, lane, news(State.DELIVERED))
        what = given.ended(State.REJECTED, claim.jobs, other_attempt=True)
        (run,) = what.records
        what.records = [replace(run, records=run.records[:1] + b"\2" + run.records[2:])]
        given.settle(store, lane, claim, what)
        assert (outcome(store, lane).state, doubt(store, lane)) == (State.DELIVERED, Doubt.NONE)
        assert given.balanced(store, lane)

    def test_an_unknown_message_that_is_sent_again_goes_on_being_in_doubt(
        self, store: Store
    ) -> None:
        lane, claim = given.claimed_batch(store, 1)
        what = given.ended(State.UNCONFIRMED, claim.jobs, (Origin.LOCAL, 2))
        what.dead = [DeadLetters("local:2", claim.jobs)]
        given.settle(store, lane, claim, what)
        assert doubt(store, lane) is Doubt.MAY_HAVE_ARRIVED
        store.run(retry_dead_letters(lane, Word.RESEND, REVIVABLE, op="op", entries=1))
        assert (outcome(store, lane).state, doubt(store, lane)) == (
            State.TRIED, Doubt.MAY_HAVE_ARRIVED,
        )  # fmt: skip
        assert (given.codes(store, lane), report(store, lane).doubts) == ({}, {})
        assert given.balanced(store, lane)


class TestWhatReceiptsAdd:
    def test_purpose_stays_and_pricing_comes_with_the_receipts(self, store: Store) -> None:
        lane, claim = given.claimed_batch(store, 1)
        given.settle(
            store, lane, claim, given.ended(State.ACCEPTED, claim.jobs, purpose=Purpose.UTILITY)
        )
        sent = replace(news(State.FORWARDED), pricing=Pricing.MARKETING)
        tell(store, lane, sent, news(State.DELIVERED))
        said = outcome(store, lane)
        assert (said.state, said.purpose, said.pricing) == (
            State.DELIVERED, Purpose.UTILITY, Pricing.MARKETING,
        )  # fmt: skip

    def test_a_late_receipt_tells_the_pricing_and_moves_nothing(self, store: Store) -> None:
        lane = accepted(store, 1)
        tell(store, lane, news(State.DELIVERED))
        late = replace(news(State.FORWARDED), pricing=Pricing.SERVICE)
        assert tell(store, lane, late) == Applied(stale=1)
        said = outcome(store, lane)
        assert (said.state, said.pricing) == (State.DELIVERED, Pricing.SERVICE)
        assert tell(store, lane, replace(late, pricing=Pricing.UTILITY)) == Applied(stale=1)
        assert outcome(store, lane) == said
        assert given.balanced(store, lane)

    def test_an_early_receipt_keeps_purpose_and_pricing_until_the_job_ends(
        self, store: Store
    ) -> None:
        lane, claim = given.claimed_batch(store, 1)
        tell(store, lane, replace(news(State.DELIVERED), pricing=Pricing.AUTHENTICATION))
        given.settle(
            store, lane, claim,
            given.ended(State.ACCEPTED, claim.jobs, purpose=Purpose.AUTHENTICATION),
        )  # fmt: skip
        said = outcome(store, lane)
        assert (said.state, said.purpose, said.pricing) == (
            State.DELIVERED, Purpose.AUTHENTICATION, Pricing.AUTHENTICATION,
        )  # fmt: skip


class TestCodesFollowTheRecords:
    @pytest.mark.parametrize("state", [State.UNCONFIRMED, State.FAILED, State.REJECTED])
    def test_a_receipt_that_settles_a_message_takes_its_code_back(
        self, store: Store, state: State
    ) -> None:
        lane, claim = given.claimed_batch(store, 3)
        given.settle(store, lane, claim, given.ended(state, claim.jobs, (Origin.HTTP, 502)))
        assert given.codes(store, lane) == {f"{state}:http:502": 3}
        tell(store, lane, news(State.FORWARDED, 1), undelivered(2, 1018))
        assert given.codes(store, lane) == {
            f"{state}:http:502": 1, "undelivered:receipt:1018": 1,
        }  # fmt: skip
        assert given.balanced(store, lane)

    def test_an_answer_that_came_too_late_takes_the_code_back(self, store: Store) -> None:
        lane, claim = given.claimed_batch(store, 2)
        given.settle(
            store, lane, claim, given.ended(State.UNCONFIRMED, claim.jobs, (Origin.LOCAL, 2))
        )
        late = given.records(State.REJECTED, claim.jobs[:1], (Origin.API, 1002))
        store.run(apply_records(lane, late))
        assert given.codes(store, lane) == {"unconfirmed:local:2": 1, "rejected:api:1002": 1}
        assert given.balanced(store, lane)


class TestAnswersThatCameTooLate:
    def test_what_they_prove_is_written(self, store: Store) -> None:
        lane, claim = given.claimed_batch(store, 2)
        given.settle(store, lane, claim, given.ended(State.UNCONFIRMED, claim.jobs))
        late = given.records(State.ACCEPTED, claim.jobs)
        assert store.run(apply_records(lane, late)) == Applied(counted=2)
        assert given.counts(store, lane) == {State.ACCEPTED: 2}

    def test_what_proves_nothing_is_left_out(self, store: Store) -> None:
        lane, claim = given.claimed_batch(store, 2)
        given.settle(store, lane, claim, Settlement({State.QUEUED: 2}, back=claim.jobs))
        late = given.records(State.TRIED, claim.jobs)
        assert store.run(apply_records(lane, late)) == Applied()
        assert outcome_is_empty(store, lane)


def outcome_is_empty(store: Store, lane: str) -> bool:
    """True when nothing was written for the first message."""
    return message_report(store, f"{lane}.0").outcome is None
