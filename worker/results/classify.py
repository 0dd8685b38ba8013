"""Classifies each message, by the answer, the attempt and the policy.

Pure: no clock, no I/O. Every message of a batch ends in exactly one of the lists of `Verdicts`.
"""

import random
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from chatapps.codes import (
    CodeClass,
    Scope,
    classify_item,
    classify_request,
    is_redirect,
    meaning,
    scope,
)
from chatapps.responses import Answered, BatchAnswer, NoAnswer, NotSent, Refused, Result, Silence
from config.sections import Policies, Retry
from store.lanes.lane import Lane
from store.records.job_section import Job
from store.records.outcome import LocalReason, Origin

TAKEN = frozenset({"queued", "sent", "delivered", "read", "ok", "accepted"})
"""Values of `status.state` that mean that the provider has accepted the message."""
TURNED_AWAY = frozenset({"rejected", "failed", "error", "undelivered"})

Code = tuple[Origin, int]
NO_CODE: Code = (Origin.NONE, 0)
BROKEN: Code = (Origin.LOCAL, LocalReason.BROKEN_JOB)
IN_DOUBT: Code = (Origin.LOCAL, LocalReason.NO_ANSWER)
SENT_TOO_SOON: Code = (Origin.API, 1400)
"""The provider's code for a repeat of a message that was just sent (provider docs, error codes)."""
_SILENCES = {
    Silence.TIMEOUT: LocalReason.TIMEOUT,
    Silence.CONNECTION: LocalReason.CONNECTION_LOST,
    Silence.TLS: LocalReason.TLS_FAILED,
    Silence.CUT_OFF: LocalReason.CUT_OFF,
}
_SAID = {
    Silence.TIMEOUT: "timeout",
    Silence.CONNECTION: "connection reset or closed",
    Silence.TLS: "TLS failed",
}
FORBIDDEN = 403
"""HTTP status: the key is known, but not allowed to do this."""
TEMPLATE_BEING_DELETED = 409
"""HTTP status (provider docs, error codes: 3060)."""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The verdicts on the messages of one request. No message is in two lists."""

    accepted: list[tuple[Job, str | None]] = field(default_factory=list)  # job, umid
    rejected: list[tuple[Job, Code]] = field(default_factory=list)
    retry: list[tuple[Job, Code]] = field(default_factory=list)  # an attempt is used up
    doubtful: list[tuple[Job, Code]] = field(
        default_factory=list
    )  # in doubt, then by on_unconfirmed
    held: list[tuple[Job, Code]] = field(
        default_factory=list
    )  # unknown at once, by on_server_error
    failed: list[tuple[Job, Code]] = field(default_factory=list)  # final, kept as dead letters
    confirmed: list[Job] = field(
        default_factory=list
    )  # an earlier attempt was accepted: by a status update, or by the refusal of this one
    skipped: list[tuple[Job, Code]] = field(default_factory=list)  # must not be sent; not posted
    back: list[Job] = field(default_factory=list)  # confirmed not processed: no attempt is used up
    stop: list[str] = field(default_factory=list)  # reasons to stop the lane; empty = go on
    account: list[str] = field(default_factory=list)  # reasons to hold up the whole sub-account
    denied: list[tuple[Job, Code]] = field(
        default_factory=list
    )  # refused alone, perhaps for the account; decided at the end of the batch
    umids: list[tuple[int, str]] = field(default_factory=list)  # of refused messages

    def join(self, other: "Verdicts") -> None:
        """Add the verdicts of another part of the same batch."""
        self.accepted.extend(other.accepted)
        self.rejected.extend(other.rejected)
        self.retry.extend(other.retry)
        self.doubtful.extend(other.doubtful)
        self.held.extend(other.held)
        self.failed.extend(other.failed)
        self.confirmed.extend(other.confirmed)
        self.skipped.extend(other.skipped)
        self.back.extend(other.back)
        self.stop.extend(other.stop)
        self.account.extend(other.account)
        self.denied.extend(other.denied)
        self.umids.extend(other.umids)


def judge_answer(
    answer: BatchAnswer, jobs: Sequence[tuple[Job, str]], lane: Lane, *, suspect: bool = False
) -> Verdicts:
    """Classify the messages of a request by the answer's items, matched by `clientMessageId`.

    An id that is missing from the answer, or named twice with different results, is in doubt.

    Args:
        jobs: the messages of the request, each with the `clientMessageId` it carried.
        suspect: the lane had its sub-account held up before: a missing channel is blamed on its
            messages.
    """
    if _all_taken(answer, jobs):
        pairs = zip(jobs, answer.messages, strict=True)
        return Verdicts(accepted=[(job, item.umid) for (job, _), item in pairs])
    verdicts, channel, account = Verdicts(), list[tuple[Job, int]](), list[tuple[Job, int]]()
    said = {item.client_message_id: item for item in answer.messages}
    doubled = _contradicted(answer) if len(said) != len(answer.messages) else frozenset()
    accepted = verdicts.accepted
    for job, message_id in jobs:
        item = said.get(message_id)
        if item is None or message_id in doubled:
            verdicts.doubtful.append((job, (Origin.LOCAL, LocalReason.MISSING_IN_ANSWER)))
        elif item.state in TAKEN:
            accepted.append((job, item.umid))
            continue
        elif item.state in TURNED_AWAY:
            if _is_about_a_channel(item.error_code):
                channel.append((job, item.error_code or 0))
            elif _is_about_the_account(item.error_code):
                account.append((job, item.error_code or 0))
            else:
                _judge_refusal(verdicts, job, item.error_code, lane)
        else:
            verdicts.doubtful.append((job, (Origin.API, item.error_code or 0)))
        if item is not None and item.umid and message_id not in doubled:
            verdicts.umids.append((job.index, item.umid))
    _judge_channel(verdicts, channel, lane, suspect=suspect)
    _judge_account(verdicts, account, suspect=suspect)
    return verdicts


def _all_taken(answer: BatchAnswer, jobs: Sequence[tuple[Job, str]]) -> bool:
    """Fast path for nearly every answer: all ids in order, all accepted."""
    items = answer.messages
    if [message_id for _, message_id in jobs] != [item.client_message_id for item in items]:
        return False
    return {item.status.state for item in items} <= TAKEN


def judge_alone(job: Job, refused: Refused, lane: Lane) -> Verdicts:
    """Classify a refused request of one message."""
    verdicts = Verdicts()
    if refused.code == SENT_TOO_SOON[1]:
        _judge_refusal(verdicts, job, refused.code, lane)
    else:
        verdicts.rejected.append((job, request_code(refused)))
    return verdicts


def judge_server_error(jobs: Sequence[Job], status: int, code: int | None, lane: Lane) -> Verdicts:
    """Classify a 5xx of the whole request: it may have been processed."""
    return _by_server_error_policy(jobs, _request_code(status, code), lane)


@dataclass(frozen=True, slots=True)
class Withheld:
    """Not posted: the lane may not send now, or the turn did not come in time."""

    why: str


@dataclass(frozen=True, slots=True)
class Known:
    """Not posted: the provider has had these messages of it by an earlier attempt."""

    indexes: frozenset[int]


@dataclass(frozen=True, slots=True)
class Named:
    """Not posted again: the provider has had this batch, or some of it."""


@dataclass(frozen=True, slots=True)
class Unrendered:
    """Not posted: the lines of these messages do not fit the content of their lane."""

    indexes: frozenset[int]


@dataclass(frozen=True, slots=True)
class TooLarge:
    """Not posted: it has too many bytes."""


Unmade = Withheld | Known | Named | Unrendered | TooLarge


class FailureScope(StrEnum):
    """The scope of a refused request, and so of what is held up."""

    ACCOUNT = "account"  # key, account, channel: all of the sub-account waits
    LANE = "lane"  # the lane stops
    MESSAGES = "messages"  # some of its messages, or none: nothing stops
    DENIED = "denied"  # the account, or one message: splitting the request decides


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdicts of one request, and the rest of its messages."""

    messages: Verdicts = field(default_factory=Verdicts)
    scope: FailureScope = FailureScope.MESSAGES
    split: bool = False  # split it to find the cause
    rest: Sequence[Job] = ()  # to be posted without the others


