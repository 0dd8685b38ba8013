"""Explains states, codes and statuses in words for people. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from chatapps.codes import CodeClass, Scope, classify_item, meaning, scope
from chatapps.receipt_codes import Action, receipt_code
from store.lanes.lane import SPREAD, WARM_UP, WARM_UP_PARTS, Canary, Lane, LaneStatus, Pace
from store.limits.breakers import BULK, SERVER, STALL, Breaker
from store.limits.learned import Cause, Learned
from store.limits.stops import Stop, Stopped
from store.limits.unreached import Unreached
from store.people.quiet_hours import LocalStart
from store.purposes import Purpose
from store.queue.settlement import WaitCause
from store.records.outcome import OTHER_CODE, Doubt, Feedback, LocalReason, Origin
from store.reports.lane_report import PACE_GAP_MS, LaneReport
from store.reports.waiting import Span, Waiting
from store.states import BY_STATE, Stage, State

_OPEN = {
    State.QUEUED: "waits for its turn",
    State.IN_FLIGHT: "is on its way to the provider at this moment",
    State.DELAYED: "failed for a cause that may pass, and will be tried again",
    State.IN_DOUBT: "was posted, and no answer came that can be trusted",
}
DOUBTS = {
    Doubt.MAY_HAVE_ARRIVED: "it may have arrived nevertheless: an attempt was in doubt",
    Doubt.MAY_HAVE_TWO: "the person may have got two: an earlier attempt was in doubt",
}
_LOCAL = {
    LocalReason.NOT_SENT: "the provider could not be reached",
    LocalReason.NO_ANSWER: "no trustworthy answer came",
    LocalReason.MISSING_IN_ANSWER: "the answer did not mention this message",
    LocalReason.WORKER_LOST: "the worker died with the message in its hands",
    LocalReason.OPERATOR: "an operator decided so",
    LocalReason.BROKEN_JOB: "what is stored of it does not fit the campaign's message",
    LocalReason.KILLS_WORKERS: "worker after worker died with it in its hands",
    LocalReason.SUPPRESSED: "the person does not want messages",
    LocalReason.WINDOW: "the person has not written for a day, and it is no template",
    LocalReason.EXPIRED: "its time was over before it could go out",
    LocalReason.BREAKER: "its template was held up, since the provider refuses it",
    LocalReason.TIMEOUT: "no answer came in time",
    LocalReason.CONNECTION_LOST: "the connection broke before an answer came (reset, or closed)",
    LocalReason.TLS_FAILED: "the encryption (TLS) of the connection broke before an answer came",
    LocalReason.CUT_OFF: "the answer began, and was cut off",
    LocalReason.CAPPED: "over the cap: the person has had enough marketing in these days",
    LocalReason.FORGOTTEN: "the person was forgotten",
    LocalReason.UNREACHABLE: "the person could not be reached lately, by a receipt",
}
_STATUS = {
    LaneStatus.DRAFT: "It is a draft: nothing of it goes out before it is launched.",
    LaneStatus.LOADING: "The recipients are being read; nothing is sent before the file is in.",
    LaneStatus.SENDING: "It is being sent.",
    LaneStatus.PAUSED: "It is paused: nothing is sent until it is resumed.",
    LaneStatus.CANCELLING: "It is being cancelled: what has not gone out will not.",
    LaneStatus.CANCELLED: "It was cancelled.",
    LaneStatus.FINISHED: "It is finished.",
}


def count(n: int) -> str:
    """A number with thousands separators."""
    return f"{n:,}"


def several(n: int, one: str, many: str | None = None) -> str:
    """`1 message`, `2,000 messages`."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def iso(seconds: float) -> str:
    """ISO 8601 time in UTC; empty for 0."""
    if not seconds:
        return ""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(seconds: float) -> str:
    """Local time for people; empty for 0."""
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S") if seconds else ""


def clock(ms: int) -> str:
    """Local time of day."""
    return datetime.fromtimestamp(ms / 1000).strftime("%H:%M:%S")


def explain_state(state: State) -> str:
    """The meaning of a message's state."""
    return _OPEN.get(state) or BY_STATE[state].meaning


