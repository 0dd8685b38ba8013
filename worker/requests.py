"""The requests of a batch: what travels, how it ended, how it goes on, and what all of them come to."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from chatapps.responses import Answered, NotSent, Result
from store.queue.settlement import attempt_log_entries
from store.records.job_section import Job
from store.records.outcome import code_name
from worker.batch import ClaimedBatch, Reservation
from worker.results.classify import SENT_TOO_SOON, Code, Unmade, Verdicts


@dataclass(frozen=True, slots=True)
class Request:
    """Messages that travel together."""

    jobs: Sequence[Job]  # `attempts` counts what was used up before this request
    failed: int = 0  # attempts of this batch that the provider failed with
    pause: float = 0.0  # seconds to wait before it
    within: tuple[Verdicts, ...] = ()  # of the requests that were halved, the first one first

    def fields(self, batch: ClaimedBatch) -> dict[str, str | int]:
        """What log lines about it say."""
        numbers = {"messages": len(self.jobs), "attempt": self.jobs[0].attempts + 1}
        return {"lane": batch.lane_id, "batch": batch.id, **numbers}

    def halves(self) -> tuple["Request", "Request"]:
        """To find the message that the provider refuses it for, or to make it smaller."""
        middle, within = len(self.jobs) // 2, (*self.within, Verdicts())
        return Request(self.jobs[:middle], within=within), Request(
            self.jobs[middle:], within=within
        )

    def of(self, jobs: Sequence[Job]) -> "Request":
        """These messages of it, without the others."""
        return replace(self, jobs=jobs, pause=0.0)

    def again(self, pause: float) -> "Request":
        """The next attempt."""
        jobs = [job.tried(may_have_arrived=True) for job in self.jobs]
        return replace(self, jobs=jobs, failed=self.failed + 1, pause=pause)


@dataclass(frozen=True, slots=True)
class Response:
    """How a request has ended."""

    result: Result | Unmade
    permits: Reservation | None = None  # that it used
    took: float = 0.0  # seconds

    @property
    def posted(self) -> bool:
        """It was posted; the provider may have had it."""
        return not isinstance(self.result, Unmade | NotSent)


@dataclass(frozen=True, slots=True)
class Decision:
    """How a batch goes on after a request."""

    messages: Verdicts = field(default_factory=Verdicts)  # of those that go into no other request
    next: Sequence[Request] = ()
    again: Code | None = None  # why the same request follows at once
    is_told: bool = True  # the breakers know how the request fared


@dataclass(slots=True)
class BatchOutcome:
    """What has become of the messages of a batch so far, and what its requests leave behind."""

    batch: ClaimedBatch
    verdicts: Verdicts = field(default_factory=Verdicts)
    marks: int = 0
    permits: Reservation | None = None  # that are used for no request, or tell nothing yet
    posted_ms: int = 0  # Redis' clock at the last mark; 0 = none yet
    unsent: list[int] = field(
        default_factory=list
    )  # messages of marked requests that did not leave
    retried: Counter[Code] = field(default_factory=Counter)  # messages that went out again without
    # being given back, by the code of the attempt that failed
    template_probes: dict[int, str] = field(default_factory=dict)  # message → breaker it probes
    attempt_logs: list[tuple[int, bytes]] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)  # the provider's names for its requests

    @property
    def posted_at(self) -> int:
        """When the last request was posted, s since 1970 by Redis' clock; 0 = not yet."""
        return self.posted_ms // 1000

    def add(self, request: Request, response: Response, decision: Decision) -> None:
        """Take in how a request has ended; its failed attempts leave a attempt log."""
        result, found = response.result, decision.messages
        if response.permits is not None:
            self.permits = None if decision.is_told else response.permits
        if isinstance(result, NotSent):
            self.unsent.append(len(request.jobs))
        if isinstance(result, Answered) and result.answer.batch_id:
            self.answered.append(result.answer.batch_id)
        if decision.again is not None:
            code = decision.again
            self.log_attempts((job, code) for job in request.jobs)
            self.retried[code] += len(request.jobs)
        if response.posted:
            for failed in (found.retry, found.doubtful, found.held):
                self.log_attempts(failed)
            self.log_attempts((job, SENT_TOO_SOON) for job in found.confirmed)
        self.join(request, found)

    def join(self, request: Request, found: Verdicts) -> None:
        """Messages of a request have come to an end."""
        for verdicts in (self.verdicts, *request.within):
            verdicts.join(found)

    def log_attempts(self, marked: Iterable[tuple[Job, Code]]) -> None:
        """Keep what befell these messages in an attempt that may not be their last."""
        streak: dict[tuple[int, Code], list[Job]] = {}
        for job, code in marked:
            streak.setdefault((job.attempts + 1, code), []).append(job)
        for (attempt, code), jobs in streak.items():
            name = code_name(*code).replace(":", " ")
            entry = f"{attempt} {name} {self.posted_at} {self.batch.id}"
            self.attempt_logs.extend(attempt_log_entries(jobs, entry))
