"""Quiet hours: when marketing may go to a person, by their local time.

The hours of countries and states are shipped with their sources; settings replace some, and an operator
others while workers run. All of that is off unless it is switched on. A campaign may name a
local time besides: no message goes out before it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from config.quiet_hours import ALWAYS, ANYWHERE, Week, read_week, shipped_hours
from config.sections import QuietHours
from store.client import Call, command, script_call, text
from store.keys import QUIET_HOURS
from store.lanes.lane import parse_fields
from store.people.local_time import (
    PLACE_DIGITS,
    country_of,
    is_told_by_start,
    local_moment,
    moment_of,
    zone_named,
    zones_of,
)

Kind = tuple[tuple[str, ...], Week | None]
"""Zones in which a person may be, and the hours there; None: always."""
MOST_DAYS = 15
"""Days ahead in which an opening is looked for."""
MOST_STARTS = 100_000
"""First digits of numbers whose opening is kept, per campaign."""
_FURTHEST_DAYS = 366
_SWITCH, _REVISION = "on", "revision"
_STATE_DIGITS = 4
"""First digits of a number that tell its area in North America."""


@dataclass(frozen=True, slots=True)
class LiveHours:
    """An operator's changes, which all workers follow within a second."""

    on: bool | None = None  # None: as the settings say
    hours: Mapping[str, str] = field(default_factory=dict)  # place → hours
    revision: int = 0  # grows with each change


def read_live_hours() -> Call[LiveHours]:
    return command("HGETALL", QUIET_HOURS, parse=_live)


def change_quiet_hours(
    on: bool | None, hours: Mapping[str, str | None], *, keep_switch: bool = False
) -> Call[LiveHours]:
    """Change hours of places; None takes a change back.

    Args:
        on: the switch; None: as the settings say.
        keep_switch: leave the switch as it is.
    """
    fields = {place: said or "" for place, said in hours.items()}
    if not keep_switch:
        fields[_SWITCH] = "" if on is None else str(int(on))
    words = [word for pair in fields.items() for word in pair]
    return script_call("change_quiet_hours", (QUIET_HOURS,), words, _live)


def _live(reply: Any) -> LiveHours:
    is_ = {name: text(value) for name, value in parse_fields(reply).items()}
    on, revision = is_.pop(_SWITCH, ""), is_.pop(_REVISION, "0")
    return LiveHours(on == "1" if on else None, is_, int(revision))


class HoursInForce:
    """The hours that are in force now, by settings and changes."""

    def __init__(self, settings: QuietHours, live: LiveHours = LiveHours()) -> None:
        self.on = settings.enabled if live.on is None else live.on
        self.revision = live.revision
        self.timezone = settings.timezone
        shipped, self._areas = shipped_hours()
        hours = {place: one.hours for place, one in shipped.items()}
        self._hours = {**hours, **settings.hours, **live.hours}
        self._weeks: dict[str, Week] = {}

    def week_of(self, person: str) -> Week | None:
        """The hours of a person's place; None: always. Raises ValueError for hours that only another
        version can read."""
        places = (self._areas.get(person[:_STATE_DIGITS], ""), country_of(person), ANYWHERE)
        place = next(one for one in places if one in self._hours)
        if place not in self._weeks:
            self._weeks[place] = read_week(self._hours[place], place)
        week = self._weeks[place]
        return None if week == ALWAYS else week


class LocalStart(NamedTuple):
    """The local time at which people get a campaign."""

    wall: datetime
    zone: str  # of people whose own is unknown; empty: that of the settings
    after: float  # s since 1970; where the time was past by then, it is that of the next day

    def dump(self) -> str:
        return f"{self.wall:%Y-%m-%dT%H:%M} {self.after:.0f} {self.zone}"

    @classmethod
    def load(cls, dump: str) -> "LocalStart | None":
        """Read what `dump` wrote; None for an empty text."""
        if not dump:
            return None
        wall, after, zone = dump.split(" ", 2)
        return cls(datetime.fromisoformat(wall), zone, float(after))


