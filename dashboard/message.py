"""Status of one message, in figures and in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dashboard.explain import (
    DOUBTS,
    PUT_OFF_WORDS,
    clock,
    explain_attempts,
    explain_breaker,
    explain_code,
    explain_state,
    explain_stop,
    explain_unreached,
    iso,
    moment,
)
from store.client import Store
from store.lanes.lane import Lane
from store.records.job_section import Job, international
from store.records.outcome import Doubt, Origin
from store.reports.lane_report import MessageReport, message_report
from store.reports.messages import find_waiting
from store.reports.waiting import Scheduled, Waiting, scheduled_for, waiting
from store.states import BY_STATE, State


@dataclass(frozen=True, slots=True)
class MessageStatus:
    """Everything known about one message."""

    report: MessageReport
    state: State | None  # None: it is moving between two states
    job: Job | None  # while it can still be sent
    wait: Waiting
    scheduled: Scheduled | None = None  # the time at which it goes, if it waits for one

    @property
    def id(self) -> str:
        return f"{self.report.lane.id}.{self.report.index}"

    @property
    def recipient(self) -> str:
        """As people write it; empty if unknown at this moment."""
        text = self.job.recipient.decode() if self.job else self.report.recipient
        return international(text) if text else ""

    @property
    def doubt(self) -> Doubt:
        """Uncertainty beyond the state of an ended message: the person may have received more."""
        outcome = self.report.outcome
        return outcome.doubt if outcome and not self.job and self.state else Doubt.NONE

    @property
    def attempts(self) -> int:
        outcome = self.report.outcome
        return self.job.attempts if self.job else outcome.attempts if outcome else 0


def message_status_of(store: Store, message_id: str, *, most: int | None = None) -> MessageStatus:
    """Read everything known about a message.

    Args:
        most: limit of packed queue elements to search for its job.

    Raises:
        UnknownLane: there is no such message.
    """
    found = message_report(store, message_id)
    wait = waiting(store, found.lane)
    if is_final(found):
        assert found.outcome is not None
        return MessageStatus(found, found.outcome.state, None, wait)
    place = find_waiting(store, found.lane.id, found.index, most)
    state, job = place or (None, None)
    due = scheduled_for(store, found.lane.id, found.index) if state is State.DELAYED else None
    return MessageStatus(found, state, job, wait, due)


def is_final(report: MessageReport) -> bool:
    """True when the record, not a job, holds the message's state."""
    return report.outcome is not None and BY_STATE[report.outcome.state].counted


def explain(status: MessageStatus) -> list[str]:
    """The message's status and history, a sentence each. Pure."""
    report, outcome = status.report, status.report.outcome
    lines = [
        f"{status.id} to {status.recipient or 'an unknown recipient'}, {_lane_words(report.lane)}"
    ]
    state = explain_state(status.state) if status.state else "it is just being moved; ask again"
    if status.scheduled:
        cause = status.scheduled.cause
        what = "time that it was given" if cause is None else PUT_OFF_WORDS[cause]
        state = f"waits for the {what}"
    state = "waits for the outcome of the canary" if is_held_back(status) else state
    lines.append(f"{status.state or 'moving'}: {state}{_when(status)}")
    if outcome and outcome.origin is not Origin.NONE:
        why = explain_code(outcome.origin, outcome.code)
        lines.append(f"{outcome.origin.name.lower()} {outcome.code}: {why}")
    if status.doubt:
        lines.append(DOUBTS[status.doubt])
    if outcome and outcome.purpose:
        lines.append(f"its purpose is {outcome.purpose}")
    if report.tag:
        lines.append(f"its tag is {report.tag}")
    if outcome and outcome.umid:
        lines.append(f"the provider calls it {outcome.umid}")
    if outcome and outcome.posted_at:
        lines.append(f"last posted at {moment(outcome.posted_at)}, attempt {outcome.attempts}")
    return lines + [explain_attempts(entry) for entry in report.attempt_log]


def is_held_back(status: MessageStatus) -> bool:
    """True when it waits for the canary of its campaign."""
    waits = status.state is State.DELAYED and status.job is not None and not status.job.attempts
    return waits and not status.scheduled and status.report.lane.holds_back


def as_json(status: MessageStatus) -> Mapping[str, Any]:
    """The message's status as JSON."""
    outcome = status.report.outcome
    coded = outcome is not None and outcome.origin is not Origin.NONE
    return {
        "id": status.id,
        "lane": status.report.lane.name,
        "number": status.recipient,
        "state": str(status.state) if status.state else None,
        "attempts": status.attempts,
        "code": outcome.named_code if outcome else None,
        "origin": outcome.origin.name.lower() if outcome and coded else "",
        "meaning": explain_code(outcome.origin, outcome.code) if outcome else "",
        "umid": outcome.umid if outcome else None,
        "posted_at": iso(outcome.posted_at) if outcome else "",
        "changed_at": iso(outcome.changed_at) if outcome else "",
        "purpose": outcome.purpose if outcome else None,
        "pricing": outcome.pricing.name.lower() if outcome and outcome.pricing else None,
        "doubt": status.doubt,
        "tag": status.report.tag or None,
        "attempt_log": list(status.report.attempt_log),
    }


def _lane_words(lane: Lane) -> str:
    return f'campaign "{lane.name}"' if lane.kind == "campaign" else lane.name


def waits_until(status: MessageStatus) -> int | None:
    """Earliest next event in ms since 1970; None if unknown."""
    if status.state is State.QUEUED and status.wait.stop:
        return None
    if status.state is State.QUEUED:
        breaker = status.wait.held_by
        return (breaker.probe_at or None) if breaker else status.wait.blocked_until
    if is_held_back(status):
        return status.report.lane.canary_until or None
    if status.state is State.DELAYED:
        return status.scheduled.at if status.scheduled else status.wait.next_retry
    return status.wait.next_decision if status.state is State.IN_DOUBT else None


def _when(status: MessageStatus) -> str:
    """The end of its wait in words, where its lane knows it."""
    wait, lane, outcome = status.wait, status.report.lane, status.report.outcome
    if status.state is State.QUEUED and lane.status != "sending":
        return f" (the lane is {lane.status}{f': {lane.reason}' if lane.reason else ''})"
    if status.state is State.QUEUED and wait.stop:
        return f" ({explain_stop(wait.stop).rstrip('.')})"
    if status.state is State.QUEUED and wait.held_by:
        return f" ({explain_breaker(wait.held_by).rstrip('.')})"
    if status.state is State.QUEUED and wait.blocked_until:
        return f" (the provider asked for a pause until {clock(wait.blocked_until)})"
    if status.state is State.QUEUED and wait.unreached:
        return f" ({explain_unreached(wait.unreached[0])})"
    if status.state is State.QUEUED and not wait.loops:
        return " (no worker is sending at the moment; see `sendmany doctor`)"
    if status.scheduled:
        verb = "scheduled for" if status.scheduled.cause is None else "until"
        return f" ({verb} {moment(status.scheduled.at // 1000)})"
    if is_held_back(status):
        return f" (decided at {clock(lane.canary_until)})" if lane.canary_until else ""
    if status.state is State.DELAYED and wait.next_retry:
        return f" (not before {clock(wait.next_retry)})"
    if status.state is State.IN_DOUBT and wait.next_decision:
        return f" (decided after {clock(wait.next_decision)})"
    return f", since {moment(outcome.changed_at)}" if outcome and not status.job else ""