def classify(
    result: Result | Unmade, jobs: Sequence[Job], lane: Lane, *, suspect: bool = False
) -> Verdict:
    """Classify the end of a request.

    Args:
        suspect: as for `judge_answer`.
    """
    match result:
        case Answered(answer=answer):
            named = [(job, f"{lane.id}.{job[0]}.{job[1] + 1}") for job in jobs]
            return Verdict(judge_answer(answer, named, lane, suspect=suspect))
        case Refused():
            return _classify_refusal(result, jobs, lane, suspect=suspect)
        case NoAnswer():
            return Verdict(Verdicts(doubtful=[(job, silence_code(result)) for job in jobs]))
        case NotSent() | Withheld():
            return Verdict(Verdicts(back=list(jobs)))
        case Named():
            return Verdict(Verdicts(held=[(_before_failure(job), IN_DOUBT) for job in jobs]))
        case Known(indexes=indexes):
            these, rest = _parted(jobs, indexes)
            return Verdict(Verdicts(confirmed=these), rest=rest)
        case Unrendered(indexes=indexes):
            these, rest = _parted(jobs, indexes)
            return Verdict(Verdicts(rejected=[(job, BROKEN) for job in these]), rest=rest)
        case TooLarge():
            return Verdict(split=True)


def _classify_refusal(
    refused: Refused, jobs: Sequence[Job], lane: Lane, *, suspect: bool
) -> Verdict:
    status, code = refused.status, refused.code
    scope = failure_scope_of(refused, lane, suspect=suspect)
    if scope in (FailureScope.ACCOUNT, FailureScope.LANE):
        return Verdict(judge_stop(jobs, refused, scope), scope)
    match classify_request(status, code):
        case CodeClass.THROTTLE:
            return Verdict(Verdicts(back=list(jobs)))
        case CodeClass.TRANSIENT:
            return Verdict(judge_server_error(jobs, status, code, lane))
    if len(jobs) > 1:
        return Verdict(scope=scope, split=True)
    if scope is FailureScope.DENIED:
        return Verdict(Verdicts(denied=[(jobs[0], request_code(refused))]), scope)
    return Verdict(judge_alone(jobs[0], refused, lane))