def explain_code(origin: Origin, code: int) -> str:
    """The meaning of a code; the same number has other meanings in other origins."""
    match origin:
        case Origin.NONE:
            return ""
        case Origin.HTTP:
            if code < 300:
                return f"HTTP {code} came, but no result that can be read"
            return f"the provider answered with HTTP status {code}"
        case Origin.LOCAL:
            return _LOCAL.get(LocalReason(code), "") if code in set(LocalReason) else ""
        case _ if code == OTHER_CODE:
            return "a code that is none of the provider's, negative or too large to be kept"
        case Origin.RECEIPT:
            return receipt_code("", code).meaning if code else "the receipt names no code"
        case _:
            return meaning(code or None)


class Remedy(StrEnum):
    """Reaction to the cause of a failure."""

    TAKE_OFF = "take_off"
    MEND = "mend"
    WAIT = "wait"
    ACCOUNT = "account"
    NOTHING = "nothing"

    @property
    def sentence(self) -> str:
        """The remedy in words."""
        return _REMEDIES[self]


_REMEDIES = {
    Remedy.TAKE_OFF: "take these people off the list",
    Remedy.MEND: "mend the message or its template, then retry",
    Remedy.WAIT: "it may pass: retry later",
    Remedy.ACCOUNT: "see to the account, the sub-account or the sender, then retry",
    Remedy.NOTHING: "nothing",
}
_BY_ACTION = {
    Action.SUPPRESS: Remedy.TAKE_OFF,
    Action.UNREACHABLE: Remedy.TAKE_OFF,
    Action.FIX_CONTENT: Remedy.MEND,
    Action.STOP_TEMPLATE: Remedy.MEND,
    Action.THROTTLE_PAIR: Remedy.WAIT,
    Action.SLOW_DOWN: Remedy.WAIT,
    Action.RETRY_LATER: Remedy.WAIT,
    Action.NOTHING: Remedy.NOTHING,
}
_BAD_NUMBERS = {1002, 3003}
_MENDED = {LocalReason.WINDOW, LocalReason.BREAKER, LocalReason.BROKEN_JOB}
_INTENDED = {
    LocalReason.SUPPRESSED, LocalReason.FORGOTTEN, LocalReason.OPERATOR, LocalReason.EXPIRED,
    LocalReason.CAPPED, LocalReason.UNREACHABLE,
}  # fmt: skip


def remedy(origin: Origin, code: int) -> Remedy:
    """The remedy for messages that ended with a code."""
    match origin:
        case Origin.RECEIPT:
            known = receipt_code("", code) if code else None
            return _BY_ACTION.get(known.action, Remedy.ACCOUNT) if known else Remedy.NOTHING
        case Origin.HTTP:
            return Remedy.ACCOUNT if code in (401, 403, 404) else Remedy.WAIT
        case Origin.LOCAL:
            if code in _MENDED:
                return Remedy.MEND
            return Remedy.NOTHING if code in _INTENDED else Remedy.WAIT
        case Origin.API | Origin.REQUEST:
            if code in _BAD_NUMBERS:
                return Remedy.TAKE_OFF
            if classify_item(code) in (CodeClass.TRANSIENT, CodeClass.THROTTLE):
                return Remedy.WAIT
            concerns = scope(code)
            return Remedy.ACCOUNT if concerns in (Scope.ACCOUNT, Scope.CHANNEL) else Remedy.MEND
    return Remedy.NOTHING


def explain_named_code(name: str) -> str:
    """The meaning of a code as lanes and attempt logs write it, like `api:1002`."""
    origin, _, code = name.partition(":")
    return explain_code(Origin[origin.upper()], int(code)) if code.isdigit() else ""


def explain_attempts(entry: str) -> str:
    """One entry of the attempt log as a sentence: `<attempt> <origin> <code> <time> <batch>`, or an
    operator's decision."""
    attempt, origin, code, at, batch = entry.split(" ")
    if (origin, code) == ("local", str(int(LocalReason.OPERATOR))):
        return f"after attempt {attempt}, at {moment(int(at))}: an operator resent it"
    why = explain_named_code(f"{origin}:{code}") or "it failed"
    shown = f"{code}: " if origin in ("api", "request") else ""
    return f"attempt {attempt} at {moment(int(at))}: {shown}{why} (batch {batch})"


