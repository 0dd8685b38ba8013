"""Response models of campaigns and other lanes."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel

from config.quiet_hours import shipped_hours
from config.sections import QuietHours
from dashboard.explain import (
    Remedy,
    explain_hold,
    explain_lane,
    explain_named_code,
    iso,
    lane_figures,
    local_start,
    pace_figures,
    remedy,
)
from store.lanes.lane import Canary, LaneStatus, Priority, rate_out
from store.limits.breakers import Breaker
from store.limits.stops import Stop, Stopped
from store.people.quiet_hours import HoursInForce, LiveHours
from store.purposes import Purpose
from store.queue.settlement import WaitCause
from store.records.outcome import code_named
from store.reports.lane_report import LaneReport
from store.reports.waiting import Waiting
from store.states import State


class StageOut(BaseModel):
    """Messages in a stage of the funnel."""

    messages: int
    share: float  # of the recipients, 0 to 1


class FunnelOut(BaseModel):
    """Messages by stage. Undelivered ones are in `sent` and in `failed`."""

    sent: StageOut  # accepted by the provider
    failed: StageOut
    unconfirmed: StageOut  # unknown whether the provider accepted them
    waiting: StageOut
    skipped: StageOut
    cancelled: StageOut


class CanaryOut(BaseModel):
    """The part of a campaign that goes first."""

    given: str  # `500` or `5%`
    state: Canary
    messages: int  # 0: not chosen yet
    decides_at: str | None


class LaneOut(BaseModel):
    """A campaign, or a lane of single messages, and its figures at one moment. Times are UTC."""

    id: str
    name: str
    kind: Literal["campaign", "notifications"]
    sub_account: str
    priority: Priority
    purpose: Purpose | None  # of a campaign; null: each message of the lane has its own
    status: LaneStatus
    reason: str  # why it stopped
    loaded: bool  # False: recipients are still coming, or were cut off
    canary: CanaryOut | None  # null: all go at once
    parent: str | None  # id of the campaign that this one retries
    children: list[str]  # ids of the campaigns that retry this one
    recipients: int
    duplicates: int
    excluded: int  # rows of people whom the launch left out
    invalid_rows: int
    funnel: FunnelOut
    replied: int  # people whose reply followed a message of it, within 7 days
    reply_rate: float  # of the sent messages, 0 to 1
    opted_out: int  # people who opted out by such a reply, or by a receipt
    opt_out_rate: float  # of the sent messages, 0 to 1
    done: int  # messages that have ended
    open: int  # messages that have not ended
    counts: dict[State, int]
    may_have_two: int  # people who may have received two: an earlier attempt was in doubt
    may_have_arrived: int  # messages that may have arrived against their state
    requests: int
    mean_batch: float
    retried: int
    balanced: bool  # the counts add up to the recipients
    opened_at: str | None
    send_at: str | None  # a scheduled campaign starts then
    zone: str | None  # in which that time was said
    local_start: str | None  # time at which people get it, by their own clocks; null: at once
    rate: float  # messages/s of a campaign; 0: that of its sub-account
    spread: bool  # it goes evenly over the tier of its portfolio
    weight: int  # of a campaign beside others
    finish_by: str | None  # the rate follows from it
    finish_zone: str | None  # in which that time was said
    started_at: str | None
    finished_at: str | None


class LanePage(BaseModel):
    """A page of lanes, newest first."""

    items: list[LaneOut]
    next: str | None  # cursor of the next page; null on the last one


class CampaignRow(LaneOut):
    """A campaign in a list."""

    progress: float  # share of the messages that have ended, cancelled ones left out, 0 to 1
    messages_per_second: float | None  # ended ones: recent, or the average of an ended campaign
    seconds_left: float | None  # at that rate, while it is being sent and not held up
    held: str | None  # what holds up all of it while it is `sending`, in a few words
    why: list[str]  # status and reasons for waiting, in sentences


class CampaignPage(BaseModel):
    """A page of campaigns, newest first."""

    items: list[CampaignRow]
    next: str | None  # cursor of the next page; null on the last one


class BreakerOut(BaseModel):
    """An open breaker: its scope, reason and next probe."""

    sub_account: str
    scope: str
    reason: str
    by: Literal["worker", "operator", "provider"]
    opened_at: str | None
    probe_at: str | None  # null: it is closed only by hand
    failures: int


class StopOut(BaseModel):
    """A stop by an operator."""

    what: Stopped
    sub_account: str | None  # null: all of them
    reason: str
    since: str | None


class HoursOut(BaseModel):
    """When messages go whose people may not get them yet."""

    first: str | None
    last: str | None


class WaitsOut(BaseModel):
    """Reasons why messages of a lane may wait."""

    sending_loops: int  # running dispatch loops that serve its priority
    blocked_until: str | None  # until then the provider asked for a pause
    next_retry: str | None
    next_decision: str | None  # about messages that were posted without a trustworthy answer
    hours: HoursOut | None  # null: none waits for the hours of its recipient
    pair: HoursOut | None  # null: none waits since its person has just got another message
    tier: HoursOut | None  # null: none waits for a place under the tier of the portfolio
    stopped: StopOut | None  # an operator has stopped sending


class ReadingOut(BaseModel):
    """Progress of reading the recipient file."""

    bytes: int
    rows: int
    resumable: bool  # the same file can be sent again to continue


class CampaignOut(CampaignRow):
    """One campaign in full."""

    file: ReadingOut
    breakers: list[BreakerOut]
    waits: WaitsOut


class CauseOut(BaseModel):
    """A code, its origin, and its meaning."""

    origin: str
    code: int | None
    messages: int
    meaning: str
    remedy: Remedy  # remove people, correct the message, wait, fix the account
    what_to_do: str  # the same in words


class FailureOut(CauseOut):
    """Messages that ended alike for the same cause. Those of a state add up to its count."""

    state: State


class FailuresOut(BaseModel):
    """Causes of failures of a campaign, most frequent first, and causes of retries."""

    items: list[FailureOut]
    retries: list[CauseOut]  # attempts followed by another one


class PlaceHours(BaseModel):
    """Hours for marketing at a place, by local time."""

    place: str  # two letters of a country, with a state `US-FL`; `*`: all others
    hours: str
    origin: Literal["shipped", "settings", "changed"]  # changed: by an operator, while it runs
    checked: str | None  # day on which the source of shipped hours was read
    source: str | None


class QuietHoursOut(BaseModel):
    """Hours for marketing. No legal advice."""

    on: bool  # False: marketing goes at any time
    timezone: str  # of people whose own is unknown
    places: list[PlaceHours]


def quiet_hours_out(settings: QuietHours, live: LiveHours) -> QuietHoursOut:
    shipped = [one._asdict() | {"origin": "shipped"} for one in shipped_hours()[0].values()]
    others = [
        {"place": place, "hours": said, "origin": origin, "checked": None, "source": None}
        for origin, hours in (("settings", settings.hours), ("changed", live.hours))
        for place, said in hours.items()
    ]
    places = {one["place"]: PlaceHours(**one) for one in (*shipped, *others)}
    return QuietHoursOut(
        on=HoursInForce(settings, live).on,
        timezone=settings.timezone,
        places=[places[place] for place in sorted(places)],
    )


def lane_out(report: LaneReport) -> LaneOut:
    return LaneOut(**_fields(report))


def campaign_row(report: LaneReport, wait: Waiting) -> CampaignRow:
    return CampaignRow(**_row_fields(report, wait))


def campaign_out(report: LaneReport, wait: Waiting, breakers: Sequence[Breaker]) -> CampaignOut:
    lane = report.lane
    return CampaignOut(
        **_row_fields(report, wait),
        file=ReadingOut(bytes=lane.offset, rows=lane.row, resumable=not lane.loaded),
        breakers=[breaker_out(breaker) for breaker in breakers],
        waits=WaitsOut(
            sending_loops=wait.loops,
            blocked_until=moment_out(wait.blocked_until),
            next_retry=moment_out(wait.next_retry),
            next_decision=moment_out(wait.next_decision),
            hours=_span_out(wait, WaitCause.HOURS),
            pair=_span_out(wait, WaitCause.PAIR),
            tier=_span_out(wait, WaitCause.TIER),
            stopped=stop_out(wait.stop) if wait.stop else None,
        ),
    )


def _span_out(wait: Waiting, cause: WaitCause) -> HoursOut | None:
    span = wait.put_off.get(cause)
    return span and HoursOut(first=moment_out(span.first), last=moment_out(span.last))


def stop_out(stop: Stop) -> StopOut:
    return StopOut(
        what=stop.what,
        sub_account=stop.sub_account or None,
        reason=stop.reason,
        since=moment_out(stop.since),
    )


def breaker_out(breaker: Breaker) -> BreakerOut:
    return BreakerOut(
        sub_account=breaker.sub_account,
        scope=breaker.scope,
        reason=breaker.reason,
        by=breaker.by,
        opened_at=moment_out(breaker.opened_at),
        probe_at=moment_out(breaker.probe_at),
        failures=breaker.failures,
    )


def failures_out(report: LaneReport) -> FailuresOut:
    failures = [_failure(name, n) for name, n in report.codes.items()]
    retries = [CauseOut(**_cause(code, n)) for code, n in report.retries.items()]
    return FailuresOut(
        items=sorted(failures, key=lambda one: (-one.messages, one.state, one.code or 0)),
        retries=sorted(retries, key=lambda one: (-one.messages, one.code or 0)),
    )


def moment_out(ms: int | None) -> str | None:
    """A time in UTC; None for never."""
    return iso(ms / 1000) if ms else None


def _fields(report: LaneReport) -> dict[str, Any]:
    lane = report.lane
    return {
        **lane_figures(report),
        "opened_at": moment_out(lane.opened_at),
        "send_at": moment_out(lane.send_at),
        "local_start": local_start(lane),
        "zone": lane.zone or None,
        **rate_out(lane.rate),
        "weight": lane.weight,
        "finish_by": moment_out(lane.finish_by),
        "finish_zone": lane.finish_zone or None,
        "started_at": moment_out(lane.started_at),
        "finished_at": moment_out(lane.finished_at),
    }


def _row_fields(report: LaneReport, wait: Waiting) -> dict[str, Any]:
    return {
        **_fields(report),
        **pace_figures(report, wait),
        "held": explain_hold(report, wait) or None,
        "why": explain_lane(report, wait),
    }


def _failure(name: str, messages: int) -> FailureOut:
    state, _, code = name.partition(":")
    return FailureOut(state=State(state), **_cause(code, messages))


def _cause(code: str, messages: int) -> dict[str, Any]:
    origin, _, number = code.partition(":")
    return {
        "origin": origin,
        "code": int(number) or None,
        "messages": messages,
        "meaning": explain_named_code(code),
        "remedy": (what := remedy(*code_named(code))),
        "what_to_do": what.sentence,
    }
