"""Batches, and leftovers of their requests."""

from chatapps.responses import Answered, BatchAnswer, NotSent, Refused, Result
from store.records.outcome import LocalReason, Origin
from tests.unit.worker.given import CAMPAIGN, NOW, batch, job, jobs, outcome
from worker.batch import Reservation
from worker.requests import BatchOutcome, Decision, Request, Response
from worker.results.classify import SENT_TOO_SOON, Known, Unmade, Verdicts, Withheld


def test_times_are_those_of_redis_carried_on_by_our_clock() -> None:
    assert batch(jobs(1)).now(2.5) == NOW + 2


def test_the_batch_id_that_travels_names_the_lane() -> None:
    assert batch(jobs(1)).client_batch_id == f"{CAMPAIGN.id}.b1b1b1b1b1b1"


def test_a_attempt_log_tells_attempt_code_time_and_batch_once_for_all_that_fared_alike() -> None:
    sent = outcome(jobs(3))
    sent.log_attempts((one, (Origin.HTTP, 503)) for one in jobs(3))
    assert sent.attempt_logs == [(0, f"0-2 1 http 503 {NOW} b1b1b1b1b1b1".encode())]


def test_messages_that_fared_differently_have_attempt_logs_of_their_own() -> None:
    sent = outcome(jobs(1))
    doubt = (Origin.LOCAL, LocalReason.NO_ANSWER)
    sent.log_attempts([(job(0), doubt), (job(1, attempts=4), doubt), (job(2), (Origin.API, 2000))])
    assert [entry.rsplit(b" ", 2)[0] for _, entry in sent.attempt_logs] == [
        b"0 1 local 2",
        b"1 5 local 2",
        b"2 1 api 2000",
    ]


def test_nothing_failed_is_no_attempt_log() -> None:
    sent = outcome(jobs(1))
    sent.log_attempts([])
    assert sent.attempt_logs == []


def ended(
    sent: BatchOutcome, result: Result | Unmade, decision: Decision, *, permits: bool = True
) -> None:
    """A request with all jobs of a batch has ended."""
    used = sent.batch.permits if permits else None
    sent.add(Request(sent.batch.jobs), Response(result, used), decision)


def test_permits_that_have_told_nothing_yet_are_kept_for_a_last_word() -> None:
    sent = outcome(jobs(1))
    ended(sent, Refused(403), Decision(is_told=False))
    assert sent.permits is sent.batch.permits
    ended(sent, Refused(401), Decision())
    assert sent.permits is None


def test_a_request_that_took_no_permits_leaves_those_of_the_claim_to_the_next() -> None:
    sent = outcome(jobs(1))
    sent.permits = sent.batch.permits
    ended(sent, Withheld("too large"), Decision(), permits=False)
    assert isinstance(sent.permits, Reservation)


def test_the_provider_s_names_of_batches_and_unsent_requests_are_remembered() -> None:
    sent = outcome(jobs(2))
    ended(sent, Answered(BatchAnswer(2, 0, "their-id")), Decision())
    ended(sent, NotSent("refused"), Decision())
    assert (sent.answered, sent.unsent) == (["their-id"], [2])


def test_only_what_was_posted_leaves_a_attempt_log() -> None:
    sent = outcome(jobs(1))
    confirmed = Decision(Verdicts(confirmed=jobs(1)))
    ended(sent, Known(frozenset({0})), confirmed)
    assert sent.attempt_logs == []
    ended(sent, Refused(400, SENT_TOO_SOON[1]), confirmed)
    assert [entry.split(b" ")[:4] for _, entry in sent.attempt_logs] == [
        [b"0", b"1", b"api", b"1400"]
    ]


def test_halves_of_a_request_share_what_they_come_to() -> None:
    sent, (left, right) = outcome(jobs(4)), Request(jobs(4)).halves()
    inner = right.halves()[0]
    sent.join(left, Verdicts(back=jobs(2)))
    sent.join(inner, Verdicts(stop=["why"]))
    assert [one.stop for one in inner.within] == [["why"], ["why"]]
    assert len(left.within[0].back) == 2
    assert left.within[0] is right.within[0] is inner.within[0]
    assert (sent.verdicts.stop, len(sent.verdicts.back)) == (["why"], 2)


def test_another_attempt_counts_and_may_have_arrived() -> None:
    again = Request(jobs(2)).again(0.5)
    assert (again.failed, again.pause) == (1, 0.5)
    assert [(one.attempts, one.doubt) for one in again.jobs] == [(1, 1), (1, 1)]
