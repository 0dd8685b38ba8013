"""Settlements of any mix of verdicts."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.purposes import Purpose
from store.queue.dead_letters import DeadLetters
from store.queue.settlement import settle_batch
from store.records.job_section import Job
from store.records.outcome import (
    RECORD_BYTES,
    Doubt,
    LocalReason,
    Origin,
    Outcome,
    read_record,
    read_records,
)
from store.states import OPEN_STATES, State
from tests.examples import examples
from tests.unit.worker.given import CAMPAIGN, NOW, job, jobs, lane, outcome, tools
from worker.delivery.settlement import settlement_of
from worker.results.classify import Code, Verdicts

API_1002: Code = (Origin.API, 1002)
SERVER_ERROR: Code = (Origin.HTTP, 503)
THROTTLED: Code = (Origin.API, 1400)
MISSING: Code = (Origin.LOCAL, LocalReason.MISSING_IN_ANSWER)
UMID = "5c1a7a4c-0000-4000-8000-00000000002a"


def records(verdicts: Verdicts, those: Sequence[Job]) -> dict[int, Outcome]:
    """The records that settling writes, by index."""
    found = {}
    for run in settlement_of(outcome(those, verdicts), tools()).records:
        first = run.bucket * 1000 + run.offset // RECORD_BYTES
        for place in range(0, len(run.records), RECORD_BYTES):
            record = read_record(run.records[place:][:RECORD_BYTES], first + place // RECORD_BYTES)
            assert record is not None
            found[record.index] = record
    return found


def test_an_accepted_message_has_a_record_with_umid_number_attempt_and_times() -> None:
    one = job(1, attempts=1)
    assert records(Verdicts(accepted=[(one, UMID)]), [one]) == {
        1: Outcome(
            1, State.ACCEPTED, 2, Origin.NONE, 0, NOW, NOW, "447700900001", UMID,
            purpose=Purpose.MARKETING,
        )
    }  # fmt: skip


DOUBTED = Job(0, 1, b"447700900000\tGuest", 1)
"""Its first attempt may have arrived."""


@pytest.mark.parametrize(
    ("verdicts", "doubt"),
    [
        (Verdicts(accepted=[(DOUBTED, UMID)]), Doubt.MAY_HAVE_TWO),
        (Verdicts(held=[(DOUBTED, SERVER_ERROR)]), Doubt.MAY_HAVE_TWO),
        (Verdicts(rejected=[(DOUBTED, API_1002)]), Doubt.MAY_HAVE_ARRIVED),
        (Verdicts(failed=[(DOUBTED, API_1002)]), Doubt.MAY_HAVE_ARRIVED),
        (Verdicts(skipped=[(DOUBTED, API_1002)]), Doubt.MAY_HAVE_ARRIVED),
        (Verdicts(retry=[(DOUBTED, THROTTLED)]), Doubt.MAY_HAVE_ARRIVED),
        (Verdicts(confirmed=[DOUBTED]), Doubt.NONE),  # it is that attempt that arrived
        (Verdicts(confirmed=[DOUBTED._replace(attempts=2)]), Doubt.MAY_HAVE_TWO),
        (Verdicts(accepted=[(job(0, attempts=1), UMID)]), Doubt.NONE),
        (Verdicts(rejected=[(job(0, attempts=1), API_1002)]), Doubt.NONE),
        (Verdicts(held=[(job(0), SERVER_ERROR)]), Doubt.MAY_HAVE_ARRIVED),
        (Verdicts(retry=[(job(0), SERVER_ERROR)]), Doubt.MAY_HAVE_ARRIVED),
        (Verdicts(retry=[(job(0), THROTTLED)]), Doubt.NONE),
        (Verdicts(doubtful=[(job(0), MISSING)]), Doubt.MAY_HAVE_ARRIVED),
    ],
)
def test_a_record_says_what_the_person_may_have_got_beyond_its_state(
    verdicts: Verdicts, doubt: Doubt
) -> None:
    assert records(verdicts, [job(0)])[0].doubt is doubt


def test_whose_retries_are_used_up_by_errors_of_the_provider_may_have_got_it() -> None:
    tired = job(0, attempts=14)
    found = records(Verdicts(retry=[(tired, SERVER_ERROR)]), [tired])[0]
    assert (found.state, found.doubt) == (State.FAILED, Doubt.MAY_HAVE_ARRIVED)


def test_messages_of_a_batch_that_fared_alike_in_different_attempts_each_tell_their_own() -> None:
    those = [job(0), DOUBTED._replace(index=1), job(2, attempts=3)]
    found = records(Verdicts(accepted=[(one, UMID) for one in those]), those)
    assert [(found[i].attempts, found[i].other_attempt) for i in range(3)] == [
        (1, False), (2, True), (4, False),
    ]  # fmt: skip


def test_single_messages_are_recorded_with_the_purpose_that_they_were_given() -> None:
    lines = [b"447700900000\t{}", b"447700900001\t{}\tm", b"447700900002\t{}\tm1999999999"]
    those = [Job(index, 0, line) for index, line in enumerate(lines)]
    verdicts = Verdicts(accepted=[(one, UMID) for one in those[:2]], skipped=[(those[2], MISSING)])
    (run,) = settlement_of(outcome(those, verdicts, lane("notifications")), tools()).records
    found = [one.purpose for one in read_records(run.records, 0)]
    assert found == [Purpose.UTILITY, Purpose.MARKETING, Purpose.MARKETING]


def test_a_umid_that_is_no_uuid_is_left_out() -> None:
    assert records(Verdicts(accepted=[(job(0), "abc")]), jobs(1))[0].umid is None


@pytest.mark.parametrize(
    ("verdicts", "state", "code"),
    [
        (Verdicts(rejected=[(job(0), API_1002)]), State.REJECTED, API_1002),
        (Verdicts(held=[(job(0), SERVER_ERROR)]), State.UNCONFIRMED, SERVER_ERROR),
        (Verdicts(retry=[(job(0), SERVER_ERROR)]), State.TRIED, SERVER_ERROR),
        (Verdicts(doubtful=[(job(0), MISSING)]), State.TRIED, MISSING),
    ],
)
def test_every_other_end_has_a_record_with_its_code(
    verdicts: Verdicts, state: State, code: Code
) -> None:
    found = records(verdicts, jobs(1))[0]
    assert (found.state, (found.origin, found.code), found.attempts) == (state, code, 1)
    what = settlement_of(outcome(jobs(1), verdicts), tools())
    name = f"{state}:{code[0].name.lower()}:{int(code[1])}"
    assert what.codes == ({} if state is State.TRIED else {name: 1})


def test_a_message_that_was_refused_keeps_the_id_that_the_provider_gave_it() -> None:
    verdicts = Verdicts(
        rejected=[(job(0), API_1002)], retry=[(job(1), SERVER_ERROR)], umids=[(0, UMID), (1, UMID)]
    )
    found = records(verdicts, jobs(2))
    assert [found[index].umid for index in (0, 1)] == [UMID, UMID]


def test_jobs_that_go_back_leave_no_trace_and_keep_their_attempts_and_order() -> None:
    back = [job(2), job(0, attempts=1), job(1)]
    what = settlement_of(outcome(back, Verdicts(back=back)), tools())
    assert what.back == [job(0, attempts=1), job(1), job(2)]
    assert (what.counts, what.records, what.stats) == ({State.QUEUED: 3}, [], {})


def test_what_is_retried_goes_out_in_one_retry_with_an_attempt_used_up() -> None:
    verdicts = Verdicts(retry=[(job(1), SERVER_ERROR), (job(0, attempts=3), API_1002)])
    what = settlement_of(outcome(jobs(2), verdicts), tools(base_delay=4, quick_attempts=3))
    (retry,) = what.retries
    assert retry.jobs == [job(0, attempts=4, doubt=1), job(1, attempts=1, doubt=1)]
    assert 4_000 <= retry.delay_ms <= 8_000  # by the most attempts: the second retry batch
    assert what.counts == {State.DELAYED: 2}
    assert what.stats == {"retried": 2, "retried:http:503": 1, "retried:api:1002": 1}


def test_a_message_out_of_attempts_fails_and_is_on_the_dead_letters_with_the_reason() -> None:
    verdicts = Verdicts(retry=[(job(0, attempts=2), SERVER_ERROR), (job(1, attempts=1), API_1002)])
    what = settlement_of(outcome(jobs(2), verdicts), tools(max_attempts=3))
    assert what.counts == {State.FAILED: 1, State.DELAYED: 1}
    assert what.dead == [DeadLetters("http:503", [job(0, attempts=3, doubt=1)])]
    assert [one.index for one in what.retries[0].jobs] == [1]


def test_what_is_held_is_unknown_and_on_the_dead_letters_an_entry_a_reason() -> None:
    held = [(job(0), SERVER_ERROR), (job(1, attempts=1), API_1002), (job(2), SERVER_ERROR)]
    what = settlement_of(outcome(jobs(3), Verdicts(held=held)), tools())
    assert what.counts == {State.UNCONFIRMED: 3}
    assert what.dead == [
        DeadLetters("http:503", [job(0, attempts=1, doubt=1), job(2, attempts=1, doubt=1)]),
        DeadLetters("api:1002", [job(1, attempts=2, doubt=1)]),
    ]


def test_what_fails_and_what_is_held_are_both_kept() -> None:
    verdicts = Verdicts(held=[(job(0), SERVER_ERROR)], retry=[(job(1), API_1002)])
    what = settlement_of(outcome(jobs(2), verdicts), tools(max_attempts=1))
    assert [dead.reason for dead in what.dead] == ["api:1002", "http:503"]


def test_what_is_in_doubt_is_in_doubt_for_as_long_as_the_lane_says() -> None:
    verdicts = Verdicts(doubtful=[(job(0), MISSING)], accepted=[(job(1), None)])
    sent = outcome(jobs(2), verdicts, lane(settle_after=180))
    (in_doubt_batch,) = settlement_of(sent, tools()).in_doubt_batches
    assert (in_doubt_batch.id, in_doubt_batch.delay_ms, in_doubt_batch.jobs) == (
        f"{sent.batch.id}p",
        180_000,
        [job(0, attempts=1, doubt=1)],
    )
    assert in_doubt_batch.code == "local:3"


def test_an_in_doubt_batch_of_more_than_one_cause_keeps_none() -> None:
    verdicts = Verdicts(doubtful=[(job(0), MISSING), (job(1), (Origin.HTTP, 204))])
    (in_doubt_batch,) = settlement_of(outcome(jobs(2), verdicts), tools()).in_doubt_batches
    assert (len(in_doubt_batch.jobs), in_doubt_batch.code) == (2, "")


def test_requests_that_did_not_leave_are_taken_off_the_figures() -> None:
    sent = outcome(jobs(2), Verdicts(back=jobs(2)))
    sent.unsent.extend([2, 1])
    assert settlement_of(sent, tools()).stats == {"requests": -2, "posted": -3}


def test_an_attempt_that_was_surely_refused_leaves_no_doubt() -> None:
    verdicts = Verdicts(retry=[(job(0), (Origin.API, 1400)), (job(1, doubt=2), (Origin.API, 429))])
    (retry,) = settlement_of(outcome(jobs(2), verdicts), tools()).retries
    assert retry.jobs == [job(0, attempts=1), job(1, attempts=1, doubt=2)]


def test_the_first_reason_to_stop_is_told() -> None:
    what = settlement_of(outcome(jobs(1), Verdicts(back=jobs(1), stop=["one", "two"])), tools())
    assert what.stop == "one"
    assert settlement_of(outcome(jobs(1), Verdicts(back=jobs(1))), tools()).stop == ""


def test_retries_within_the_batch_are_counted_too() -> None:
    sent = outcome(jobs(2), Verdicts(retry=[(one, SERVER_ERROR) for one in jobs(2)]))
    sent.retried[API_1002] = 4
    what = settlement_of(sent, tools())
    assert what.stats == {"retried": 6, "retried:api:1002": 4, "retried:http:503": 2}


@pytest.mark.parametrize(
    "recipient", [b"GB.1349120865530274", b"U4af4980629", b"GB:07700900123", b"9" * 16, b"0123456"]
)
def test_a_recipient_that_is_no_phone_number_is_kept_beside_the_records(recipient: bytes) -> None:
    one = job(0, recipient=recipient)
    for verdicts in (
        Verdicts(accepted=[(one, UMID)]),
        Verdicts(rejected=[(one, API_1002)]),
        Verdicts(held=[(one, SERVER_ERROR)]),
        Verdicts(retry=[(one, SERVER_ERROR)]),
        Verdicts(doubtful=[(one, MISSING)]),
    ):
        what = settlement_of(outcome([one], verdicts, lane("notifications")), tools())
        assert what.long_ids == [(0, recipient)]
        in_campaign = settlement_of(outcome([one], verdicts), tools())
        assert in_campaign.long_ids == []  # they are in since it was enqueued
        assert records(verdicts, [one])[0].number == ""


def test_a_phone_number_stands_in_its_record_alone() -> None:
    sent = outcome(jobs(2), Verdicts(accepted=[(one, None) for one in jobs(2)]))
    what = settlement_of(sent, tools())
    assert what.long_ids == []


def test_what_is_skipped_keeps_its_attempts_and_is_counted_and_on_no_dead_letters() -> None:
    why: Code = (Origin.LOCAL, LocalReason.SUPPRESSED)
    verdicts = Verdicts(skipped=[(job(0, attempts=2), why)])
    found = records(verdicts, [job(0, attempts=2)])[0]
    assert (found.state, found.attempts, found.code) == (State.SKIPPED, 2, LocalReason.SUPPRESSED)
    what = settlement_of(outcome(jobs(1), verdicts), tools())
    assert (what.counts, what.codes, what.dead) == (
        {State.SKIPPED: 1},
        {"skipped:local:8": 1},
        [],
    )


def test_a_message_that_was_never_posted_has_no_time_of_posting() -> None:
    sent = outcome(jobs(1), Verdicts(rejected=[(job(0), API_1002)]))
    sent.posted_ms = 0
    what = settlement_of(sent, tools())
    found = read_record(what.records[0].records, 0)
    assert found is not None
    assert (found.posted_at, found.changed_at) == (0, NOW)


LISTS = ("accepted", "rejected", "retry", "doubtful", "held", "back", "skipped")
CODES = st.sampled_from([API_1002, SERVER_ERROR, MISSING, (Origin.API, 70000), (Origin.API, -1)])
STATUSES = st.lists(
    st.tuples(st.sampled_from(LISTS), st.integers(0, 20), CODES), min_size=1, max_size=40
)


def verdicts_of(statuses: list[tuple[str, int, Code]]) -> tuple[list[Job], Verdicts]:
    """Jobs here and there in the lane, and what became of each."""
    verdicts, those = Verdicts(), []
    for place, (name, attempts, code) in enumerate(statuses):
        one = job(place * 3 if place % 2 else 2000 + place, attempts)
        those.append(one)
        entry = {"accepted": (one, UMID), "back": one}.get(name, (one, code))
        getattr(verdicts, name).append(entry)
    return those, verdicts


@settings(max_examples=examples(150), deadline=None)
@given(STATUSES)
def test_the_figures_always_add_up_to_the_size_of_the_batch(
    statuses: list[tuple[str, int, Code]],
) -> None:
    those, verdicts = verdicts_of(statuses)
    what = settlement_of(outcome(those, verdicts), tools(max_attempts=8))
    assert sum(what.counts.values()) == len(those)
    settle_batch(CAMPAIGN.id, "b1", len(those), "ann", what)  # holds the counts against the lists


@settings(max_examples=examples(150), deadline=None)
@given(STATUSES)
def test_every_message_that_is_not_finished_has_one_place_where_it_waits(
    statuses: list[tuple[str, int, Code]],
) -> None:
    those, verdicts = verdicts_of(statuses)
    what = settlement_of(outcome(those, verdicts), tools(max_attempts=8))
    waiting = [one.index for retry in what.retries for one in retry.jobs]
    waiting += [
        one.index for in_doubt_batch in what.in_doubt_batches for one in in_doubt_batch.jobs
    ]
    waiting += [one.index for one in what.back]
    assert len(set(waiting)) == len(waiting)
    assert len(waiting) == sum(what.counts.get(state, 0) for state in OPEN_STATES)