def _parted(jobs: Sequence[Job], indexes: Collection[int]) -> tuple[list[Job], list[Job]]:
    these = [job for job in jobs if job.index in indexes]
    return these, [job for job in jobs if job.index not in indexes]


def _before_failure(job: Job) -> Job:
    """The job without its last attempt, which its end counts."""
    return job._replace(attempts=job.attempts - 1)


def judge_stop(jobs: Sequence[Job], refused: Refused, scope: FailureScope) -> Verdicts:
    """Keep the jobs of a request that was refused for a cause they share."""
    why = [explain_refusal(refused.status, refused.code)]
    if scope is FailureScope.ACCOUNT:
        return Verdicts(back=list(jobs), account=why)
    return Verdicts(back=list(jobs), stop=why)


def failure_scope_of(refused: Refused, lane: Lane, *, suspect: bool = False) -> FailureScope:
    """The scope of a refused request.

    In a notification lane a code about a template or the content concerns only some of its messages.

    Args:
        suspect: as for `judge_answer`.
    """
    if classify_request(refused.status, refused.code) is not CodeClass.PERMANENT_BATCH:
        return FailureScope.MESSAGES
    about = scope(refused.code, refused.status)
    if refused.status == FORBIDDEN and suspect:
        return FailureScope.DENIED
    if refused.status in (401, FORBIDDEN) or about is Scope.ACCOUNT:
        return FailureScope.ACCOUNT
    if about is Scope.CHANNEL and not suspect:
        return FailureScope.ACCOUNT
    if lane.kind == "campaign" or (refused.code is None and about is not Scope.TEMPLATE):
        return FailureScope.LANE
    return FailureScope.MESSAGES


