"""Eligibility: claimed or in-doubt jobs that must not be sent.

A status update may have come while the job still existed. The provider has had such a message: it is
settled by the update, and never posted again.

Others are `skipped`: the person is suppressed, could not be reached lately and it is marketing, the
service window is closed and the message is not a template, the message has expired, or the person is
over the cap on marketing. Every batch is checked
after its claim, so that opt-outs during a campaign count; retries and resends are checked, too, since
they are claimed again. A check takes one round trip per batch, with a call for each shard of people;
without suppressions, windows and cap the call names no person. With suppressions of all sub-accounts it
takes two.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from typing import Any

from chatapps.person_names import canonical
from chatapps.rendering.job_line import expiry_of
from chatapps.service_window import line_needs_window
from config.sections import Campaigns
from store.client import AsyncStore, Call
from store.keys import OUTCOMES_PER_KEY, PEOPLE_SHARDS
from store.lanes.lane import Lane
from store.people.marketing_cap import cap_of, reserve
from store.people.service_windows import (
    SUPPRESSED_EVERYWHERE,
    WINDOWS,
    Eligible,
    channels_with_windows,
    check_recipients,
    forget_windows,
    note_unmarketed,
    read_rules,
    screen_everywhere,
    united,
)
from store.purposes import Purpose
from store.receipts.status_updates import confirmed, read_records_of
from store.records.job_section import Job
from store.records.outcome import LocalReason, Origin
from worker.batch import ClaimedBatch, OpenLane
from worker.delivery.write_settlement import CAPPED
from worker.results.classify import Code
from worker.template_registry import LanePurposes, Templates

Skipped = list[tuple[Job, Code]]
_SUPPRESSED: Code = (Origin.LOCAL, LocalReason.SUPPRESSED)
_WINDOW: Code = (Origin.LOCAL, LocalReason.WINDOW)
_UNREACHABLE: Code = (Origin.LOCAL, LocalReason.UNREACHABLE)
_EXPIRED: Code = (Origin.LOCAL, LocalReason.EXPIRED)
_USER_ID = re.compile(rb'"channelUserId":"([A-Z]{2}\.[A-Za-z0-9]{1,128})"')
DAY = 86_400.0


class Eligibility:
    """Checks batches against suppressions and windows. One object per process.

    It remembers the rules of each sub-account from the last check, so that a batch costs one round trip.
    A new rule is detected by it and checked in a second one.
    """

    def __init__(self, store: AsyncStore, templates: Templates, settings: Campaigns) -> None:
        self._store = store
        self._templates = templates
        self._settings = settings
        self._rules: dict[tuple[str, str], int] = {}  # sub-account, policy → bits
        self._noted: dict[
            str, float
        ] = {}  # sub-account → time at which it was noted that it sends no marketing

    async def look(self, batch: ClaimedBatch, clock: float) -> Skipped:
        """The jobs of a batch that must not be sent, each with the reason.

        Args:
            clock: ours, to derive Redis' clock.

        Raises:
            StoreError: the check is not possible now.
        """
        lane = batch.lane.lane
        await self._templates.look(self._store, lane.sub_account, clock)
        over, open_ = _by_expiry(lane, batch.jobs, batch.now(clock))
        skipped: Skipped = [(job, _EXPIRED) for job in over]
        if open_:
            skipped.extend(await self._check_people(batch.lane, open_, clock))
        return skipped

    async def _check_people(self, lane: OpenLane, jobs: Sequence[Job], clock: float) -> Skipped:
        sub_account, policy = lane.lane.sub_account, _policy(lane)
        purposes = self._templates.purposes(lane.lane)
        place = (sub_account, policy)
        cap = cap_of(self._settings, purposes.of_all)
        places = reserve(lane.lane, cap, jobs) if cap else []
        if place not in self._rules:
            self._rules[place] = await self._store.run(read_rules(sub_account, policy))
        asked = self._rules[place]
        while True:
            question = _ask(lane.lane.kind, jobs, asked, purposes)
            if purposes.of_all is not Purpose.MARKETING:
                await self._note_unmarketed(sub_account, clock)
            rules, answer, over = await self._answer(question, sub_account, policy, asked, places)
            self._rules[place] = rules
            if not rules & ~asked:
                skipped = question.skipped(answer)
                left_out = {job.index for job, _ in skipped} if over else ()
                capped = [(jobs[at], CAPPED) for at in over if jobs[at].index not in left_out]
                return [*skipped, *capped]
            asked |= rules

    async def _answer(
        self,
        question: "_Question",
        sub_account: str,
        policy: str,
        rules: int,
        places: Sequence[Call[list[int]]],
    ) -> tuple[int, Eligible, list[int]]:
        """The current rules, the people excluded by the assumed ones, and positions of those over the
        cap, by the calls `places`. People excluded everywhere are left out of the second call, which
        would note that they get a message."""
        look: list[Call[Any]] = [read_rules(sub_account, policy)]
        people, purposes = question.people(), question.all_purposes()
        gone: list[int] = []
        if rules & SUPPRESSED_EVERYWHERE:
            found = await self._store.run_all([*look, *screen_everywhere(people, purposes)])
            look, gone = [], united(found[1:]).suppressed
            rules_now = found[0]
            for place in gone:
                people[place] = b""
        calls = check_recipients(
            sub_account, people, purposes, rules=rules, subject=question.subject
        )
        found = await self._store.run_all([*look, *calls, *places])
        if look:
            rules_now, *found = found
        over = sorted(chain.from_iterable(found[len(calls) :]))
        suppressed, *others = united(found[: len(calls)])
        return rules_now, Eligible([*gone, *suppressed], *others), over

    async def _note_unmarketed(self, sub_account: str, clock: float) -> None:
        if clock >= self._noted.get(sub_account, float("-inf")) + DAY:
            await self._store.run(note_unmarketed(sub_account))
            self._noted[sub_account] = clock


@dataclass(frozen=True, slots=True)
class _Question:
    """The people to check: those whose message needs an open window first."""

    jobs: Sequence[Job]
    subject: int
    normal: bool  # numbers are in normal form, as in recipient files
    purposes: LanePurposes
    others: Sequence[tuple[int, bytes]]  # positions of jobs with a second name of the person

    def people(self) -> list[bytes]:
        """All names to check: those of the jobs, then other names of the same people."""
        return [*people_of(self.jobs, normal=self.normal), *(name for _, name in self.others)]

    def all_purposes(self) -> list[Purpose]:
        """The purpose of all messages, or of each one."""
        if self.purposes.of_all:
            return [self.purposes.of_all]
        found = [self.purposes.of(job.line) for job in self.jobs]
        return found + [found[place] for place, _ in self.others]

    def skipped(self, answer: Eligible) -> Skipped:
        whose = [*range(len(self.jobs)), *(place for place, _ in self.others)]
        suppressed = dict.fromkeys(whose[place] for place in answer.suppressed)
        missed = dict.fromkeys(whose[place] for place in answer.unreachable)
        closed = [place for place in answer.closed if place not in suppressed]
        return [
            *((self.jobs[place], _SUPPRESSED) for place in suppressed),
            *((self.jobs[place], _UNREACHABLE) for place in missed if place not in suppressed),
            *((self.jobs[place], _WINDOW) for place in closed if place not in missed),
        ]


def _ask(kind: str, jobs: Sequence[Job], rules: int, purposes: LanePurposes) -> _Question:
    """The people that these rules require to check. People with other messages than marketing are always
    noted."""
    normal = kind == "campaign"
    if not rules & WINDOWS:
        named = rules or purposes.of_all is not Purpose.MARKETING
        return _question(jobs if named else (), 0, normal, purposes)
    if normal:
        return _question(jobs, len(jobs), normal, purposes)
    subject = [line_needs_window(job.line) for job in jobs]
    first = [job for job, is_subject in zip(jobs, subject, strict=True) if is_subject]
    others = [job for job, is_subject in zip(jobs, subject, strict=True) if not is_subject]
    return _question([*first, *others], len(first), normal, purposes)


def _question(jobs: Sequence[Job], subject: int, normal: bool, purposes: LanePurposes) -> _Question:
    """Includes both the number and the channel's id of a person: a reply may have held only one of
    them."""
    found = () if normal else [(at, _USER_ID.search(job.line)) for at, job in enumerate(jobs)]
    others = [(at, name[1]) for at, name in found if name]
    return _Question(jobs, subject, normal, purposes, others)


def _policy(lane: OpenLane) -> str:
    """The lane's policy for closed windows: skip, auto, or nothing."""
    if lane.lane.kind == "campaign" and not lane.needs_window:
        return ""
    return "" if lane.lane.window == "send" else lane.lane.window


