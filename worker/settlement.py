"""From verdicts to what is written: records, counts, retry waves, parks, dead letters.

Pure but for the random jitter of the waves. The figures add up to the size of the flight by
construction: every list of `Verdicts` is counted where its messages go.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from store.dead import Dead
from store.flights import Park, Settlement, Wave
from store.outcomes import (
    NO_UMID,
    Origin,
    are_numbers,
    head,
    is_number,
    number_field,
    number_fields,
    runs,
    umid_field,
    umid_fields,
)
from store.packing import Job
from store.states import State
from worker.decisions import NO_CODE, Code, Verdicts, wave_delay
from worker.flight import Flight, Tools

Marked = Sequence[tuple[Job, Code]]
Record = tuple[int, bytes]


def settlement_of(flight: Flight, verdicts: Verdicts, tools: Tools) -> Settlement:
    """What settling this flight writes."""
    retry, lane = tools.settings.retry, flight.lane.lane
    posted_at, now = flight.posted_at(), flight.now(tools.clock())
    again = [pair for pair in verdicts.retry if pair[0].attempts + 1 < retry.max_attempts]
    exhausted = [pair for pair in verdicts.retry if pair[0].attempts + 1 >= retry.max_attempts]
    what = Settlement(trails=flight.trails, stop=verdicts.stop[0] if verdicts.stop else "")

    umids = dict(verdicts.umids)
    records = _accepted(verdicts.accepted, posted_at, now)
    for state, marked in (
        (State.REJECTED, verdicts.rejected),
        (State.UNKNOWN, verdicts.held),
        (State.FAILED, exhausted),
        (State.TRIED, again),
        (State.TRIED, verdicts.doubtful),
    ):
        records.extend(_records(state, marked, umids, posted_at, now))
        _count_codes(what, state, marked)
    records.extend(
        (job.index, ended_record(job, State.FAILED, code, now)) for job, code in verdicts.failed
    )
    _count_codes(what, State.FAILED, verdicts.failed)
    records.extend(
        (job.index, ended_record(job, State.ACCEPTED, NO_CODE, now)) for job in verdicts.proven
    )
    records.extend(
        (job.index, ended_record(job, State.SKIPPED, code, now)) for job, code in verdicts.skipped
    )
    _count_codes(what, State.SKIPPED, verdicts.skipped)
    what.records = runs(sorted(records))
    if lane.kind != "campaign":  # whose people are in since they were enqueued
        what.long_ids = long_ids(_all_recorded(verdicts))

    what.add(State.ACCEPTED, len(verdicts.accepted) + len(verdicts.proven))
    what.add(State.REJECTED, len(verdicts.rejected))
    what.add(State.UNKNOWN, len(verdicts.held))
    what.add(State.SKIPPED, len(verdicts.skipped))
    what.add(State.FAILED, len(exhausted) + len(verdicts.failed))
    what.add(State.DELAYED, len(again))
    what.add(State.PARKED, len(verdicts.doubtful))
    what.add(State.QUEUED, len(verdicts.back))
    what.back = sorted(verdicts.back)
    if again:
        delay = wave_delay(max(job.attempts + 1 for job, _ in again), retry, tools.rng)
        what.waves.append(Wave(flight.batch, int(delay * 1000), _tried(again)))
    if verdicts.doubtful:
        settle_after = int(lane.settle_after * 1000)
        what.parks.append(Park(f"{flight.batch}p", settle_after, _tried(verdicts.doubtful)))
    what.dead = [*_dead(exhausted), *_dead(verdicts.held), *_dead_untried(verdicts.failed)]
    if retried := flight.retried + len(again):
        what.stats["retried"] = retried
    return what


def ended_record(job: Job, state: State, code: Code, now: int) -> bytes:
    """The record of a job that ends without being posted now."""
    start = head(state, job.attempts, *code, 0, now)
    return start + number_field(job.recipient) + NO_UMID


def long_ids(jobs: Iterable[Job]) -> list[tuple[int, bytes]]:
    """Index and recipient of those who do not fit a record."""
    named = [(job[0], job[2].partition(b"\t")[0]) for job in jobs]
    if are_numbers([recipient for _, recipient in named]):
        return []
    return [pair for pair in named if not is_number(pair[1])]


def _accepted(accepted: Sequence[tuple[Job, str | None]], posted_at: int, now: int) -> list[Record]:
    """The hot loop of settling: one record for each message that the provider took."""
    heads = {
        attempts: head(State.ACCEPTED, attempts + 1, *NO_CODE, posted_at, now)
        for attempts in {job.attempts for job, _ in accepted}
    }
    numbers = number_fields([job.line.partition(b"\t")[0] for job, _ in accepted])
    umids = umid_fields([umid for _, umid in accepted])
    return [
        (job[0], heads[job[1]] + number + umid)
        for (job, _), number, umid in zip(accepted, numbers, umids, strict=True)
    ]


def _records(
    state: State, marked: Marked, umids: Mapping[int, str], posted_at: int, now: int
) -> Iterable[Record]:
    for job, (origin, code) in marked:
        start = head(state, job.attempts + 1, origin, code, posted_at, now)
        yield job.index, start + number_field(job.recipient) + umid_field(umids.get(job.index))


def _count_codes(what: Settlement, state: State, marked: Marked) -> None:
    for code, n in Counter(code for _, code in marked).items():
        name = f"{state}:{_code_name(code)}"
        what.codes[name] = what.codes.get(name, 0) + n


def _code_name(code: Code) -> str:
    return f"{Origin(code[0]).name.lower()}:{code[1]}"


def _dead(marked: Marked) -> Iterable[Dead]:
    """What is kept of these jobs for an operator's word, an entry a reason."""
    for code in dict.fromkeys(code for _, code in marked):
        yield Dead(_code_name(code), _tried([pair for pair in marked if pair[1] == code]))


def _dead_untried(marked: Marked) -> Iterable[Dead]:
    for code in dict.fromkeys(code for _, code in marked):
        yield Dead(_code_name(code), sorted(job for job, its in marked if its == code))


def _tried(marked: Marked) -> list[Job]:
    """The jobs, in order, with one more attempt used up."""
    return sorted(Job(job.index, job.attempts + 1, job.line) for job, _ in marked)


def _all_recorded(verdicts: Verdicts) -> Iterable[Job]:
    yield from verdicts.proven
    for job, _ in verdicts.accepted:
        yield job
    refused = (verdicts.rejected, verdicts.held, verdicts.retry, verdicts.doubtful)
    for group in (*refused, verdicts.failed, verdicts.skipped):
        for job, _ in group:
            yield job