def is_server_error(result: object) -> bool:
    """True when the provider failed with a whole request, so that its messages are in doubt."""
    return (
        isinstance(result, Refused)
        and classify_request(result.status, result.code) is CodeClass.TRANSIENT
    )


def is_silence(result: object, lane: str) -> bool:
    """True without a usable answer: none, or one that names no message of the lane."""
    if isinstance(result, Answered):
        items, start = result.answer.messages, f"{lane}."
        return not any((item.client_message_id or "").startswith(start) for item in items)
    return isinstance(result, NoAnswer)


def silence_code(silence: NoAnswer) -> Code:
    """The code of a missing answer, for records and attempt logs."""
    if silence.why in (Silence.STATUS, Silence.UNREADABLE) and silence.status:
        return (Origin.HTTP, silence.status)
    return (Origin.LOCAL, _SILENCES.get(silence.why, LocalReason.NO_ANSWER))


def explain_failure(result: object) -> str:
    """The reason of a failed request, for people: a server error, or no usable answer."""
    match result:
        case Refused(status=status, code=code):
            return explain_refusal(status, code)
        case NoAnswer(reason=reason, why=why):
            kind = f"{_SAID[why]}: " if why in _SAID else ""
            return f"no answer that can be trusted has come ({kind}{reason})"
        case _:
            return "the answers name no message of ours"


def is_about_template(code: Code) -> bool:
    """True when one message was refused for its template."""
    origin, number = code
    if origin is Origin.HTTP:
        return number == TEMPLATE_BEING_DELETED
    about = origin in (Origin.API, Origin.REQUEST) and scope(number) is Scope.TEMPLATE
    return about and classify_item(number) is CodeClass.PERMANENT_BATCH


def worth_a_quick_retry(result: object, lane: Lane) -> bool:
    """True when the same batch may be posted again in a moment, without requeuing it."""
    return (
        isinstance(result, Refused)
        and is_server_error(result)
        and not result.retry_after
        and lane.on_server_error == "retry"
    )


def pause_asked_for(refused: Refused, retry: Retry) -> float:
    """Seconds of pause that the provider asks for, within bounds; 0 = none.

    A 429 asks for a pause even without `Retry-After`, a 5xx only with it.
    """
    match classify_request(refused.status, refused.code):
        case CodeClass.THROTTLE:
            wanted = refused.retry_after or retry.retry_after_default
        case CodeClass.TRANSIENT:
            wanted = refused.retry_after or 0
        case _:
            return 0
    return min(wanted, retry.retry_after_cap)


def retry_delay(attempts: int, retry: Retry, rng: random.Random) -> float:
    """Seconds before the next retry of messages after so many attempts; the upper half is jitter."""
    retries = max(0, attempts - retry.quick_attempts)
    full = min(retry.max_delay, retry.base_delay * 2.0 ** min(retries, 20))
    return full * rng.uniform(0.5, 1)


def seconds_in_doubt(
    lane: Lane, policies: Policies, resends: Iterable[int], rng: random.Random
) -> float:
    """Seconds that messages are in doubt before the policy of their lane applies.

    Resends wait for at least `resend_floor`, and for their pause plus up to half of it at random, so
    that batches that failed together are not resent together.

    Args:
        resends: earlier resends of each message; the longest pause counts.
    """
    if lane.on_unconfirmed != "resend":
        return lane.settle_after
    again = [times for times in resends if times < policies.max_resends]
    if not again:
        return lane.settle_after
    pause = policies.resend_pauses[min(max(again), len(policies.resend_pauses) - 1)]
    return max(lane.settle_after, policies.resend_floor) + pause * rng.uniform(1, 1.5)


def may_have_arrived(code: Code) -> bool:
    """True when a failed attempt, neither accepted nor rejected, may have reached the person."""
    origin, number = code
    return origin is not Origin.API or classify_item(number) is not CodeClass.THROTTLE


