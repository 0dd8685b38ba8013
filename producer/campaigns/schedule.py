"""When a campaign starts, as people write it, and how fast it goes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from config.quiet_hours import check_hours
from config.sections import SubAccount
from config.settings import Settings
from producer.errors import InputError
from producer.wake import SendWakeUp, call_workers, wake
from store.access.audit import audited
from store.client import Store
from store.errors import StoreRefused, UnknownLane
from store.lanes.lane import (
    SPREAD,
    WARM_UP,
    Lane,
    LaneStatus,
    Pace,
    Priority,
    find_lane,
    pace_lane,
    schedule_lane,
)
from store.people.local_time import moment_of, zone_named
from store.people.quiet_hours import LiveHours, LocalStart, change_quiet_hours, read_live_hours

MOST_DAYS = 366
_MOST_APART_MS = 26 * 3_600_000
"""Between the first zone and the last."""
_FIRST_ZONE = ZoneInfo("Pacific/Kiritimati")
_WRITTEN = re.compile(r"(\d{4}-\d\d-\d\d)[T ]+(\d\d?:\d\d(?::\d\d)?)\s*(.*)")
_OFFSET = re.compile(r"Z|z|[+-]\d\d:?\d\d")
_HOW = 'write it as "2026-12-24 09:00 Europe/London", or as 2026-12-24T09:00:00+01:00'


@dataclass(frozen=True, slots=True)
class StartTime:
    """A moment, and the zone in which it was said."""

    ms: int  # since 1970
    zone: str  # of the IANA database, or an offset
    sentence: str = ""  # what was made of a time that does not exist or exists twice, for people
    text: str = ""  # as it was written
    local: LocalStart | None = None  # it is each person's local time; `ms` is the first of them

    @property
    def local_start(self) -> str:
        """The local time as a campaign keeps it; empty for none."""
        return self.local.dump() if self.local else ""

    @property
    def last_ms(self) -> int:
        """When the last people get it, unless it was past in their zone."""
        return self.ms + (_MOST_APART_MS if self.local else 0)


def read_time(text: str, now: datetime | None = None, *, past: bool = False) -> StartTime:
    """The moment that a text means: a local time with its zone, or RFC 3339 with an offset.

    A wall time that clocks skip moves forward to the next one that exists, one that exists twice is the
    first.

    Args:
        past: one that is past is taken, too: a launch that is repeated had its time.

    Raises:
        InputError: it is no time, its zone is missing or ambiguous, or it is past or too far ahead.
    """
    written = _WRITTEN.fullmatch(text.strip())
    if written is None:
        raise InputError(f'"{text}" is no time: {_HOW}')
    day, hour, zone = written.groups()
    try:
        wall = datetime.fromisoformat(f"{day}T{hour.zfill(2 + 3 * hour.count(':'))}")
        if _OFFSET.fullmatch(zone):
            moment, sentence = datetime.fromisoformat(f"{wall.isoformat()}{zone.upper()}"), ""
        else:
            zone = _zone_named(zone)
            moment, sentence = _moment(wall, ZoneInfo(zone))
    except (ValueError, OverflowError) as error:
        raise InputError(f'"{text}" is no time: {_HOW}') from error
    now = now or datetime.now(UTC)
    if moment <= now and not past:
        raise InputError(_past(text))
    if moment > now + timedelta(days=MOST_DAYS):
        raise InputError(f'"{text}" is more than {MOST_DAYS} days ahead: name an earlier time')
    return StartTime(int(moment.timestamp() * 1000), zone, sentence, text)


def read_start(at: str | None, at_local: str | None, on: str | None) -> StartTime | None:
    """When a campaign starts: a moment as `read_time`, past ones too; or `10:00` on `2026-12-06` by each
    person's local time, with the zone of people whose own is unknown, if need be; None: at once.

    Raises:
        InputError: it is no time, or both.
    """
    if not at_local and not on:
        return read_time(at, past=True) if at else None
    if at:
        raise InputError("Say either --at or --at-local")
    hour, zone = f"{at_local or ''} ".split(" ", 1)
    try:
        wall = datetime.fromisoformat(f"{on}T{hour.zfill(5)}")
        if len(hour) > 5 or len(on or "") != 10:
            raise ValueError
    except ValueError as error:
        raise InputError(
            f'"{at_local or ""}"{f" on {on}" if on else ""} is no local time: write it as --at-local '
            "10:00 --on 2026-12-06"
        ) from error
    now, first = datetime.now(UTC), moment_of(wall, _FIRST_ZONE)
    if first > now + timedelta(days=MOST_DAYS):
        raise InputError(f'"{on}" is more than {MOST_DAYS} days ahead: name an earlier day')
    local = LocalStart(wall, _zone_named(zone.strip()) if zone.strip() else "", now.timestamp())
    sentence = "Where it is later already, people get it at that time of the next day."
    return StartTime(
        int(first.timestamp() * 1000),
        "UTC",
        sentence if first <= now else "",
        f"{at_local} on {on}",
        local,
    )


def read_rate(
    settings: Settings, sub_account: str, rate: float | None, *, spread: bool | None
) -> float | None:
    """The rate of a campaign, messages/s, 0 for that of its sub-account, or `SPREAD`; None: not given.

    Raises:
        InputError: both are given, or the sub-account has no tier.
    """
    if not spread:
        return rate
    if rate:
        raise InputError(
            "Say either a rate or that it is spread: then the rate follows from the tier"
        )
    account = settings.sub_accounts.get(sub_account)
    if account is None or account.tier is None:
        raise InputError(
            f"It cannot be spread: {sub_account} has no tier. Set `tier` of the sub-account in the "
            "settings, or name a rate"
        )
    return SPREAD


def read_finish(
    text: str | None, *, rate: float | None = None, start: StartTime | None = None
) -> StartTime | None:
    """When a campaign is to be finished, as `read_time`; `18:00 Europe/London` is the next such time
    there.

    Raises:
        InputError: it is no time, or not after the start, or a rate is given as well.
    """
    if text is None:
        return None
    if rate:
        raise InputError(
            "Say either a rate or when it is to be finished: then the rate follows from that"
        )
    time = _next_time(text) or read_time(text)
    if start is not None and time.ms <= start.ms:
        raise InputError(f'"{text}" is not after the start: name a later time')
    return time


def _next_time(text: str) -> StartTime | None:
    """The next moment of a time of day in a zone; None: it is written in another form."""
    written = re.fullmatch(r"(\d\d?:\d\d)\s*(\D.*)?", text.strip())
    if written is None:
        return None
    hour, zone = written[1], _zone_named(written[2] or "")
    now = datetime.now(ZoneInfo(zone))
    time = read_time(f"{now:%Y-%m-%d} {hour} {zone}", past=True)
    if time.ms <= now.timestamp() * 1000:
        time = read_time(f"{now + timedelta(days=1):%Y-%m-%d} {hour} {zone}")
    return time


def why_late(account: SubAccount, messages: int, finish_by: int, start: int = 0) -> str:
    """A sentence if so many messages cannot go out in time at the limit of a sub-account; else empty.

    Args:
        finish_by: ms since 1970, as `start`.
    """
    begin = max(start, datetime.now(UTC).timestamp() * 1000)
    needed, limit = (finish_by - begin) / 1000, account.messages_per_second
    if not finish_by or not limit or messages <= limit * needed:
        return ""
    end = datetime.fromtimestamp(begin / 1000 + messages / limit, UTC)
    return (
        f"{messages:,} messages are not finished by then: at {limit:g} messages/s, the limit of the "
        f"sub-account, they take until {end:%Y-%m-%d %H:%M} UTC."
    )


def see_that_it_may_start(
    store: Store, name: str, sub_account: str, time: StartTime | None, canary: str = ""
) -> None:
    """Check the time and the canary of a launch.

    Raises:
        InputError: it is past, and the campaign is a new one; or an earlier launch had another time or
            canary.
    """
    if time is None and not canary:
        return
    try:
        lane: Lane | None = find_lane(store, name, sub_account.__eq__)
    except UnknownLane:
        lane = None
    if lane is None or lane.status is LaneStatus.DRAFT:
        if time is not None and time.last_ms <= datetime.now(UTC).timestamp() * 1000:
            raise InputError(_past(time.text))
        return
    if canary not in ("", WARM_UP, lane.canary):
        raise InputError(
            f'"{lane.name}" was launched with another canary or none: launch without --canary, or '
            "under another name"
        )
    if time is not None and lane.send_at != time.ms:
        raise InputError(
            f'"{lane.name}" was launched with another time or none: change it with '
            f'`sendmany campaign reschedule "{lane.name}" --at TIME`, or launch without --at'
        )


def _past(text: str) -> str:
    return f'"{text}" is past: name a later time'


def set_pace(
    store: Store,
    lane: Lane,
    rate: float | None,
    weight: int | None,
    finish: StartTime | None = None,
) -> Pace | None:
    """Change the rate (messages/s, 0: none of its own, or `SPREAD`), the weight, or the end of a
    campaign; None keeps one.

    Returns:
        Its pace; None if it is no campaign.

    Raises:
        InputError: it would be finished before it starts.
    """
    if lane.status is LaneStatus.DRAFT:
        raise StoreRefused(f'"{lane.name}" is a draft: change it with `campaign edit`')
    if finish is not None and finish.ms <= lane.send_at:
        raise InputError(f'"{finish.text}" is not after its start: name a later time')
    end = (finish.ms, finish.zone) if finish else (None, "")
    call = pace_lane(lane.id, rate, weight, *end)
    before = Pace(lane.rate, lane.weight, lane.finish_by, lane.finish_zone)
    return store.run(audited(call, "campaign.pace", lane.name, before))


def reschedule(
    store: Store, lane: Lane, time: StartTime | None, send_wake_up: SendWakeUp
) -> LaneStatus:
    """Set or change when a campaign starts; None removes the time, and the campaign is paused.

    Raises:
        InputError: the time is past by Redis' clock.
        StoreRefused: it has begun, or has ended.
    """
    if time is not None and lane.local_start:
        raise StoreRefused(
            f'"{lane.name}" goes by the local time of each person, which stays: cancel it and launch it '
            "under another name"
        )
    call = schedule_lane(lane.id, time.ms if time else None, time.zone if time else "")
    act = "campaign.schedule" if time else "campaign.unschedule"
    answer, status = store.run(
        audited(call, act, lane.name, lane.send_at, lambda said: time.ms if time else said[1])
    )
    if answer == "past":
        raise InputError("the time is past: name a later one")
    if status is LaneStatus.DRAFT:
        raise StoreRefused(f'"{lane.name}" is a draft: say when it starts as you launch it')
    if answer == "started":
        raise StoreRefused(
            f'"{lane.name}" has begun to go out: its time cannot be changed; pause it'
        )
    if answer != "ok":
        raise StoreRefused(f'"{lane.name}" is {status}: its time cannot be changed')
    if time is not None:  # an idle sweep learns of its time
        call_workers(store, lane, send_wake_up)
    return status


def set_quiet_hours(
    store: Store,
    hours: Mapping[str, str | None],
    send_wake_up: SendWakeUp,
    on: bool | None = None,
    *,
    keep_switch: bool = True,
) -> LiveHours:
    """Change hours for marketing, and whether they are heeded, on all workers; messages that wait by the
    earlier ones are looked at anew.

    Args:
        hours: place → hours; None: those of the settings, or the shipped ones.
        on: the switch; None: that of the settings.
        keep_switch: leave the switch as it is.

    Raises:
        InputError: nothing is to be changed, there is no such place, or its hours cannot be read.
    """
    if not hours and keep_switch:
        raise InputError('Say what to change: on or off, or hours such as "FR=Mon-Fri 09:00-19:00"')
    for place, said in hours.items():
        try:
            check_hours(place, said or "always")
        except ValueError as error:
            raise InputError(str(error)) from error
    before = store.run(read_live_hours())
    call = change_quiet_hours(on, hours, keep_switch=keep_switch)
    live = store.run(audited(call, "quiet_hours", ", ".join(hours) or "all", before))
    for priority in Priority:  # an idle sweep looks at what waits
        wake(store, send_wake_up, priority)
    return live


def _zone_named(text: str) -> str:
    if not text:
        raise InputError(f"a time needs its zone: {_HOW}")
    if zone := zone_named(text):
        return zone
    if text.isalpha() and len(text) <= 5:
        raise InputError(
            f'"{text}" may be several zones: name one by its place, such as Europe/London'
        )
    raise InputError(f'there is no zone "{text}": name one by its place, such as Europe/London')


def _moment(wall: datetime, zone: ZoneInfo) -> tuple[datetime, str]:
    moment = moment_of(wall, zone)
    shown = moment.astimezone(zone)
    if shown.replace(tzinfo=None) != wall:
        return (
            moment,
            f"That time does not exist there, since clocks go forward: it is {shown:%H:%M}.",
        )
    if moment != wall.replace(tzinfo=zone, fold=1).astimezone(UTC):
        return moment, "That time comes twice there, since clocks go back: it is the first."
    return moment, ""
