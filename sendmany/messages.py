"""One message: how it is written from what a person types, and what became of it, in words."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from producer.campaign_message import load_message_file
from producer.errors import BadRow, InputError
from producer.numbers import normalise
from sendmany.export import international
from sendmany.words import clock, explain_code, explain_state, explain_trail, iso, moment
from store.calls import Store
from store.lanes import Lane
from store.listing import find_waiting
from store.outcomes import Origin
from store.packing import Job
from store.reports import MessageReport, find_recipient, message_report
from store.states import BY_STATE, State
from store.waiting import Waiting, waiting

STEP_SECONDS = 0.1


def message_for(recipient: str, text: str | None, file: Path | None) -> dict[str, Any]:
    """The provider's message for one person.

    Args:
        recipient: as `recipient_of` gives it.

    Raises:
        InputError: neither or both of text and file, or the file is no message.
    """
    if (text is None) == (file is None):
        raise InputError("Say what to send: either --text or --message")
    user = {"msisdn": f"+{recipient}"} if recipient.isdecimal() else {"channelUserId": recipient}
    if text is not None:
        return {"user": user, "type": "text", "content": {"text": text}}
    assert file is not None
    return {"user": user, **load_message_file(file)}


def recipient_of(text: str, region: str | None) -> str:
    """A phone number as digits of E.164, or the id of a user of a channel as it is.

    Raises:
        InputError: it is neither; says why, without the number.
    """
    if text[:2].isalpha() and text[2:3] == ".":
        return text
    try:
        return normalise(text, region)
    except BadRow as bad:
        raise InputError(f"{bad.number or 'This'} is no phone number: {bad.reason}") from bad


def find_message(store: Store, lane: Lane, recipient: str) -> str:
    """The id of the message that a person gets in a campaign.

    Raises:
        InputError: the campaign has none for this person.
    """
    index = find_recipient(store, lane, recipient)
    if index is None:
        raise InputError(f'"{lane.name}" has no message for this recipient')
    return f"{lane.id}.{index}"


@dataclass(frozen=True, slots=True)
class Fate:
    """What is known of one message."""

    report: MessageReport
    state: State | None  # None: it is just moving from one place to another
    job: Job | None  # while it can still go out
    wait: Waiting

    @property
    def id(self) -> str:
        """The message's id."""
        return f"{self.report.lane.id}.{self.report.index}"

    @property
    def recipient(self) -> str:
        """As people write it; empty if it cannot be told at this moment."""
        text = self.job.recipient.decode() if self.job else self.report.recipient
        return international(text) if text else ""

    @property
    def attempts(self) -> int:
        """Attempts so far."""
        outcome = self.report.outcome
        return self.job.attempts if self.job else outcome.attempts if outcome else 0


def fate_of(store: Store, message_id: str) -> Fate:
    """Read all that is known of a message.

    Raises:
        UnknownLane: there is no such message.
    """
    found = message_report(store, message_id)
    wait = waiting(store, found.lane)
    if is_final(found):
        assert found.outcome is not None
        return Fate(found, found.outcome.state, None, wait)
    place = find_waiting(store, found.lane.id, found.index)
    return Fate(found, place[0] if place else None, place[1] if place else None, wait)


def wait_for_end(
    store: Store,
    message_id: str,
    seconds: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Wait until a message has an outcome; False if it takes longer than that."""
    give_up = clock() + seconds
    while not is_final(message_report(store, message_id)):
        if clock() > give_up:
            return False
        sleep(STEP_SECONDS)
    return True


def is_final(report: MessageReport) -> bool:
    """Whether the record, and not a job, holds the state of the message."""
    return report.outcome is not None and BY_STATE[report.outcome.state].counted


def explain(fate: Fate) -> list[str]:
    """What became of a message, a sentence each. Pure."""
    report, outcome = fate.report, fate.report.outcome
    lines = [f"{fate.id} to {fate.recipient or 'somebody'}, {_lane_words(report.lane)}"]
    state = explain_state(fate.state) if fate.state else "it is just being moved; ask again"
    lines.append(f"{fate.state or 'moving'}: {state}{_when(fate)}")
    if outcome and outcome.origin is not Origin.NONE:
        why = explain_code(outcome.origin, outcome.code)
        lines.append(f"{outcome.origin.name.lower()} {outcome.code}: {why}")
    if outcome and outcome.umid:
        lines.append(f"the provider calls it {outcome.umid}")
    if outcome and outcome.posted_at:
        lines.append(f"last posted at {moment(outcome.posted_at)}, attempt {outcome.attempts}")
    return lines + [explain_trail(entry) for entry in report.trail]


def as_json(fate: Fate) -> Mapping[str, Any]:
    """The same for programs."""
    outcome = fate.report.outcome
    coded = outcome is not None and outcome.origin is not Origin.NONE
    return {
        "id": fate.id,
        "lane": fate.report.lane.name,
        "number": fate.recipient,
        "state": str(fate.state) if fate.state else None,
        "attempts": fate.attempts,
        "code": outcome.code if outcome and coded else None,
        "origin": outcome.origin.name.lower() if outcome and coded else "",
        "meaning": explain_code(outcome.origin, outcome.code) if outcome else "",
        "umid": outcome.umid if outcome else None,
        "posted_at": iso(outcome.posted_at) if outcome else "",
        "changed_at": iso(outcome.changed_at) if outcome else "",
        "trail": list(fate.report.trail),
    }


def _lane_words(lane: Lane) -> str:
    return f'campaign "{lane.name}"' if lane.kind == "campaign" else lane.name


def _when(fate: Fate) -> str:
    """Until when it waits, where that is known of its lane."""
    wait, lane, outcome = fate.wait, fate.report.lane, fate.report.outcome
    if fate.state is State.QUEUED and lane.status != "sending":
        return f" (the lane is {lane.status}{f': {lane.reason}' if lane.reason else ''})"
    if fate.state is State.QUEUED and wait.blocked_until:
        return f" (the provider asked for a pause until {clock(wait.blocked_until)})"
    if fate.state is State.QUEUED and not wait.loops:
        return " (no worker is sending at the moment; see `sendmany doctor`)"
    if fate.state is State.DELAYED and wait.next_retry:
        return f" (not before {clock(wait.next_retry)})"
    if fate.state is State.PARKED and wait.next_decision:
        return f" (decided after {clock(wait.next_decision)})"
    return f", since {moment(outcome.changed_at)}" if outcome and not fate.job else ""
