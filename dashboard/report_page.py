"""A report of a campaign as one printable HTML page, without scripts and external resources."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

from dashboard.explain import count, explain_lane, iso, percent, purpose_in, several, share
from dashboard.schemas import failures_out
from store.client import Store
from store.records.outcome import Feedback
from store.reports.lane_report import LaneReport, outcomes, report
from store.reports.waiting import waiting
from store.states import FUNNEL, Stage, State

_MOST_HOURS = 72
"""A longer campaign is shown by days."""
_MOST_COUNTRIES = 40
_ARRIVED = (State.DELIVERED, State.READ)
_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b}
h1{margin:0}h2{margin:2rem 0 .5rem}p{margin:.3rem 0}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.25rem .6rem;vertical-align:top}
th{border-bottom:2px solid #999}td{border-bottom:1px solid #ddd}.n{text-align:right;white-space:nowrap}
meter{width:9rem}@media print{body{margin:0}h2,tr{break-inside:avoid;break-after:auto}}
"""


@dataclass(slots=True)
class _Tally:
    """Sums over the records of a campaign."""

    countries: Counter[str] = field(default_factory=Counter)
    arrived: Counter[str] = field(default_factory=Counter)  # by country
    failed: Counter[str] = field(default_factory=Counter)  # by country
    hours: Counter[int] = field(default_factory=Counter)  # hour since 1970 → messages posted


def report_page(store: Store, lane_id: str) -> str:
    """The page; every value is escaped.

    Raises:
        UnknownLane: there is no such campaign.
    """
    now = report(store, lane_id)
    lane, tally = now.lane, _tally(store, now)
    facts = [
        ("Campaign", f"{lane.name} ({lane.id})"),
        ("Sub-account", lane.sub_account),
        ("Purpose", purpose_in(now) or ""),
        ("Started", iso(lane.started_at / 1000)),
        ("Ended", iso(lane.finished_at / 1000) or "not yet"),
        ("Recipients", count(lane.next_index)),
        ("Left out", f"{count(lane.duplicates)} duplicates, {count(lane.invalid_rows)} invalid rows, "
         f"{count(lane.excluded)} excluded"),
        *((one.name.capitalize().replace("_", " "), _people(now, one)) for one in Feedback),
    ]  # fmt: skip
    failures = [
        (str(one.state), f"{one.origin} {one.code or ''}", count(one.messages), one.meaning,
         one.what_to_do)
        for one in failures_out(now).items
    ]  # fmt: skip
    return "".join(
        [
            f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(lane.name)}</title>",
            f"<style>{_STYLE}</style><h1>{escape(lane.name)}</h1>",
            *(f"<p>{escape(sentence)}</p>" for sentence in explain_lane(now, waiting(store, lane))),
            _table("In short", ("", ""), facts),
            _table("Where the messages are", ("", "Messages", "Share", ""), _funnel(now)),
            _table("What failed, and what to do", _FAILED, failures) if failures else "",
            _table("By country", ("Country", "Messages", "Delivered", "Failed"), _countries(tally)),
            _table("By time of sending (UTC)", ("From", "Messages"), _times(tally)),
            f"<p>As of {iso(waiting(store, lane).now / 1000)}.</p></html>\n",
        ]
    )


_FAILED = ("State", "Code", "Messages", "Meaning", "What to do")


class _Html(str):
    """Text that is HTML already."""


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(column)}" for column in columns)
    body = "".join(f"<tr>{''.join(map(_cell, row))}" for row in rows)
    start = f"<h2>{escape(title)}</h2><table>"
    return f"{start}{f'<tr>{head}' if any(columns) else ''}{body}</table>"


def _cell(text: str) -> str:
    if isinstance(text, _Html):
        return f"<td>{text}"
    number = text.replace(",", "").isdecimal() or text.endswith(" %")
    return f"<td{' class=n' if number else ''}>{escape(text)}"


def _funnel(now: LaneReport) -> Iterable[tuple[str, ...]]:
    size = now.lane.next_index
    for stage in Stage:
        rows = [(str(stage), now.stage(stage))]
        rows += [(f"· {state}", now.counts.get(state, 0)) for state in FUNNEL[stage]]
        for name, n in rows:
            if n and (name == str(stage) or name != f"· {stage}"):
                part = share(n, size)
                yield name, count(n), percent(part), _Html(f"<meter value={part:.4f}></meter>")


def _tally(store: Store, now: LaneReport) -> _Tally:
    tally = _Tally()
    failed = FUNNEL[Stage.FAILED]
    for one in outcomes(store, now.lane.id):
        country = _country(one.number)
        tally.countries[country] += 1
        tally.arrived[country] += one.state in _ARRIVED
        tally.failed[country] += one.state in failed
        if one.posted_at:
            tally.hours[one.posted_at // 3600] += 1
    return tally


def _country(number: str) -> str:
    """The calling code of a number and its region."""
    for digits in (1, 2, 3):
        regions = COUNTRY_CODE_TO_REGION_CODE.get(int(number[:digits] or 0))
        if regions:
            return (
                f"+{number[:digits]} {'' if regions[0] == '001' else '/'.join(regions[:2])}".strip()
            )
    return "other"


def _countries(tally: _Tally) -> Iterable[tuple[str, ...]]:
    for country, n in tally.countries.most_common(_MOST_COUNTRIES):
        yield country, count(n), count(tally.arrived[country]), count(tally.failed[country])


def _times(tally: _Tally) -> Iterable[tuple[str, ...]]:
    hours = tally.hours
    by_day = len(hours) > _MOST_HOURS
    found: Counter[str] = Counter()
    for hour, n in sorted(hours.items()):
        at = datetime.fromtimestamp(hour * 3600, UTC)
        found[f"{at:%Y-%m-%d}" if by_day else f"{at:%Y-%m-%d %H:00}"] += n
    return [(at, count(n)) for at, n in found.items()]


def _people(now: LaneReport, feedback: Feedback) -> str:
    """People who replied or opted out, and their share of the messages that were sent."""
    n = now.people(feedback)
    return f"{several(n, 'person', 'people')} ({percent(share(n, now.sent))})"