def explain_lane(report: LaneReport, wait: Waiting) -> list[str]:
    """The lane's activity and the reasons why its messages wait, a sentence each."""
    lane = report.lane
    if lane.status is LaneStatus.STOPPED:
        sentences = [f"It has stopped: {lane.reason}.", _how_to_go_on(lane)]
    elif lane.status is LaneStatus.HALTED:
        sentences = [f"It is halted: {lane.reason}.", _how_to_accept(lane)]
    elif lane.kind != "campaign" and lane.status is LaneStatus.SENDING:
        sentences = ["It takes messages and sends them."]
    elif lane.status is LaneStatus.SCHEDULED:
        sentences = [f"It starts at {starts_at(lane)}."]
    elif lane.canary_state is Canary.FAILED and lane.status is LaneStatus.PAUSED:
        sentences = [f"It is paused: {lane.reason}.", _how_to_go_on(lane)]
    else:
        sentences = [_STATUS[lane.status]]
    is_held = lane.holds_back and not lane.status.ended
    sentences += [explain_canary(lane)] if is_held else []
    sentences += filter(None, _why_waiting(report, wait))
    return sentences + _how_to_go_on_reading(lane)


def explain_hold(report: LaneReport, wait: Waiting) -> str:
    """What holds up all of a campaign that is being sent, in a few words; empty for nothing."""
    lane, counts = report.lane, report.counts
    if lane.status is not LaneStatus.SENDING or not report.open:
        return ""
    if wait.stop:
        return stopped_words(wait.stop.what, "") + " is stopped"
    if wait.held_by:
        return f"breaker of {_held_words(wait.held_by)}"
    if lane.canary_state is Canary.WATCHED:
        return "its first part is watched"
    if counts.get(State.QUEUED, 0):
        return "" if wait.loops else "no worker is sending"
    if counts.get(State.IN_FLIGHT, 0):
        return ""
    if WaitCause.HOURS in wait.put_off:
        return "local time of its people" if lane.local_start else "quiet hours"
    return "the tier of the portfolio" if WaitCause.TIER in wait.put_off else ""


def _held_words(breaker: Breaker) -> str:
    if breaker.is_of_template:
        return f"template {_template_words(breaker)}"
    return breaker.sub_account + (" (bulk)" if breaker.scope == BULK else "")


def _template_words(breaker: Breaker) -> str:
    name, _, language = breaker.scope.partition(":")[2].rpartition(":")
    return f"{name} ({language})"


def explain_canary(lane: Lane) -> str:
    """The canary of a campaign: who goes first, and when the rest follows."""
    size = several(lane.canary_size, "message")
    kind = "warm-up" if lane.canary == WARM_UP else "canary"
    rest = f"{WARM_UP_PARTS[1]:,} more follow" if lane.grows else "the rest follows"
    match lane.canary_state:
        case Canary.LOADING:
            return f"Its {kind} ({lane.canary}) goes first, once its file is read."
        case Canary.SENDING:
            return f"Its {kind} of {size} goes first; the rest waits for the outcome."
        case Canary.WATCHED:
            return (
                f"Its {kind} of {size} has gone out; {rest} at {clock(lane.canary_until)}, unless too "
                f'many failed or opted out. `sendmany campaign resume "{called(lane)}"` lets it go now.'
            )
        case Canary.FAILED:
            return f"Its {kind} of {size} did not pass: the rest waits for a decision."
        case _:
            return f"Its {kind} of {size} went first; the rest was let go."


def held_back(report: LaneReport) -> int:
    """Messages of a campaign that wait for its canary."""
    lane, delayed = report.lane, report.counts.get(State.DELAYED, 0)
    return min(delayed, lane.next_index - lane.canary_size) if lane.holds_back else 0


def pace_words(pace: Pace) -> str:
    """The pace of a campaign, for people."""
    own = f"at most at {pace.rate:g} messages/s" if pace.rate else "as fast as its sub-account may"
    if pace.rate == SPREAD:
        own = "evenly over what its tier lets it send in 24 hours"
    if pace.finish_by:
        own = f"so that it is finished by {in_zone(pace.finish_by, pace.zone)}"
    return f"{own}, with weight {pace.weight} beside others"


def pace_of(lane: Lane) -> Pace:
    return Pace(lane.rate, lane.weight, lane.finish_by, lane.finish_zone)


def starts_at(lane: Lane) -> str:
    """When a scheduled campaign starts, in the zone in which that was said and here."""
    if start := LocalStart.load(lane.local_start):
        return f"{start.wall:%Y-%m-%d %H:%M} by the local time of each person"
    return in_zone(lane.send_at, lane.zone)


