"""A lane under random moves, held step by step against a plain model of it.

The model keeps the queue as a list and every message in exactly one place; after every move the counts
of the lane, its codes, a recount from its records and jobs, and the model must agree.
"""

from collections import Counter, deque
from collections.abc import Iterable
from random import Random

import fakeredis
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from producer.campaigns.deduplication import SeenRecipients
from store.client import Store
from store.lanes.lane import LaneStatus, finish_loading, move_lane
from store.queue.dead_letters import REVIVABLE, DeadLetters, Redriven, Word, retry_dead_letters
from store.queue.enqueue import Place, enqueue_rows
from store.queue.settlement import (
    InDoubtBatch,
    Recovered,
    RetryBatch,
    Settlement,
    due_in_doubt,
    mark_posting,
    promote_due,
    read_in_doubt,
    recover_expired,
    settle_batch,
    settle_in_doubt,
)
from store.receipts.status_updates import Applied, StatusUpdate, apply_status_updates
from store.records.job_section import Job
from store.records.outcome import Origin
from store.scripts import load_scripts
from store.states import BY_STATE, CODED, State
from tests.conformance import given
from tests.examples import examples

Entry = list[tuple[State, Job]]
"""Dead jobs with the state that their record has now."""
ENDS = (State.ACCEPTED, State.REJECTED, State.FAILED, State.UNCONFIRMED)
VERDICTS = (*ENDS, State.QUEUED, State.DELAYED, State.IN_DOUBT)
TOLD = (State.ACCEPTED, State.FORWARDED, State.UNDELIVERED, State.DELIVERED)
Told = tuple[State, int]
"""State and code of a receipt."""