def explain_refusal(status: int, code: int | None) -> str:
    """The reason why a lane or a sub-account stopped, for people."""
    if is_redirect(status):
        return (
            f"the provider's address answers with a redirect (HTTP {status}): check base_url (or the "
            "region) of the sub-account"
        )
    if code is None:
        return f"the provider refused the request with HTTP {status}"
    return f"the provider refused the request with HTTP {status}, code {code}: {meaning(code)}"


def explain_item(code: int) -> str:
    """The reason why one message stopped a lane, for people."""
    return f"the provider refused a message with code {code}: {meaning(code)}"


def explain_refusal_streak(code: Code) -> str:
    """The reason why a streak of refusals stopped a lane, for people."""
    origin, number = code
    if origin is Origin.HTTP:
        return f"message after message is refused with HTTP {number}"
    return f"message after message is refused with code {number}: {meaning(number)}"


def request_code(result: object) -> Code:
    """The code of a refused request, for records and attempt logs."""
    if isinstance(result, Refused):
        return _request_code(result.status, result.code)
    return NO_CODE


def _judge_refusal(verdicts: Verdicts, job: Job, code: int | None, lane: Lane) -> None:
    known: Code = (Origin.API, code or 0)
    if known == SENT_TOO_SOON and job.doubt:  # the attempt in doubt was the accepted one
        verdicts.confirmed.append(job)
        return
    match classify_item(code):
        case CodeClass.TRANSIENT if lane.on_server_error == "hold":
            verdicts.held.append((job, known))
        case CodeClass.TRANSIENT | CodeClass.THROTTLE:
            verdicts.retry.append((job, known))
        case CodeClass.PERMANENT_BATCH if lane.kind == "campaign":
            verdicts.back.append(job)
            if not verdicts.stop:
                verdicts.stop.append(explain_item(code or 0))
        case _:
            verdicts.rejected.append((job, known))


def _is_about_a_channel(code: int | None) -> bool:
    return code is not None and scope(code) is Scope.CHANNEL


def _is_about_the_account(code: int | None) -> bool:
    return classify_item(code) is CodeClass.PERMANENT_BATCH and scope(code) is Scope.ACCOUNT


def _judge_account(
    verdicts: Verdicts, refused: Sequence[tuple[Job, int]], *, suspect: bool
) -> None:
    """The account may not send. After the first time the batch decides whether these messages are the
    cause."""
    if not refused:
        return
    if suspect:
        verdicts.denied.extend((job, (Origin.API, code)) for job, code in refused)
        return
    verdicts.back.extend(job for job, _ in refused)
    verdicts.account.append(explain_item(refused[0][1]))


def _judge_channel(
    verdicts: Verdicts, refused: Sequence[tuple[Job, int]], lane: Lane, *, suspect: bool
) -> None:
    """A channel is missing: to the sub-account, unless others of the same request were accepted, or
    after the first time. Then only these messages fail and do not hold up the others."""
    if not refused:
        return
    theirs, why = bool(verdicts.accepted) or suspect, explain_item(refused[0][1])
    if theirs and lane.kind != "campaign":
        verdicts.rejected.extend((job, (Origin.API, code)) for job, code in refused)
        return
    verdicts.back.extend(job for job, _ in refused)
    (verdicts.stop if theirs else verdicts.account).append(why)


def _by_server_error_policy(jobs: Sequence[Job], code: Code, lane: Lane) -> Verdicts:
    marked = [(job, code) for job in jobs]
    if lane.on_server_error == "hold":
        return Verdicts(held=marked)
    return Verdicts(retry=marked)


def _request_code(status: int, code: int | None) -> Code:
    return (Origin.REQUEST, code) if code else (Origin.HTTP, status)


def _contradicted(answer: BatchAnswer) -> frozenset[str | None]:
    """Ids that occur more than once with different results."""
    first: dict[str | None, tuple[str, int | None] | None] = {}
    doubled: set[str | None] = set()
    for item in answer.messages:
        taken = item.state in TAKEN  # `queued` and `sent` both mean accepted
        result = None if taken else (item.state, item.error_code)
        if first.setdefault(item.client_message_id, result) != result:
            doubled.add(item.client_message_id)
    return frozenset(doubled)