class Opening(NamedTuple):
    """A span in which a message may go, s since 1970."""

    opens: float
    closes: float


class LocalHours:
    """When a message of a campaign may go to each of its people.

    Args:
        in_force: the hours for marketing; None: the message does not heed them.
        start: the local time of the campaign, if any.
        zone_place: the value of a job line that names the person's zone; 0: none does.
    """

    def __init__(
        self, in_force: HoursInForce | None, start: LocalStart | None, zone_place: int, zone: str
    ) -> None:
        self._in_force = in_force
        self._start = start
        self._zone_place = zone_place
        own = (start.zone if start else "") or zone
        self.unknown = (own,)  # the zones of people whose own is not known
        self._openings: dict[Kind, Opening] = {}
        self._near: dict[bytes, Opening] = {}  # first digits of numbers → opening, if they tell it

    @classmethod
    def of(
        cls, in_force: HoursInForce, start: LocalStart | None, zone_place: int, *, marketing: bool
    ) -> "LocalHours | None":
        """The hours of messages; None: they go at once."""
        heeded = in_force if in_force.on and marketing else None
        if start is None and heeded is None:
            return None
        return cls(heeded, start, zone_place, in_force.timezone)

    def kind_of(self, line: bytes) -> Kind:
        """The zones and hours of the person of a job line: people of one kind get it together."""
        person, *values = line.split(b"\t", self._zone_place + 1)
        who = person.decode()
        own = zone_named(values[self._zone_place - 1].decode()) if self._zone_place else None
        zones = (own,) if own else zones_of(who) or self.unknown
        return zones, self._in_force.week_of(who) if self._in_force else None

    def opening(self, kind: Kind, now: float) -> Opening:
        """When the message may go to people of a kind: the span of now, or the next one."""
        found = self._openings.get(kind)
        if found is None or found.closes <= now:
            zones, week = kind
            start = self._start
            at = max(now, local_moment(zones, start.wall, start.after)) if start else now
            found = _opening(zones, week, at) if week else Opening(at, float("inf"))
            self._openings[kind] = found
        return found

    def due(self, line: bytes, now: float) -> int:
        """When the message of a job line may go, s since 1970; 0: now."""
        start = line[:PLACE_DIGITS]
        found = self._near.get(start)
        if found is None or found.closes <= now:
            found = self.opening(self.kind_of(line), now)
            if not self._zone_place and is_told_by_start(line.partition(b"\t")[0].decode()):
                if len(self._near) >= MOST_STARTS:
                    self._near.clear()
                self._near[start] = found
        return 0 if found.opens <= now else int(found.opens)


def _opening(zones: Sequence[str], week: Week, at: float) -> Opening:
    """The first span from a moment on that is open in all zones. If there is none for `MOST_DAYS`, the
    zone decides in which it is earliest: the same one whenever and wherever that is asked."""
    now, end = at, at + MOST_DAYS * 86_400
    while now < end:
        spans = [open_span(ZoneInfo(zone), week, now) for zone in zones]
        opens = max(span.opens for span in spans)
        if opens <= now:
            return Opening(now, min(span.closes for span in spans))
        now = opens
    west = min(map(ZoneInfo, zones), key=lambda zone: datetime.fromtimestamp(at, zone).isoformat())
    return open_span(west, week, at)


def open_span(zone: ZoneInfo, week: Week, at: float) -> Opening:
    """The open span of a moment in a zone, or the next one; where there is none, it is looked for again
    in a year."""
    today = datetime.fromtimestamp(at, zone).replace(
        hour=0, minute=0, second=0, microsecond=0, tzinfo=None
    )
    for days in range(_FURTHEST_DAYS):
        midnight = today + timedelta(days=days)
        for start, end in week.spans(midnight.date()):
            opens, closes = (
                moment_of(midnight + timedelta(minutes=minutes), zone).timestamp()
                for minutes in (start, end)
            )
            if max(opens, at) < closes:
                return Opening(opens, closes)
    return Opening(at + _FURTHEST_DAYS * 86_400, at + _FURTHEST_DAYS * 86_400)