class LaneMachine(RuleBasedStateMachine):
    """One campaign that is sent from while its file is still being read."""

    def __init__(self) -> None:
        super().__init__()
        client = fakeredis.FakeRedis(server=fakeredis.FakeServer())
        self.store = Store(client, load_scripts(flags=False))
        self.lane = given.campaign(self.store, early=True)
        self.sending = True
        self.lines: list[bytes] = []
        self.seen = SeenRecipients()
        self.offset = self.batches = 0
        self.queue: deque[Job] = deque()
        self.claimed_batches: dict[str, list[Job]] = {}
        self.posting: set[str] = set()
        self.lost: dict[str, list[Job]] = {}
        self.retries: dict[str, list[Job]] = {}
        self.in_doubt_batches: dict[str, list[Job]] = {}
        self.dead: deque[Entry] = deque()
        self.ended: Counter[State] = Counter()
        self.early: dict[int, Told] = {}
        self.undelivered: dict[int, int] = {}

    @rule(new=st.integers(0, 12), known=st.integers(0, 5), rng=st.randoms())
    def enqueue(self, new: int, known: int, rng: Random) -> None:
        first = len(self.lines)
        fresh = given.numbers(new, first)
        chunk = rng.sample(
            fresh + rng.sample(self.lines, min(known, first)), new + min(known, first)
        )
        kept = self.seen.drop_duplicates(chunk)
        assert kept == [line for line in chunk if line in set(fresh)]
        start, end = Place(self.offset), Place(self.offset + 100)
        call = enqueue_rows(self.lane, start, end, kept, 0, duplicates=len(chunk) - len(kept))
        added = self.store.run(call)
        self.offset += 100
        assert (added.first_index, added.added) == (first, new)
        assert added.duplicates == len(chunk) - new
        self.lines += kept
        self.queue.extend(Job(first + i, 0, line) for i, line in enumerate(kept))

    @rule(most=st.integers(1, 15), most_bytes=st.integers(1, 400))
    def claim(self, most: int, most_bytes: int) -> None:
        batch = self.new_batch()
        jobs = given.claim(self.store, self.lane, batch, most, most_bytes).jobs
        expected = [self.queue.popleft() for _ in jobs]
        assert jobs == expected
        assert len(jobs) <= most
        assert len(jobs) <= 1 or sum(len(job.line) + 1 for job in jobs) <= most_bytes + len(jobs)
        assert bool(jobs) is (self.sending and bool(expected or self.queue))
        if jobs:
            self.claimed_batches[batch] = jobs

    @precondition(lambda self: self.claimed_batches)
    @rule(rng=st.randoms())
    def repeat_claim(self, rng: Random) -> None:
        batch = self.any_of(self.claimed_batches, rng)
        assert given.claim(self.store, self.lane, batch).jobs == self.claimed_batches[batch]

    @precondition(lambda self: self.claimed_batches)
    @rule(rng=st.randoms())
    def post(self, rng: Random) -> None:
        batch = self.any_of(self.claimed_batches, rng)
        n = len(self.claimed_batches[batch])
        mark = self.store.run(
            mark_posting(self.lane, batch, owner="ann", request=1, messages=n, lease_ms=60_000)
        )
        assert mark.may_post is self.sending
        if mark.may_post:
            self.posting.add(batch)

    @precondition(lambda self: self.claimed_batches)
    @rule(rng=st.randoms(), repeat=st.booleans())
    def settle(self, rng: Random, repeat: bool) -> None:
        batch = self.any_of(self.claimed_batches, rng)
        jobs = self.claimed_batches.pop(batch)
        self.posting.discard(batch)
        what = self.judge(batch, jobs, rng)
        call = settle_batch(self.lane, batch, len(jobs), "ann", what)
        assert self.store.run(call).verdict == "ok"
        if repeat:
            assert self.store.run(call).verdict == "repeat"

    @precondition(lambda self: self.lost)
    @rule(rng=st.randoms())
    def settle_what_was_taken_back(self, rng: Random) -> None:
        batch = self.any_of(self.lost, rng)
        jobs = self.lost.pop(batch)
        what = given.ended(State.ACCEPTED, jobs)
        assert self.store.run(settle_batch(self.lane, batch, len(jobs), "ann", what)).lost
        late = self.store.run(settle_in_doubt(self.lane, batch, len(jobs), what))
        assert late.lost is (batch not in self.in_doubt_batches)
        if self.in_doubt_batches.pop(batch, None):
            self.end(State.ACCEPTED, jobs)

    @precondition(lambda self: self.in_doubt_batches)
    @rule(rng=st.randoms(), resend=st.booleans())
    def resolve_in_doubt(self, rng: Random, resend: bool) -> None:
        in_doubt_batch = self.any_of(self.in_doubt_batches, rng)
        jobs = self.in_doubt_batches.pop(in_doubt_batch)
        if resend:
            what = Settlement({State.QUEUED: len(jobs)}, back=jobs)
            self.to_front(jobs)
        else:
            what = given.ended(State.UNCONFIRMED, jobs)
            self.bury(what, self.end(State.UNCONFIRMED, jobs))
        assert (
            self.store.run(settle_in_doubt(self.lane, in_doubt_batch, len(jobs), what)).verdict
            == "ok"
        )

    @precondition(lambda self: self.dead)
    @rule(
        word=st.sampled_from(Word),
        states=st.lists(st.sampled_from(REVIVABLE), min_size=1, max_size=2, unique=True),
        entries=st.integers(1, 3),
        most=st.integers(1, 10),
        repeat=st.booleans(),
    )
    def decide_dead_letters(
        self, word: Word, states: list[State], entries: int, most: int, repeat: bool
    ) -> None:
        call = retry_dead_letters(
            self.lane, word, states, op=self.new_batch(), entries=entries, most=most
        )
        said = self.store.run(call)
        taken, moved_on, looked = self.take_dead_letters(set(states), entries, most)
        assert said == Redriven(said.status, looked, len(taken), moved_on)
        if word is Word.RESEND:
            self.ended.subtract(state for state, _ in taken)
            self.to_front([job for _, job in taken])
        if repeat:
            assert self.store.run(call) == said

    def take_dead_letters(
        self, states: set[State], entries: int, most: int
    ) -> tuple[Entry, int, int]:
        """A decision's jobs, the dropped ones, and the number of entries examined."""
        taken, moved_on, looked, seen = Entry(), 0, 0, 0
        for entry in list(self.dead)[:entries]:
            if seen and seen + len(entry) > most:
                break
            self.dead.popleft()
            looked, seen = looked + 1, seen + len(entry)
            taken += [pair for pair in entry if pair[0] in states]
            stays = [pair for pair in entry if pair[0] in REVIVABLE and pair[0] not in states]
            moved_on += sum(state not in REVIVABLE for state, _ in entry)
            if stays:
                self.dead.append(stays)
        return taken, moved_on, looked

    @precondition(lambda self: self.dead)
    @rule(rng=st.randoms(), told=st.tuples(st.sampled_from(TOLD), st.integers(0, 2)))
    def hear_of_a_dead_one(self, rng: Random, told: Told) -> None:
        entry = rng.choice(self.dead)
        at = rng.randrange(len(entry))
        was, job = entry[at]
        applied = self.hear(job, told)
        if says_more(told[0], was):
            assert applied == Applied(counted=1)
            self.ended.subtract([was])
            self.undelivered.pop(job.index, None)
            entry[at] = (self.count(job, told), job)
        else:
            assert applied == Applied(stale=1)

    @precondition(lambda self: self.waiting())
    @rule(rng=st.randoms())
    def hear_of_those_that_may_still_go_out(self, rng: Random) -> None:
        for job in rng.sample(waiting := self.waiting(), min(5, len(waiting))):
            told = rng.choice(TOLD), rng.randrange(3)
            applied = self.hear(job, told)
            if job.index not in self.early or says_more(told[0], self.early[job.index][0]):
                assert applied == Applied(early=1)
                self.early[job.index] = told
            else:
                assert applied == Applied(stale=1)

    def hear(self, job: Job, told: Told) -> Applied:
        """A receipt comes about the message of this job."""
        news = StatusUpdate(job.index, 1, told[0], given.NOW, told[1], Origin.RECEIPT)
        return self.store.run(apply_status_updates(self.lane, [news]))

    def waiting(self) -> list[Job]:
        """All jobs that exist."""
        held = (
            *self.claimed_batches.values(),
            *self.retries.values(),
            *self.in_doubt_batches.values(),
        )
        return [*self.queue, *(job for jobs in held for job in jobs)]

    @precondition(lambda self: self.retries)
    @rule(rng=st.randoms())
    def promote(self, rng: Random) -> None:
        retry = self.any_of(self.retries, rng)
        jobs = self.retries.pop(retry)
        given.retry_is_due(self.store, self.lane, retry)
        assert self.store.run(promote_due(self.lane))[0] == len(jobs)
        self.to_front(jobs)

    @precondition(lambda self: self.claimed_batches)
    @rule(rng=st.randoms())
    def recover(self, rng: Random) -> None:
        batch = self.any_of(self.claimed_batches, rng)
        jobs = self.lost[batch] = self.claimed_batches.pop(batch)
        given.lease_ran_out(self.store, self.lane, batch)
        recovered = self.store.run(recover_expired(self.lane, settle_after_ms=0))
        if batch in self.posting:
            assert recovered == Recovered(in_doubt=len(jobs))
            self.in_doubt_batches[batch] = jobs
        else:
            aside = self.set_aside(batch)
            assert recovered == Recovered(back=len(jobs) - len(aside), aside=len(aside))
            self.to_front([job for job in jobs if job not in aside])

    def set_aside(self, batch: str) -> list[Job]:
        """Jobs of this batch with which workers have died too often, each in an in-doubt batch of
        its own."""
        found: list[Job] = []
        for in_doubt_batch in self.store.run(due_in_doubt(self.lane, "+inf", most=1000)):
            in_doubt = self.store.run(read_in_doubt(self.lane, in_doubt_batch))
            if in_doubt is not None and in_doubt.poison and in_doubt_batch.startswith(f"{batch}k"):
                self.in_doubt_batches[in_doubt_batch] = in_doubt.jobs
                found += in_doubt.jobs
        return found

    @rule()
    def pause_or_resume(self) -> None:
        moved, _ = self.store.run(move_lane(self.lane, "pause" if self.sending else "resume"))
        assert moved
        self.sending = not self.sending

    @invariant()
    def everything_is_in_one_place(self) -> None:
        expected = self.ended + Counter(
            {
                State.QUEUED: len(self.queue),
                State.IN_FLIGHT: total(self.claimed_batches),
                State.DELAYED: total(self.retries),
                State.IN_DOUBT: total(self.in_doubt_batches),
            }
        )
        counts = given.counts(self.store, self.lane)
        assert counts == +expected
        assert sum(counts.values()) == len(self.lines)
        codes = given.codes(self.store, self.lane)
        by_state = Counter[str]()
        for name, n in codes.items():
            by_state[name.partition(":")[0]] += n
        assert by_state == {state: n for state, n in counts.items() if state in CODED}
        undelivered = Counter(self.undelivered.values())
        assert {f"undelivered:receipt:{code}": n for code, n in undelivered.items()}.items() <= (
            codes.items()
        )
        assert given.balanced(self.store, self.lane)

    def teardown(self) -> None:
        """Whatever has happened, the lane can be brought to its end."""
        if not self.sending:
            self.pause_or_resume()
        rng = Random(0)
        for batch in list(self.claimed_batches):
            given.settle(
                self.store, self.lane, given.claim(self.store, self.lane, batch),
                given.ended(State.ACCEPTED, self.claimed_batches.pop(batch)), batch,
            )  # fmt: skip
        while self.retries:
            self.promote(rng)
        while self.in_doubt_batches:
            self.resolve_in_doubt(rng, False)
        for i in range(len(self.lines)):  # those that workers have died with go alone
            claim = given.claim(self.store, self.lane, f"last{i}", most=100_000)
            if claim.jobs:
                what = given.ended(State.ACCEPTED, claim.jobs)
                given.settle(self.store, self.lane, claim, what, f"last{i}")
        assert self.store.run(finish_loading(self.lane)) is LaneStatus.FINISHED
        assert given.balanced(self.store, self.lane)
        call = retry_dead_letters(
            self.lane, Word.RESEND, REVIVABLE, op="last", entries=9999, most=9999
        )
        taken, _, _ = self.take_dead_letters(set(REVIVABLE), 9999, 9999)
        ends = LaneStatus.SENDING if taken else LaneStatus.FINISHED
        assert self.store.run(call).status is ends
        claim = given.claim(self.store, self.lane, "again", most=100_000)
        assert claim.jobs == [job for _, job in taken]
        if taken:
            what = given.ended(State.ACCEPTED, claim.jobs)
            end = given.settle(self.store, self.lane, claim, what, "again")
            assert end.status is LaneStatus.FINISHED
        assert given.balanced(self.store, self.lane)

    def judge(self, batch: str, jobs: list[Job], rng: Random) -> Settlement:
        """A random verdict for every message, in the model and as a settlement."""
        judged: dict[State, list[Job]] = {}
        for job in jobs:
            judged.setdefault(rng.choice(VERDICTS), []).append(job)
        what = Settlement({state: len(part) for state, part in judged.items()})
        for state in ENDS:
            doubt = bool(rng.randrange(2))
            code = (Origin.API, rng.randrange(3))
            what.records += given.records(state, judged.get(state, []), code, other_attempt=doubt)
            fared = self.end(state, judged.get(state, []))
            if state in REVIVABLE and fared:
                self.bury(what, fared)
        if back := judged.get(State.QUEUED):
            what.back = back
            self.to_front(back)
        if again := _tried(judged.get(State.DELAYED, [])):
            what.records += given.records(State.TRIED, again)
            what.retries = [RetryBatch(batch, 3_600_000, again)]
            self.retries[batch] = again
        if doubtful := _tried(judged.get(State.IN_DOUBT, [])):
            what.records += given.records(State.TRIED, doubtful)
            what.in_doubt_batches = [InDoubtBatch(f"{batch}p", 0, doubtful)]
            self.in_doubt_batches[f"{batch}p"] = doubtful
        return what

    def end(self, state: State, jobs: list[Job]) -> Entry:
        """Jobs come to an end, in this state or in one that is known to be further."""
        return [(self.count(job, self.furthest(state, job)), job) for job in jobs]

    def furthest(self, state: State, job: Job) -> Told:
        known = self.early.pop(job.index, (state, 0))
        return (state, 0) if says_more(state, known[0]) else known

    def count(self, job: Job, told: Told) -> State:
        state, code = told
        self.ended[state] += 1
        if state is State.UNDELIVERED:
            self.undelivered[job.index] = code
        return state

    def bury(self, what: Settlement, fared: Entry) -> None:
        """Keep copies on the dead letters, with the last attempt counted."""
        tried = [(state, job.tried(may_have_arrived=True)) for state, job in fared]
        what.dead.append(DeadLetters("http:503", [job for _, job in tried]))
        self.dead.append(tried)

    def to_front(self, jobs: Iterable[Job]) -> None:
        self.queue.extendleft(reversed(list(jobs)))

    def new_batch(self) -> str:
        self.batches += 1
        return f"b{self.batches}"

    @staticmethod
    def any_of(held: dict[str, list[Job]], rng: Random) -> str:
        return rng.choice(sorted(held))


def _tried(jobs: Iterable[Job]) -> list[Job]:
    return [job.tried(may_have_arrived=True) for job in jobs]


def says_more(state: State, than: State) -> bool:
    """True when an update to this state replaces the other."""
    return BY_STATE[state].rank > BY_STATE[than].rank


def total(held: dict[str, list[Job]]) -> int:
    """Messages in all of these."""
    return sum(map(len, held.values()))


TestLaneMachine = LaneMachine.TestCase
TestLaneMachine.settings = settings(
    max_examples=examples(30), stateful_step_count=40, deadline=None
)