def local_start(lane: Lane) -> str | None:
    """The local time at which people get a campaign, ISO 8601; None for none."""
    start = LocalStart.load(lane.local_start)
    return start and f"{start.wall:%Y-%m-%dT%H:%M}"


def in_zone(ms: int, zone: str) -> str:
    """A moment in the zone in which it was said, and here."""
    here = moment(ms / 1000)
    try:
        there = datetime.fromtimestamp(ms / 1000, ZoneInfo(zone))
    except (KeyError, ValueError, OSError):  # an offset, such as Z
        return f"{here} here"
    return f"{there:%Y-%m-%d %H:%M} {zone} ({here} here)"


def _explain_finish(report: LaneReport, wait: Waiting) -> str:
    """Whether a campaign that is being sent is finished by the time that was set."""
    lane = report.lane
    if not lane.finish_by or lane.status is not LaneStatus.SENDING or not report.open:
        return ""
    by, left = in_zone(lane.finish_by, lane.finish_zone), seconds_left(report, wait)
    if wait.now >= lane.finish_by:
        n = several(report.open, "message")
        return f"It was to be finished by {by}; {n} are left, and go as fast as they may."
    if left is not None and wait.now + left * 1000 > lane.finish_by:
        at = moment(wait.now / 1000 + left)
        return f"It is not finished by {by}: at the present rate it takes until {at} here."
    return f"It goes at the rate at which it is finished by {by}."


def _how_to_go_on_reading(lane: Lane) -> list[str]:
    if lane.loaded or lane.kind != "campaign" or not lane.offset:
        return []
    return [
        f"{several(lane.row, 'row')} of the recipients {'is' if lane.row == 1 else 'are'} in; if their "
        "reading was cut off, launch or send the same file again: it goes on there."
    ]


def _how_to_go_on(lane: Lane) -> str:
    return (
        "What waits is kept: mend the cause, then "
        f'`sendmany campaign resume "{called(lane)}"`, or cancel it.'
    )


def _how_to_accept(lane: Lane) -> str:
    return (
        "What went out after that copy was taken may go out again: accept that with "
        f'`sendmany campaign resume "{called(lane)}" --accept`, or cancel it.'
    )


def _why_waiting(report: LaneReport, wait: Waiting) -> list[str]:
    lane, counts = report.lane, report.counts
    return [
        lane.reason if lane.status is LaneStatus.SENDING and report.open else "",
        _explain_finish(report, wait),
        _queued(report, wait),
        *_held_templates(report, wait),
        _on_their_way(counts.get(State.IN_FLIGHT, 0)),
        _delayed(counts.get(State.DELAYED, 0) - held_back(report), lane, wait),
        _explain_in_doubt(counts.get(State.IN_DOUBT, 0), lane, wait),
        _unconfirmed(counts.get(State.UNCONFIRMED, 0)),
        _decidable(report, wait),
        *_in_doubt(report),
        "" if report.balanced or report.open else _unbalanced(lane),
    ]


def _queued(report: LaneReport, wait: Waiting) -> str:
    n, status = report.counts.get(State.QUEUED, 0), report.lane.status
    if not n:
        return ""
    start = f"{several(n, 'message')} {'waits' if n == 1 else 'wait'}"
    if status is not LaneStatus.SENDING:
        return f"{start} in the queue."
    if wait.stop:
        return f"{start}: {explain_stop(wait.stop)}"
    if wait.held_by:
        return f"{start}: {explain_breaker(wait.held_by)}"
    if wait.blocked_until:
        until = clock(wait.blocked_until)
        return f"{start}: the provider asked {report.lane.sub_account} to pause until {until}."
    if wait.unreached:
        return f"{start}: {explain_unreached(wait.unreached[0])}."
    if not wait.loops:
        return f"{start}, and no worker is sending: is one running? See `sendmany doctor`."
    if wait.learned and wait.learned.in_force:
        return f"{start}: {explain_rate(wait.learned, wait.now // 1000)}"
    return f"{start} for their turn." if n > 1 else f"{start} for its turn."