def _by_expiry(lane: Lane, jobs: Sequence[Job], now: int) -> tuple[list[Job], Sequence[Job]]:
    """Unexpired and expired jobs. Only single messages expire."""
    if lane.kind == "campaign":
        return [], jobs
    over = [job for job in jobs if _is_over(job.line, now)]
    gone = {job.index for job in over}
    return over, [job for job in jobs if job.index not in gone] if gone else jobs


def _is_over(line: bytes, now: int) -> bool:
    expiry = expiry_of(line)
    return expiry is not None and expiry <= now


def people_of(jobs: Sequence[Job], *, normal: bool) -> list[bytes]:
    """The recipients in the form of suppressions.

    Args:
        normal: their international numbers are in normal form already.
    """
    people = [job.line.partition(b"\t")[0] for job in jobs]
    if normal:
        return people
    return [canonical(person) for person in people]


async def forget_closed_windows(store: AsyncStore) -> None:
    """Delete closed service windows: one step per sub-account."""
    for sub_account, channel in await store.run(channels_with_windows()):
        shards = range(PEOPLE_SHARDS)
        await store.run_all([forget_windows(sub_account, channel, shard) for shard in shards])


async def confirmed_jobs(store: AsyncStore, lane: str, jobs: Iterable[Job]) -> set[int]:
    """Indexes of the jobs that the provider has had, by status updates."""
    found: set[int] = set()
    for group in _by_thousand(sorted(jobs)):
        records = await store.run(read_records_of(lane, group))
        found |= confirmed(group, records)
    return found


def _by_thousand(jobs: Iterable[Job]) -> Iterator[list[Job]]:
    for _, group in groupby(jobs, key=lambda job: job.index // OUTCOMES_PER_KEY):
        yield list(group)
