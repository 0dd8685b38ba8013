"""Batches: claim, mark before the POST, settle; recovery and retries."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from store.client import Argument, Call, command, first, script_call, text
from store.errors import StoreRefused
from store.keys import OUTCOMES_PER_KEY, LaneKeys, lane_keys
from store.lanes.lane import LaneStatus
from store.queue.dead_letters import DeadLetters
from store.records.job_section import Job, deaths_of, pack, pack_in_halves, unpack
from store.records.outcome import RECORD_BYTES, Origin, Run, code_name, codes_in, doubts_in
from store.states import OPEN_MARKS, OPEN_STATES, State

MOST_DEATHS = 3
"""Most deaths of workers while holding a single job."""


PUT_OFF = "q"
"""First letter of the ids of retry batches whose people may not get their messages yet."""


class WaitCause(StrEnum):
    """Why people may not get their messages yet: the letter after `PUT_OFF`."""

    HOURS = ""
    TIER = "t"
    PAIR = "p"


class PutOff(NamedTuple):
    """A message that waits, untried."""

    job: Job
    due: int  # s since 1970
    cause: WaitCause = WaitCause.HOURS


@dataclass(frozen=True, slots=True)
class Claim:
    """Result of a claim."""

    status: LaneStatus  # of the lane; no jobs unless it is the requested one
    revision: int
    now_ms: int  # Redis' clock
    waiting: int  # queue elements left behind, 0 = the queue is empty
    jobs: list[Job]
    early_updates: int = 0  # messages of the lane with an early status update
    wait_ms: int = 0  # until the lane's own rate allows the next batch
    weight: int = 1
    rate: float = 0  # messages/s of the lane; 0 = no rate of its own


def claim_batch(
    lane: str,
    batch: str,
    *,
    owner: str,
    most: int,
    most_bytes: int,
    lease_ms: int,
    status: LaneStatus = LaneStatus.SENDING,
    at_any_rate: bool = False,
    spread_rate: float = 0,
) -> Call[Claim]:
    """Move up to `most` jobs into a batch; `batch` is the operation id, a repeat returns the same jobs.

    Args:
        at_any_rate: not at the lane's own rate, since they are not sent.
        spread_rate: messages/s if it is a campaign that is spread over the tier; 0: it has no tier.
    """
    keys = lane_keys(lane)
    return script_call(
        "claim_batch",
        (keys.meta, keys.counts, keys.queue, keys.claimed_batches, keys.claimed_batch(batch)),
        (batch, owner, most, most_bytes, lease_ms, status, int(at_any_rate), spread_rate),
        _claim,
    )


@dataclass(frozen=True, slots=True)
class Mark:
    """Result of marking a batch."""

    verdict: str  # ok | lost | the lane's status that forbids posting
    revision: int
    now_ms: int
    early_updates: int = 0  # messages of the lane with an early status update
    held: bool = False  # a receipt has named the batch, and none of its messages

    @property
    def may_post(self) -> bool:
        """True when the batch is still owned and the lane is sending."""
        return self.verdict == "ok"

    @property
    def lost(self) -> bool:
        """True when the lease ran out and the batch was recovered: do not touch it."""
        return self.verdict == "lost"


def mark_posting(
    lane: str, batch: str, *, owner: str, request: int, messages: int, lease_ms: int
) -> Call[Mark]:
    """Mark that a request of this batch (1, 2 …) is about to be posted."""
    keys = lane_keys(lane)
    return script_call(
        "mark_posting",
        (keys.meta, keys.stats, keys.claimed_batches, keys.claimed_batch(batch)),
        (batch, owner, request, lease_ms, messages),
        _mark,
    )


def _mark(reply: Any) -> Mark:
    verdict, revision, now, early, held = reply
    return Mark(text(verdict), int(revision), int(now), int(early), held == 1)


@dataclass(frozen=True, slots=True)
class RetryBatch:
    """Jobs that are retried together."""

    id: str
    delay_ms: int  # of one that was put off the id tells the time
    jobs: Sequence[Job]


@dataclass(frozen=True, slots=True)
class InDoubtBatch:
    """Jobs that were posted without a usable answer."""

    id: str
    delay_ms: int
    jobs: Sequence[Job]
    code: str = ""  # reason, as figures name it


@dataclass(slots=True)
class Settlement:
    """The result of every message of a batch or an in-doubt batch; the figures must add up to its
    size."""

    counts: dict[State, int] = field(default_factory=dict)
    records: list[Run] = field(default_factory=list)
    back: Sequence[Job] = ()  # to the front of the queue
    retries: list[RetryBatch] = field(default_factory=list)
    in_doubt_batches: list[InDoubtBatch] = field(default_factory=list)
    dead: list[DeadLetters] = field(default_factory=list)  # copies: their records hold the states
    stats: dict[str, int] = field(default_factory=dict)
    attempt_logs: list[tuple[int, bytes]] = field(default_factory=list)  # bucket, entry
    long_ids: list[tuple[int, bytes]] = field(default_factory=list)  # index, recipient
    stop: str = ""  # reason to stop the lane
    deaths: int | None = (
        None  # a worker has died holding `back`: requeue it in halves, each claimed alone
    )

    @property
    def codes(self) -> dict[str, int]:
        """Messages that end now without having arrived, by state and code."""
        return codes_in(run.records for run in self.records)

    def count_retried(self, codes: Mapping[tuple[Origin, int], int]) -> None:
        """Count retried messages, by the code of the failed attempt."""
        for code, n in ((code, n) for code, n in codes.items() if n):
            for name in ("retried", f"retried:{code_name(*code)}"):
                self.stats[name] = self.stats.get(name, 0) + n

    def add(self, state: State, n: int) -> None:
        """Count n more messages into a state."""
        if n:
            self.counts[state] = self.counts.get(state, 0) + n


@dataclass(frozen=True, slots=True)
class Settled:
    """Result of settling."""

    verdict: str  # ok | repeat | lost | held
    revision: int
    status: LaneStatus

    @property
    def lost(self) -> bool:
        """True when nothing was written: the batch has another owner."""
        return self.verdict == "lost"


def settle_batch(lane: str, batch: str, n: int, owner: str, what: Settlement) -> Call[Settled]:
    """End an owned batch, atomically. Repeating it returns the first result.

    Raises:
        StoreRefused: the counts, the lists and the size of the batch do not add up.
    """
    source = lane_keys(lane).claimed_batch(batch)
    return _settle(lane, batch, n, owner, State.IN_FLIGHT, source, what)


def settle_in_doubt(
    lane: str, in_doubt_batch: str, n: int, what: Settlement, *, unless_held: bool = False
) -> Call[Settled]:
    """End an in-doubt batch: by status updates, by the lane's policy, or by an operator.

    Args:
        unless_held: write nothing if jobs would be requeued and the batch is held by now.
    """
    source = lane_keys(lane).in_doubt_batch(in_doubt_batch)
    return _settle(
        lane, in_doubt_batch, n, "", State.IN_DOUBT, source, what, unless_held=unless_held
    )


@dataclass(frozen=True, slots=True)
class InDoubt:
    """An in-doubt batch as read."""

    id: str
    tries: int  # requests of the batch; 0 = its jobs already count them
    jobs: list[Job]
    poison: bool = False  # a single job that has killed several workers, never posted
    posted_at: int = 0  # s since 1970, of a lost batch: its last request
    held: bool = False  # a receipt named it (batch_receipts.py): not resent automatically
    deaths: int = 0  # earlier deaths of workers holding these jobs
    code: str = ""  # why there was no usable answer, as figures name it; empty = unknown


def due_in_doubt(lane: str, now_ms: int | str, *, most: int = 10) -> Call[list[str]]:
    """In-doubt batches whose wait for status updates is over (`+inf`: all)."""
    return command(
        "ZRANGEBYSCORE", lane_keys(lane).in_doubt, "-inf", now_ms, "LIMIT", 0, most,
        parse=_texts,
    )  # fmt: skip


def read_in_doubt(lane: str, in_doubt_batch: str) -> Call[InDoubt | None]:
    """One in-doubt batch, or None if it has been resolved."""

    def parse(reply: Any) -> InDoubt | None:
        tries, jobs, poison, posted_ms, held, code = reply
        if not jobs:
            return None
        posted_at = int(posted_ms or 0) // 1000
        flags = (poison is not None, posted_at, held is not None, deaths_of(jobs), text(code))
        return InDoubt(in_doubt_batch, int(tries or 0), unpack(jobs), *flags)

    fields = ("tries", "jobs", "poison", "posted_at", "held", "code")
    return command("HMGET", lane_keys(lane).in_doubt_batch(in_doubt_batch), *fields, parse=parse)


def put_off(waiting: Iterable[PutOff], rules: int) -> list[RetryBatch]:
    """Retry batches of jobs whose people may not get them yet.

    Args:
        rules: revision of the rules that say so.
    """
    found: dict[str, list[Job]] = {}
    for job, due, cause in waiting:
        retry = f"{PUT_OFF}{cause}{due}-{rules}-{job.index // OUTCOMES_PER_KEY}"
        found.setdefault(retry, []).append(job)
    return [RetryBatch(retry, 0, sorted(group)) for retry, group in found.items()]


def release_put_off(lane: str, rules: int) -> Call[int]:
    """Make the jobs due that were put off by other rules than those of this revision."""
    keys = lane_keys(lane)
    return script_call("release_put_off", (keys.meta, keys.retries), (rules,), int)


def promote_due(lane: str, *, most: int = 20) -> Call[tuple[int, int]]:
    """Queue the due retry batches.

    Returns (when run):
        Jobs promoted; ms until the next retry batch, -1 for none.
    """
    keys = lane_keys(lane)

    def promote(retries: list[str]) -> Call[tuple[int, int]] | tuple[int, int]:
        if not retries:
            return 0, -1
        touched = (keys.meta, keys.counts, keys.queue, keys.retries, *map(keys.retry, retries))
        return script_call(
            "promote_due", touched, retries, lambda reply: (int(reply[0]), int(reply[1]))
        )

    return first(command("ZRANGE", keys.retries, 0, most - 1, parse=_texts), promote)


@dataclass(frozen=True, slots=True)
class Recovered:
    """Messages of batches whose lease had run out."""

    back: int = 0  # requeued
    in_doubt: int = 0  # may have been posted
    aside: int = 0  # single jobs that have killed several workers


def recover_expired(
    lane: str,
    *,
    settle_after_ms: int,
    as_of_ms: int | None = None,
    most: int = 10,
    most_deaths: int = MOST_DEATHS,
) -> Call[Recovered]:
    """Recover the batches whose lease has run out.

    Args:
        as_of_ms: by this time of Redis' clock; None is now.
        most_deaths: most deaths of workers while holding a single job.
    """
    keys = lane_keys(lane)

    def recover(batches: list[str]) -> Call[Recovered] | Recovered:
        if not batches:
            return Recovered()
        theirs = [
            key
            for batch in batches
            for key in (
                keys.claimed_batch(batch),
                keys.in_doubt_batch(batch),
                keys.in_doubt_batch(f"{batch}k"),
            )
        ]
        return script_call(
            "recover_expired",
            (keys.meta, keys.counts, keys.queue, keys.claimed_batches, keys.in_doubt, *theirs),
            (settle_after_ms, most_deaths, "" if as_of_ms is None else as_of_ms, *batches),
            lambda reply: Recovered(*(int(figure) for figure in reply)),
        )

    due = ("-inf", "+inf" if as_of_ms is None else as_of_ms, "LIMIT", 0, most)
    return first(command("ZRANGEBYSCORE", keys.claimed_batches, *due, parse=_texts), recover)


def attempt_log_entries(jobs: Iterable[Job], entry: str) -> Iterator[tuple[int, bytes]]:
    """One entry per bucket for all these messages: `<runs> <entry>`."""
    by_bucket: dict[int, list[int]] = {}
    for job in jobs:
        by_bucket.setdefault(job.index // OUTCOMES_PER_KEY, []).append(job.index)
    for bucket, indexes in by_bucket.items():
        yield bucket, f"{_ranges(sorted(indexes))} {entry}".encode()


def _ranges(indexes: list[int]) -> str:
    """Ascending indexes as ranges: `5,17,900-950`."""
    ranges: list[list[int]] = []
    for index in indexes:
        if ranges and index == ranges[-1][1] + 1:
            ranges[-1][1] = index
        else:
            ranges.append([index, index])
    return ",".join(f"{first}-{last}" if last > first else f"{first}" for first, last in ranges)


def _check(what: Settlement) -> None:
    """Check the counts against the lists; the script checks their sum against the size of the batch."""
    marks = b"".join(run.records[::RECORD_BYTES] for run in what.records)
    ended = len(marks.translate(None, delete=OPEN_MARKS))
    listed = {
        State.QUEUED: len(what.back),
        State.DELAYED: sum(len(retry.jobs) for retry in what.retries),
        State.IN_DOUBT: sum(len(in_doubt_batch.jobs) for in_doubt_batch in what.in_doubt_batches),
        State.IN_FLIGHT: 0,
    }
    counted = {state: what.counts.get(state, 0) for state in OPEN_STATES}
    if counted != listed or sum(what.counts.values()) != sum(listed.values()) + ended:
        raise StoreRefused(
            f"the figures do not add up: counted {what.counts}, listed {listed}, {ended} records"
        )


def _settle(
    lane: str, id_: str, n: int, owner: str, from_: State, source: str, what: Settlement,
    *, unless_held: bool = False,
) -> Call[Settled]:  # fmt: skip
    _check(what)
    keys, lists = lane_keys(lane), list(_lists(what))
    listed = list(_keys_of_lists(keys, what))
    return script_call(
        "settle_batch",
        (
            keys.meta, keys.counts, keys.codes, keys.stats, keys.queue, keys.retries,
            keys.claimed_batches,
            keys.in_doubt, keys.dead, source, keys.done(f"{from_}:{id_}"), keys.outbox, *listed,
        ),
        (
            id_, owner, from_, n, _digest([*listed, *lists]), what.stop,
            int(unless_held), *lists,
        ),
        _settled,
    )  # fmt: skip


def _digest(lists: Sequence[Argument]) -> str:
    """Identifies a repeated settlement of the same batch."""
    digest = hashlib.blake2b(digest_size=8)
    for word in lists:
        digest.update(word if isinstance(word, bytes) else str(word).encode())
        digest.update(b"\0")
    return digest.hexdigest()


def _settled(reply: Any) -> Settled:
    return Settled(text(reply[0]), int(reply[1]), LaneStatus(text(reply[2])))


def _lists(what: Settlement) -> Iterator[Argument]:
    yield from _list(what.counts.items())
    yield from _list((run.offset, run.records) for run in what.records)
    yield from _list([(_packed_back(what),)] if what.back else ())
    yield from _list((retry.id, retry.delay_ms, pack(retry.jobs)) for retry in what.retries)
    yield from _list(
        (p.id, p.delay_ms, len(p.jobs), p.code, pack(p.jobs)) for p in what.in_doubt_batches
    )
    yield from _list((dead.dump(),) for dead in what.dead if dead.jobs)
    yield from _list(what.codes.items())
    doubts = doubts_in(run.records for run in what.records)
    yield from _list([*what.stats.items(), *((f"doubt:{state}", n) for state, n in doubts.items())])
    yield from _list((entry,) for _, entry in what.attempt_logs)
    yield from _list(what.long_ids)


def _keys_of_lists(keys: LaneKeys, what: Settlement) -> Iterator[str]:
    """The keys of a settlement's lists, in the order of the script."""
    for run in what.records:
        yield f"{keys.outcomes}{run.bucket}"
    for retry in what.retries:
        yield keys.retry(retry.id)
        yield keys.in_doubt_batch(f"{retry.id}w")
    for in_doubt_batch in what.in_doubt_batches:
        yield keys.in_doubt_batch(in_doubt_batch.id)
    for bucket, _ in what.attempt_logs:
        yield f"{keys.attempt_logs}{bucket}"
    for index, _ in what.long_ids:
        yield keys.long_ids(index)


def _packed_back(what: Settlement) -> bytes:
    if what.deaths is None:
        return pack(what.back)
    return pack_in_halves(what.back, what.deaths)


def _list(items: Iterable[Sequence[Argument]]) -> Iterator[Argument]:
    rows = list(items)
    yield len(rows)
    for row in rows:
        yield from row


def _texts(reply: Any) -> list[str]:
    return [text(one) for one in reply]


def _claim(reply: Any) -> Claim:
    status, revision, now, n, waiting, blob, early, wait, weight, rate = reply
    return Claim(
        LaneStatus(text(status)),
        int(revision),
        int(now),
        int(waiting),
        unpack(blob) if int(n) else [],
        int(early),
        int(wait),
        int(weight),
        float(rate),
    )