_RATES = {
    Cause.START: "nothing is learned yet",
    Cause.SLOW_START: "it rises until a limit shows",
    Cause.RECOVERY: "it rises by steps since the last limit",
    Cause.QUEUEING: "receipts come {lag} s late, so the provider queues; it stays low until they do not",
    Cause.DRAINED: "what left the provider's queue, which is empty again",
    Cause.REFUSED: "the provider answered 429",
    Cause.PINNED: "an operator has pinned it; `sendmany limits forget` ends that",
    Cause.CEILING: "the configured rate",
}


def explain_rate(learned: Learned, now: int) -> str:
    """A learned rate: figure, cause and next rise. Starts in lower case.

    Args:
        now: s since 1970.
    """
    why = _RATES.get(learned.cause, "").format(lag=learned.lag)
    if learned.cause is Cause.THROTTLED:
        what = explain_code(Origin.RECEIPT, learned.code) if learned.code else "throttled"
        why = (
            f"{learned.share:.1%} of the messages came back with receipt code {learned.code}, {what}; "
            f"{learned.estimate:,.0f}/s went through"
        )
    at = learned.until(now)
    until = f"; it rises at {clock(at * 1000)} at the earliest" if at else ""
    return f"the learned limit is {learned.rate:,.0f} messages/s ({why}{until})."


def explain_unreached(one: Unreached) -> str:
    """The reason why a host does not reach the provider. Starts in lower case."""
    return (
        f"requests of {one.sub_account} cannot be sent from {one.host} ({one.reason}), "
        f"last tried at {clock(one.at * 1000)}"
    )


def _held_templates(report: LaneReport, wait: Waiting) -> list[str]:
    if report.lane.kind == "campaign" or report.lane.status.ended:
        return []
    found = [explain_breaker(one) for one in wait.breakers if one.is_of_template]
    return [sentence[0].upper() + sentence[1:] for sentence in found]


def explain_stop(stop: Stop) -> str:
    """An operator's stop: its scope, reason and end."""
    how = f"sendmany go --{stop.what}"
    how += f" --sub-account {stop.sub_account}" if stop.sub_account else ""
    what, since = stopped_words(stop.what, stop.sub_account), clock(stop.since)
    return f"{what} is stopped since {since}: {stop.reason}. `{how}` ends that."


def stopped_words(what: Stopped, sub_account: str) -> str:
    """The scope of a stop in words."""
    words = "everything" if what is Stopped.ALL else "marketing"
    return f"{words} of {sub_account}" if sub_account else words


def explain_breaker(breaker: Breaker) -> str:
    """A breaker: its scope, reason and end. Starts in lower case."""
    if breaker.is_of_template:
        what = f"what uses the template {_template_words(breaker)} is not sent"
    elif breaker.scope == BULK:
        what = f"everything of {breaker.sub_account} with priority bulk is held up"
    elif breaker.scope == STALL:
        what = f"{breaker.sub_account} only probes, since the provider gives no answers,"
    elif breaker.scope == SERVER:
        what = f"{breaker.sub_account} goes slow"
    else:
        what = f"everything of {breaker.sub_account} is held up"
    return f"{what} since {clock(breaker.opened_at)}: {breaker.reason}. {_how_it_ends(breaker)}"


def _how_it_ends(breaker: Breaker) -> str:
    if breaker.probe_at == 0:
        return "That lasts until an operator closes it: `sendmany breaker close`."
    single = "message" if breaker.is_of_template else "request"
    return f"One {single} tries again after {clock(breaker.probe_at)}; if it passes, all goes on."


def _on_their_way(n: int) -> str:
    return f"{several(n, 'message')} {'is' if n == 1 else 'are'} on the way." if n else ""


def _delayed(n: int, lane: Lane, wait: Waiting) -> str:
    if not n:
        return ""
    messages, verb = several(n, "message"), "waits" if n == 1 else "wait"
    if wait.put_off:
        whys = [f"for the {PUT_OFF_WORDS[why]} ({_until(at)})" for why, at in wait.put_off.items()]
        return f"{messages} {verb} {', '.join(whys)}, or to be tried again."
    when = f", the first at {clock(wait.next_retry)}" if wait.next_retry else ""
    if lane.kind == "notifications":  # counts of scheduled messages are among the failed ones
        return f"{messages} {verb} for a time that was set, or to be tried again{when}."
    return f"{messages} will be tried again{when}."


PUT_OFF_WORDS = {
    WaitCause.HOURS: "end of the quiet hours",
    WaitCause.TIER: "tier: WhatsApp limits how many people are written to in 24 hours",
    WaitCause.PAIR: "spacing of messages to one person",
}


