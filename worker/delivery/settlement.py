"""Turns verdicts into a settlement: records, counts, retry batches, in-doubt batches, dead letters.

Pure except for the random jitter of the retry batches. The figures add up to the size of the batch by
construction: every list of `Verdicts` is counted where its messages go.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from store.purposes import Purpose
from store.queue.dead_letters import DeadLetters
from store.queue.settlement import InDoubtBatch, RetryBatch, Settlement, put_off
from store.records.job_section import Job
from store.records.outcome import (
    NO_UMID,
    are_numbers,
    code_name,
    head,
    is_number,
    number_field,
    number_fields,
    runs,
    umid_field,
    umid_fields,
)
from store.states import State
from worker.batch import ClaimedBatch, Tools
from worker.requests import BatchOutcome
from worker.results.classify import (
    NO_CODE,
    Code,
    Verdicts,
    may_have_arrived,
    retry_delay,
    seconds_in_doubt,
)
from worker.template_registry import LanePurposes

Marked = Sequence[tuple[Job, Code]]
Record = tuple[int, bytes]


def settlement_of(outcome: BatchOutcome, tools: Tools) -> Settlement:
    """The settlement of this batch."""
    batch, verdicts = outcome.batch, outcome.verdicts
    retry, lane = tools.settings.retry, batch.lane.lane
    posted_at, now = outcome.posted_at, batch.now(tools.clock())
    again = [pair for pair in verdicts.retry if pair[0].attempts + 1 < retry.max_attempts]
    exhausted = [pair for pair in verdicts.retry if pair[0].attempts + 1 >= retry.max_attempts]
    what = Settlement(
        attempt_logs=outcome.attempt_logs, stop=verdicts.stop[0] if verdicts.stop else ""
    )

    umids = dict(verdicts.umids)
    purposes = tools.templates.purposes(lane)

    records = _accepted(verdicts.accepted, posted_at, now, purposes)
    for state, marked in (
        (State.REJECTED, verdicts.rejected),
        (State.UNCONFIRMED, verdicts.held),
        (State.FAILED, exhausted),
        (State.TRIED, again),
        (State.TRIED, verdicts.doubtful),
    ):
        records.extend(_records(state, marked, umids, posted_at, now, purposes))
    unposted = (
        (State.FAILED, verdicts.failed),
        (State.ACCEPTED, [(job, NO_CODE) for job in verdicts.confirmed]),
        (State.SKIPPED, verdicts.skipped),
    )
    for state, ended in unposted:
        records.extend(
            (job.index, ended_record(job, state, code, now, purposes)) for job, code in ended
        )
    what.records = runs(sorted(records))
    if lane.kind != "campaign":  # a campaign's recipients are stored since enqueuing
        what.long_ids = long_ids(_all_recorded(verdicts))

    what.add(State.ACCEPTED, len(verdicts.accepted) + len(verdicts.confirmed))
    what.add(State.REJECTED, len(verdicts.rejected))
    what.add(State.UNCONFIRMED, len(verdicts.held))
    what.add(State.SKIPPED, len(verdicts.skipped))
    what.add(State.FAILED, len(exhausted) + len(verdicts.failed))
    what.add(State.DELAYED, len(again) + len(batch.put_off))
    what.add(State.IN_DOUBT, len(verdicts.doubtful))
    what.add(State.QUEUED, len(verdicts.back))
    what.back = sorted(verdicts.back)
    if again:
        delay = retry_delay(max(job.attempts + 1 for job, _ in again), retry, tools.rng)
        what.retries.append(RetryBatch(batch.id, int(delay * 1000), _tried(again)))
    what.retries += put_off(batch.put_off, batch.rules)
    if verdicts.doubtful:
        what.in_doubt_batches.append(_park(batch, verdicts.doubtful, tools))
    what.dead = [
        *_dead_letters(exhausted),
        *_dead_letters(verdicts.held),
        *_untried_dead_letters(verdicts.failed),
    ]
    what.count_retried(outcome.retried + Counter(code for _, code in again))
    if outcome.unsent:  # the mark has counted them
        what.stats["requests"] = -len(outcome.unsent)
        what.stats["posted"] = -sum(outcome.unsent)
    return what


def _park(batch: ClaimedBatch, doubtful: Marked, tools: Tools) -> InDoubtBatch:
    """An in-doubt batch of these messages; it keeps their code if they share one."""
    jobs, codes = _tried(doubtful), {code for _, code in doubtful}
    resends, policies = {job.resends for job in jobs}, tools.settings.policies
    seconds = seconds_in_doubt(batch.lane.lane, policies, resends, tools.rng)
    code = code_name(*codes.pop()) if len(codes) == 1 else ""
    return InDoubtBatch(f"{batch.id}p", int(seconds * 1000), jobs, code)


def ended_record(job: Job, state: State, code: Code, now: int, purposes: LanePurposes) -> bytes:
    """The record of a job that ends now without a POST."""
    doubt, purpose = _is_in_doubt(state, job.attempts, job.doubt), purposes.of(job.line)
    start = head(state, job.attempts, *code, 0, now, purpose=purpose, other_attempt=doubt)
    return start + number_field(job.recipient) + NO_UMID


def _is_in_doubt(state: State, attempts: int, doubt: int) -> bool:
    """True when another attempt than the recorded one may have arrived.

    Args:
        attempts: in the record.
        doubt: of the job, as it ends.
    """
    return doubt > 0 and (attempts > 1 or state not in (State.ACCEPTED, State.UNCONFIRMED))


def long_ids(jobs: Iterable[Job]) -> list[tuple[int, bytes]]:
    """Index and recipient of jobs whose recipient does not fit a record."""
    named = [(job[0], job[2].partition(b"\t")[0]) for job in jobs]
    if are_numbers([recipient for _, recipient in named]):
        return []
    return [pair for pair in named if not is_number(pair[1])]


def _accepted(
    accepted: Sequence[tuple[Job, str | None]], posted_at: int, now: int, purposes: LanePurposes
) -> list[Record]:
    """The hot loop of settling: one record for each message that the provider accepted."""

    @cache
    def start(attempts: int, doubt: int, purpose: Purpose) -> bytes:
        other = _is_in_doubt(State.ACCEPTED, attempts + 1, doubt)
        return head(
            State.ACCEPTED,
            attempts + 1,
            *NO_CODE,
            posted_at,
            now,
            purpose=purpose,
            other_attempt=other,
        )

    streak, of_all = {job[1::2] for job, _ in accepted}, purposes.of_all
    if of_all and len(streak) == 1:
        starts = [start(*streak.pop(), of_all)] * len(accepted)
    else:
        starts = [start(job.attempts, job.doubt, purposes.of(job.line)) for job, _ in accepted]
    numbers = number_fields([job.line.partition(b"\t")[0] for job, _ in accepted])
    umids = umid_fields([umid for _, umid in accepted])
    return [
        (job[0], head_ + number + umid)
        for (job, _), head_, number, umid in zip(accepted, starts, numbers, umids, strict=True)
    ]


def _records(
    state: State,
    marked: Marked,
    umids: Mapping[int, str],
    posted_at: int,
    now: int,
    purposes: LanePurposes,
) -> Iterable[Record]:
    tells_the_last = state in (State.REJECTED, State.UNCONFIRMED)
    for job, code in marked:
        attempts = job.attempts + 1
        doubt = job.doubt or (not tells_the_last and may_have_arrived(code))
        start = head(
            state, attempts, *code, posted_at, now,
            purpose=purposes.of(job.line), other_attempt=_is_in_doubt(state, attempts, doubt),
        )  # fmt: skip
        yield job.index, start + number_field(job.recipient) + umid_field(umids.get(job.index))


def _dead_letters(marked: Marked) -> Iterable[DeadLetters]:
    """Copies of these jobs for an operator's decision, one entry per reason."""
    for code in dict.fromkeys(code for _, code in marked):
        yield DeadLetters(code_name(*code), _tried([pair for pair in marked if pair[1] == code]))


def _untried_dead_letters(marked: Marked) -> Iterable[DeadLetters]:
    for code in dict.fromkeys(code for _, code in marked):
        yield DeadLetters(code_name(*code), sorted(job for job, its in marked if its == code))


def _tried(marked: Marked) -> list[Job]:
    """The jobs, in order, with one more attempt."""
    return sorted(job.tried(may_have_arrived=may_have_arrived(code)) for job, code in marked)


def _all_recorded(verdicts: Verdicts) -> Iterable[Job]:
    yield from verdicts.confirmed
    for job, _ in verdicts.accepted:
        yield job
    refused = (verdicts.rejected, verdicts.held, verdicts.retry, verdicts.doubtful)
    for group in (*refused, verdicts.failed, verdicts.skipped):
        for job, _ in group:
            yield job
