"""Screening: jobs that must not go out although they were claimed, or lie parked.

Evidence may have come while a job still existed. The provider has had such a message: it is settled as
what the evidence says, and never posted again.

Others are `skipped`: the person must not be written to, or has not written for so long that WhatsApp
carries templates only, or the time of the message is over. Every batch is screened after it was claimed,
so what people say in the middle of a campaign counts; also for what goes out again after a wave or a
park, since it is claimed again. It takes one call a batch: as long as nobody is suppressed and no window
counts, one that names nobody.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import phonenumbers

from chatapps.job_lines import expiry_of
from chatapps.service_window import line_needs_window
from store.calls import AsyncStore, Call
from store.evidence import proven, read_records_of
from store.keys import OUTCOMES_PER_KEY
from store.lanes import Lane
from store.outcomes import LocalReason, Origin
from store.packing import Job
from store.purposes import Purpose
from store.windows import (
    WINDOWS,
    Screened,
    channels_with_windows,
    forget_windows,
    screen_people,
)
from worker.decisions import Code
from worker.flight import Flight, OpenLane
from worker.templates import LanePurposes, Templates

Skipped = list[tuple[Job, Code]]
_SUPPRESSED: Code = (Origin.LOCAL, LocalReason.SUPPRESSED)
_WINDOW: Code = (Origin.LOCAL, LocalReason.WINDOW)
_EXPIRED: Code = (Origin.LOCAL, LocalReason.EXPIRED)
_USER_ID = re.compile(rb'"channelUserId":"([A-Z]{2}\.[A-Za-z0-9]{1,128})"')
_TRUNK = re.compile(rb"[1-9][0-9]{0,2}0")  # a country code, perhaps, and the usual trunk prefix


class Screen:
    """Holds batches against what people want. One object a process.

    It remembers for each sub-account which rules there were at the last look, so that a batch costs one
    call whether there are any or not. A rule that is new is told by that call, and then asked about.
    """

    def __init__(self, store: AsyncStore, templates: Templates) -> None:
        self._store = store
        self._templates = templates
        self._rules: dict[tuple[str, str], int] = {}  # sub-account, policy → bits

    async def look(self, flight: Flight, clock: float) -> Skipped:
        """The jobs of a flight that must not go out, each with the reason.

        Args:
            clock: ours, to tell Redis' by.

        Raises:
            StoreError: nobody can say now.
        """
        lane = flight.lane.lane
        await self._templates.look(self._store, lane.sub_account, clock)
        over, open_ = _by_expiry(lane, flight.jobs, flight.now(clock))
        skipped: Skipped = [(job, _EXPIRED) for job in over]
        if open_:
            skipped.extend(await self._look_at_people(flight.lane, open_))
        return skipped

    async def _look_at_people(self, lane: OpenLane, jobs: Sequence[Job]) -> Skipped:
        sub_account, policy = lane.lane.sub_account, _policy(lane)
        purposes = self._templates.purposes(lane.lane)
        place = (sub_account, policy)
        asked = self._rules.get(place, 0)
        while True:
            question = _ask(lane.lane.kind, jobs, asked, purposes)
            answer = await self._store.run(question.call(sub_account, policy))
            self._rules[place] = answer.rules
            if not answer.rules & ~asked:
                return question.skipped(answer)
            asked |= answer.rules


@dataclass(frozen=True, slots=True)
class _Question:
    """Whom to ask about: those who get what needs an open window first."""

    jobs: Sequence[Job]
    subject: int
    normal: bool  # numbers are in their normal form, as those of recipient files are
    purposes: LanePurposes

    def call(self, sub_account: str, policy: str) -> Call[Screened]:
        people, others = people_of(self.jobs, normal=self.normal), self._other_names()
        people += [name for _, name in others]
        purposes = [self.purposes.of_all] if self.purposes.of_all else self._purposes(others)
        return screen_people(sub_account, people, purposes, policy=policy, subject=self.subject)

    def _purposes(self, others: Sequence[tuple[int, bytes]]) -> list[Purpose]:
        found = [self.purposes.of(job.line) for job in self.jobs]
        return found + [found[place] for place, _ in others]

    def skipped(self, answer: Screened) -> Skipped:
        whose = [*range(len(self.jobs)), *(place for place, _ in self._other_names())]
        suppressed = dict.fromkeys(whose[place] for place in answer.suppressed)
        closed = [place for place in answer.closed if place not in suppressed]
        return [
            *((self.jobs[place], _SUPPRESSED) for place in suppressed),
            *((self.jobs[place], _WINDOW) for place in closed),
        ]

    def _other_names(self) -> list[tuple[int, bytes]]:
        """Places of jobs that name the person by number and by the channel's id, and that id: a reply
        may have told no more."""
        if self.normal:
            return []
        found = ((place, _USER_ID.search(job.line)) for place, job in enumerate(self.jobs))
        return [(place, name[1]) for place, name in found if name]


def _ask(kind: str, jobs: Sequence[Job], rules: int, purposes: LanePurposes) -> _Question:
    """Whom these rules make worth asking about. Of whom gets no marketing it is always noted."""
    normal = kind == "campaign"
    if not rules & WINDOWS:
        named = rules or purposes.of_all is not Purpose.MARKETING
        return _Question(jobs if named else (), 0, normal, purposes)
    if normal:
        return _Question(jobs, len(jobs), normal, purposes)
    subject = [line_needs_window(job.line) for job in jobs]
    first = [job for job, is_subject in zip(jobs, subject, strict=True) if is_subject]
    others = [job for job, is_subject in zip(jobs, subject, strict=True) if not is_subject]
    return _Question([*first, *others], len(first), normal, purposes)


def _policy(lane: OpenLane) -> str:
    """What windows mean to this lane: skip, auto, or nothing."""
    if lane.lane.kind == "campaign" and not lane.needs_window:
        return ""
    return "" if lane.lane.window == "send" else lane.lane.window


def _by_expiry(lane: Lane, jobs: Sequence[Job], now: int) -> tuple[list[Job], Sequence[Job]]:
    """Those whose time is over, and the others. Only single messages have a time."""
    if lane.kind == "campaign":
        return [], jobs
    over = [job for job in jobs if _is_over(job.line, now)]
    gone = {job.index for job in over}
    return over, [job for job in jobs if job.index not in gone] if gone else jobs


def _is_over(line: bytes, now: int) -> bool:
    expiry = expiry_of(line)
    return expiry is not None and expiry <= now


def people_of(jobs: Sequence[Job], *, normal: bool) -> list[bytes]:
    """The recipients as suppressions name them.

    Args:
        normal: their international numbers are in the normal form already.
    """
    people = [job.line.partition(b"\t")[0] for job in jobs]
    if normal:
        return people
    return [canonical(person) for person in people]


def canonical(recipient: bytes) -> bytes:
    """Digits of an international number, also for a national one (`GB:07700…`) and for one with what is
    dialled in front of it at home (`4407700…`); ids as they are."""
    if recipient.isdigit():
        found = _written(b"+" + recipient, b"") if _TRUNK.match(recipient) else None
        return found or recipient
    country, colon, number = recipient.partition(b":")
    if not colon or len(country) != len("GB"):
        return recipient
    return _written(number, country) or recipient


def _written(number: bytes, country: bytes) -> bytes | None:
    """The digits of E.164; None where nobody can tell."""
    try:
        parsed = phonenumbers.parse(number.decode(), country.decode().upper() or None)
    except (phonenumbers.NumberParseException, UnicodeDecodeError):
        return None
    written = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return written.removeprefix("+").encode()


async def forget_closed_windows(store: AsyncStore) -> None:
    """Forget service windows that have closed: a step for each sub-account."""
    for sub_account, channel in await store.run(channels_with_windows()):
        await store.run(forget_windows(sub_account, channel))


async def proven_jobs(store: AsyncStore, lane: str, jobs: Iterable[Job]) -> set[int]:
    """Indexes of the jobs that the provider has had, by evidence."""
    found: set[int] = set()
    for group in _by_thousand(sorted(jobs)):
        records = await store.run(read_records_of(lane, group))
        found |= proven(group, records)
    return found


def _by_thousand(jobs: Iterable[Job]) -> Iterator[list[Job]]:
    for _, group in groupby(jobs, key=lambda job: job.index // OUTCOMES_PER_KEY):
        yield list(group)