def _until(span: Span) -> str:
    first, last = (moment(at // 1000) for at in span)
    return f"until {first}" if first == last else f"the first until {first}, the last until {last}"


def _explain_in_doubt(n: int, lane: Lane, wait: Waiting) -> str:
    if not n:
        return ""
    when = f" at {clock(wait.next_decision)}" if wait.next_decision else ""
    then = "sent again" if lane.on_unconfirmed == "resend" else "held as unconfirmed"
    verb = "was" if n == 1 else "were"
    return (
        f"{several(n, 'message')} {verb} posted without a trustworthy answer, and will be "
        f"{then}{when} if no receipt comes."
    )


def _unconfirmed(n: int) -> str:
    if not n:
        return ""
    verb = "is" if n == 1 else "are"
    return (
        f"{several(n, 'message')} {verb} unconfirmed: posted, but it is not known whether the "
        "provider accepted it. Nothing is sent twice unless you say so."
    )


def _decidable(report: LaneReport, wait: Waiting) -> str:
    """Decisions that an operator can take about messages whose jobs are kept."""
    lane, found = report.lane, in_doubt(report.counts)
    cancelled = lane.status in (LaneStatus.CANCELLING, LaneStatus.CANCELLED)
    if not wait.kept or cancelled or not found:
        return ""
    start = "`sendmany campaign unconfirmed"
    if report.counts.get(State.UNCONFIRMED):
        return f'Decide about them: {start} list "{called(lane)}"`, then resend or close.'
    return f'{found} can be sent again: `sendmany campaign retry "{called(lane)}"`.'


def called(lane: Lane) -> str:
    """A lane's name in commands: a campaign's name, another lane's id."""
    return lane.name if lane.kind == "campaign" else lane.id


def in_doubt(counts: Mapping[State, int]) -> str:
    """`4 unconfirmed and 1 failed message`; empty if there are none."""
    found = {state: n for state in (State.UNCONFIRMED, State.FAILED) if (n := counts.get(state, 0))}
    if not found:
        return ""
    words = " and ".join(f"{n:,} {state}" for state, n in found.items())
    return f"{words} {'message' if sum(found.values()) == 1 else 'messages'}"


def _in_doubt(report: LaneReport) -> list[str]:
    """People who may have received more than the states say, and commands that list them."""
    found, name = report.in_doubt, called(report.lane)
    two = found[Doubt.MAY_HAVE_TWO]
    one = found[Doubt.MAY_HAVE_ARRIVED] - report.counts.get(State.UNCONFIRMED, 0)
    one += report.doubts.get(State.UNCONFIRMED, 0)
    sentences = []
    if two:
        people = several(two, "person", "people")
        sentences.append(
            f"{people} may have got two messages, since an earlier attempt was in doubt: "
            f'`sendmany campaign export "{name}" --doubt may_have_two` names them.'
        )
    if one:
        sentences.append(
            f"{several(one, 'message')} that {'was' if one == 1 else 'were'} not sent in the end may "
            "have arrived nevertheless, since an earlier attempt was in doubt: "
            f'`sendmany campaign export "{name}" --doubt may_have_arrived` names them.'
        )
    return sentences


def percent(share: float) -> str:
    """A share for people: `98.8 %`."""
    return f"{100 * share:.1f} %" if 0 < share < 1 else f"{100 * share:.0f} %"


def _unbalanced(lane: Lane) -> str:
    return f'Its figures do not add up: run `sendmany campaign verify "{called(lane)}"`.'


SMALLEST_SHARE = 0.001
"""Smallest share that is shown as more than 0 %, or as less than 100 %."""


def lane_figures(report: LaneReport) -> dict[str, Any]:
    """Figures of a lane, without its times, which are formatted in two ways."""
    lane = report.lane
    return {
        "id": lane.id,
        "name": lane.name,
        "kind": lane.kind,
        "sub_account": lane.sub_account,
        "priority": str(lane.priority),
        "purpose": purpose_in(report),
        "status": str(lane.status),
        "reason": lane.reason,
        "loaded": lane.loaded,
        "canary": canary_figures(lane),
        "parent": lane.parent or None,
        "children": list(lane.children),
        "recipients": lane.next_index,
        "duplicates": lane.duplicates,
        "excluded": lane.excluded,
        "invalid_rows": lane.invalid_rows,
        "funnel": funnel(report),
        **feedback(report),
        "done": report.done,
        "open": report.open,
        "counts": {str(state): n for state, n in report.counts.items()},
        **{str(doubt): n for doubt, n in report.in_doubt.items()},
        "requests": report.requests,
        "mean_batch": round(report.mean_batch, 1),
        "retried": report.stats.get("retried", 0),
        "balanced": report.balanced,
    }


def canary_figures(lane: Lane) -> dict[str, Any] | None:
    """The canary of a campaign; None for none."""
    if not lane.canary:
        return None
    return {
        "given": lane.canary,
        "state": str(lane.canary_state),
        "messages": lane.canary_size,
        "decides_at": iso(lane.canary_until / 1000) or None,
    }


def purpose_in(report: LaneReport) -> str | None:
    """A campaign's purpose, if known at launch; None: each message of the lane has its own."""
    lane = report.lane
    return str(lane.purpose or Purpose.MARKETING) if lane.kind == "campaign" else None


def funnel(report: LaneReport) -> dict[str, dict[str, float]]:
    """Messages and share of the recipients for each stage, in order."""
    size = report.lane.next_index
    return {
        str(stage): {"messages": (n := report.stage(stage)), "share": share(n, size)}
        for stage in Stage
    }


def feedback(report: LaneReport) -> dict[str, float]:
    """People who replied or opted out, and their shares of the messages that were sent."""
    replied, opted_out = (report.people(one) for one in Feedback)
    return {
        "replied": replied,
        "reply_rate": share(replied, report.sent),
        "opted_out": opted_out,
        "opt_out_rate": share(opted_out, report.sent),
    }


def share(n: int, size: int) -> float:
    """`n / size`, 0 to 1: 0 only for none, and 1 only for all."""
    if not n or n == size:
        return float(n > 0)
    return min(max(round(n / size, 4), SMALLEST_SHARE), 1 - SMALLEST_SHARE)


def ended_share(report: LaneReport) -> float:
    """Share of the messages that have ended, cancelled ones left out, 0 to 1."""
    done = report.done - report.counts.get(State.CANCELLED, 0)
    return share(done, report.lane.next_index)


def pace_figures(report: LaneReport, wait: Waiting) -> dict[str, float | None]:
    """Progress, rate and remaining time of a lane."""
    pace = messages_per_second(report, wait.now)
    left = seconds_left(report, wait)
    return {
        "progress": ended_share(report),
        "messages_per_second": None if pace is None else round(pace, 2),
        "seconds_left": None if left is None else round(left, 1),
    }


def messages_per_second(report: LaneReport, now_ms: int) -> float | None:
    """Messages ended per second: recent while it is being sent, the average when it has ended."""
    lane = report.lane
    lasted = (lane.finished_at or now_ms) - lane.started_at
    shortest = 1000 if lane.finished_at else 1  # ms; a few messages at once are no rate
    average = (
        report.done * 1000 / max(shortest, lasted) if lane.started_at and report.done else None
    )
    if lane.finished_at:
        return average
    if lane.status is not LaneStatus.SENDING:
        return None
    pace = report.pace(now_ms)
    return average if pace is None and lasted < PACE_GAP_MS else pace


def seconds_left(report: LaneReport, wait: Waiting) -> float | None:
    """Seconds until no message waits at the recent rate; None if the lane is not being sent, is held up,
    or its rate is unknown."""
    counts = report.counts
    is_held = wait.held_by or report.lane.holds_back
    if report.lane.status is not LaneStatus.SENDING or is_held:
        return None
    moving = counts.get(State.QUEUED, 0) + counts.get(State.IN_FLIGHT, 0)
    pace = messages_per_second(report, wait.now)
    if moving and not pace:
        return None
    times = [moving / pace if moving and pace else 0.0]
    if counts.get(State.IN_DOUBT) and wait.next_decision:
        times.append((wait.next_decision - wait.now) / 1000)
    if counts.get(State.DELAYED) and wait.next_retry:
        last = max((span.last for span in wait.put_off.values()), default=wait.next_retry)
        times.append((last - wait.now) / 1000)
    blocked = max(0, (wait.blocked_until or 0) - wait.now) / 1000
    return max(0.0, *times) + (blocked if moving else 0)
