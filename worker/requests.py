"""The requests of a batch: messages, responses, decisions, and the batch's outcome."""

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
    """Messages of one POST."""

    jobs: Sequence[Job]  # `attempts` counts those before this request
    failed: int = 0  # attempts of this batch that got a server error
    pause: float = 0.0  # seconds to wait before the POST
    within: tuple[Verdicts, ...] = ()  # verdicts of the requests it was split from, outermost first

    def fields(self, batch: ClaimedBatch) -> dict[str, str | int]:
        """Log fields of the request."""
        numbers = {"messages": len(self.jobs), "attempt": self.jobs[0].attempts + 1}
        return {"lane": batch.lane_id, "batch": batch.id, **numbers}

    def halves(self) -> tuple["Request", "Request"]:
        """Split it, to find the message that causes the refusal, or to make it smaller."""
        middle, within = len(self.jobs) // 2, (*self.within, Verdicts())
        return Request(self.jobs[:middle], within=within), Request(
            self.jobs[middle:], within=within
        )

    def of(self, jobs: Sequence[Job]) -> "Request":
        """A request with only these messages of it."""
        return replace(self, jobs=jobs, pause=0.0)

    def again(self, pause: float) -> "Request":
        """The next attempt."""
        jobs = [job.tried(may_have_arrived=True) for job in self.jobs]
        return replace(self, jobs=jobs, failed=self.failed + 1, pause=pause)


@dataclass(frozen=True, slots=True)
class Response:
    """The end of a request."""

    result: Result | Unmade
    permits: Reservation | None = None  # the permits it used
    took: float = 0.0  # seconds

    @property
    def posted(self) -> bool:
        """True when it was posted; the provider may have had it."""
        return not isinstance(self.result, Unmade | NotSent)


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision after a request."""

    messages: Verdicts = field(default_factory=Verdicts)  # in no further request
    next: Sequence[Request] = ()
    again: Code | None = None  # the reason why the same request follows at once
    is_told: bool = True  # the breakers know the result of the request


@dataclass(slots=True)
class BatchOutcome:
    """Results of a batch so far, and leftovers of its requests."""

    batch: ClaimedBatch
    verdicts: Verdicts = field(default_factory=Verdicts)
    marks: int = 0
    permits: Reservation | None = None  # used for no request, or without a result yet
    posted_ms: int = 0  # Redis' clock at the last mark; 0 = none yet
    unsent: list[int] = field(
        default_factory=list
    )  # messages of marked requests that were not sent
    retried: Counter[Code] = field(default_factory=Counter)  # messages that were sent again without
    # being requeued, by the code of the failed attempt
    template_probes: dict[int, str] = field(default_factory=dict)  # message → breaker it probes
    attempt_logs: list[tuple[int, bytes]] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)  # the provider's ids of its requests

    @property
    def posted_at(self) -> int:
        """Time of the last POST, s since 1970 by Redis' clock; 0 = none yet."""
        return self.posted_ms // 1000

    def add(self, request: Request, response: Response, decision: Decision) -> None:
        """Add the end of a request; failed attempts are added to the attempt log."""
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
        """Add verdicts on messages of a request."""
        for verdicts in (self.verdicts, *request.within):
            verdicts.join(found)

    def log_attempts(self, marked: Iterable[tuple[Job, Code]]) -> None:
        """Log a failed attempt of these messages, which may not be their last."""
        streak: dict[tuple[int, Code], list[Job]] = {}
        for job, code in marked:
            streak.setdefault((job.attempts + 1, code), []).append(job)
        for (attempt, code), jobs in streak.items():
            name = code_name(*code).replace(":", " ")
            entry = f"{attempt} {name} {self.posted_at} {self.batch.id}"
            self.attempt_logs.extend(attempt_log_entries(jobs, entry))
