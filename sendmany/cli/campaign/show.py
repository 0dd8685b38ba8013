"""`sendmany campaign list|show|watch`: status of campaigns."""

import json
import time
from collections.abc import Callable, Iterator
from itertools import starmap
from typing import TYPE_CHECKING, Annotated, Any

import typer

from config.settings import Settings, load_settings
from dashboard.explain import (
    count,
    ended_share,
    explain_lane,
    explain_named_code,
    explain_stop,
    moment,
    pace_figures,
    pace_of,
    pace_words,
    percent,
    purpose_in,
    remedy,
    several,
    share,
    starts_at,
)
from producer.errors import InputError
from sendmany.cli.options import Json, Name, Whose, lane_called
from sendmany.console.connection import connect
from sendmany.console.output import as_json as report_as_json
from sendmany.console.output import pairs_table, print_json, say, show, show_table, table_of
from sendmany.console.progress import Meter, loading_note, show_sending
from store.client import Store
from store.lanes.lane import Lane, LaneStatus, list_lanes
from store.limits.stops import read_stops, stop_of
from store.records.outcome import Feedback, code_named
from store.reports.lane_report import LaneReport, report
from store.reports.waiting import Waiting, waiting
from store.states import FUNNEL, Stage

if TYPE_CHECKING:
    from producer.campaigns.draft import DraftOut

STEP_SECONDS = 0.25


def follow(
    store: Store,
    lane_id: str,
    show: Callable[[LaneReport, Waiting], None],
    *,
    step: float = STEP_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
) -> LaneReport:
    """Show a lane repeatedly until it has ended. Returns its last report.

    Raises:
        UnknownLane: there is no such lane.
    """
    while True:
        now = report(store, lane_id)
        show(now, waiting(store, now.lane))
        if now.lane.status.ended:
            return now
        sleep(step)


def list_campaigns(
    notifications: Annotated[
        bool, typer.Option("--all", help="Also the lanes of single messages.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List the campaigns, newest first.

    Example: `sendmany campaign list`
    """
    store = connect(load_settings())
    lanes = [lane for lane in list_lanes(store) if notifications or lane.kind == "campaign"]
    reports = [report(store, lane.id) for lane in lanes]
    if as_json:
        print_json([report_as_json(one) for one in reports])
    elif reports:
        columns = ("campaign", "status", "recipients", "done", "sent", "failed", "opened")
        show_table(table_of(columns, map(_list_row, reports), numbers=columns[2:6]))
        tell_stops(store)
    else:
        show("There are no campaigns yet: `sendmany campaign launch --help` says how to start one.")


def show_campaign(name: Name, sub_account: Whose = None, as_json: Json = False) -> None:
    """Show the status of a campaign in words: progress, reason of a stop, and what it waits for.

    Example: `sendmany campaign show "Spring sale"`
    """
    settings = load_settings()
    store = connect(settings)
    now = report(store, lane_called(store, name, sub_account).id)
    wait = waiting(store, now.lane)
    draft = _draft(store, settings, now.lane)
    if as_json:
        kept = draft and draft.model_dump(mode="json")
        print_json({**_figures(now, wait), "explanation": explain_lane(now, wait), "draft": kept})
    elif draft:
        show(
            f"{draft.name} ({draft.id}, sub-account {draft.sub_account})", *explain_lane(now, wait)
        )
        _tell_draft(draft)
    else:
        _tell(now, wait)


def watch_campaign(name: Name, sub_account: Whose = None, as_json: Json = False) -> None:
    """Watch a campaign until it ends. Ctrl-C ends the command, not the campaign.

    With `--json`, prints its status once a second, one JSON object per line.

    Example: `sendmany campaign watch "Spring sale"`
    """
    store = connect(load_settings())
    lane = lane_called(store, name, sub_account)
    if lane.status is LaneStatus.DRAFT:
        raise InputError(
            f'"{lane.name}" is a draft: there is nothing to watch before it is launched'
        )
    watch_lane(store, lane.id, as_json=as_json)


def _draft(store: Store, settings: Settings, lane: Lane) -> "DraftOut | None":
    if lane.status is not LaneStatus.DRAFT:
        return None
    from producer.campaigns.draft import draft_out  # noqa: PLC0415 — half a second, for drafts alone

    return draft_out(store, settings, lane)


def _tell_draft(draft: "DraftOut") -> None:
    """Print what a draft keeps."""
    rows = [("columns", ", ".join(draft.columns)), ("kept until", draft.kept_until)]
    rows += [
        (name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for name, value in draft.options.items()
        if value != {}
    ]
    show_table(pairs_table(rows))
    if draft.problem:
        show(f"It cannot be launched yet: {draft.problem}.")


def watch_lane(store: Store, lane_id: str, *, as_json: bool) -> None:
    """Show a lane's progress until it ends, then its result."""
    try:
        if as_json:
            follow(store, lane_id, lambda now, wait: print_json(_figures(now, wait)), step=1)
            return
        with Meter("Sending") as meter:
            end = follow(store, lane_id, lambda now, wait: show_sending(meter, now, wait))
        _tell(end, waiting(store, end.lane))
    except KeyboardInterrupt:
        say("Stopped watching; the campaign goes on.")
        raise typer.Exit(130) from None


def _figures(now: LaneReport, wait: Waiting) -> dict[str, Any]:
    from dashboard.schemas import failures_out  # noqa: PLC0415 — models, for JSON alone

    failures = failures_out(now).model_dump(mode="json")["items"]
    return {**report_as_json(now), **pace_figures(now, wait), "failures": failures}


def tell_stops(store: Store, lane: Lane | None = None) -> None:
    """Print an operator's stops; for a lane, the one that covers it."""
    stops = store.run(read_stops())
    if lane is not None:
        held = stop_of(stops, lane)
        stops = [held] if held else []
    for stop in stops:
        say(f"Note: {explain_stop(stop)}")


def _list_row(one: LaneReport) -> tuple[str, ...]:
    lane = one.lane
    done = percent(ended_share(one)) if lane.next_index else ""
    return (
        lane.name,
        str(lane.status),
        count(lane.next_index),
        done,
        count(one.sent),
        count(one.stage(Stage.FAILED)),
        moment(lane.opened_at / 1000),
    )


def _tell(now: LaneReport, wait: Waiting) -> None:
    lane = now.lane
    show(f"{lane.name} ({lane.id}, sub-account {lane.sub_account})", *explain_lane(now, wait), "")
    rows = [("recipients", count(lane.next_index)), *_funnel_rows(now)]
    rows += [
        ("requests", f"{now.requests:,} (on average {several(round(now.mean_batch), 'message')})"),
        ("retried", count(now.stats.get("retried", 0))),
        ("left out", loading_note(lane.duplicates, lane.invalid_rows)),
        ("excluded", count(lane.excluded) if lane.excluded else ""),
        ("purpose", purpose_in(now) or ""),
        ("retries", lane.source.removeprefix("retry:") if lane.parent else ""),
        ("retried by", ", ".join(lane.children)),
        ("opened", moment(lane.opened_at / 1000)),
        ("pace", pace_words(pace_of(lane)) if pace_of(lane) != (0, 1, 0, "") else ""),
        ("canary", f"{lane.canary}: {lane.canary_state}" if lane.canary else ""),
        ("scheduled", starts_at(lane) if lane.send_at else ""),
        ("started", moment(lane.started_at / 1000)),
        ("ended", moment(lane.finished_at / 1000)),
    ]
    show_table(pairs_table((name, value) for name, value in rows if value))
    causes = [(*name.split(":", 1), n) for name, n in sorted(now.codes.items())]
    causes += [("retried", code, n) for code, n in sorted(now.retries.items())]
    if causes:
        columns = ("state", "code", "messages", "meaning", "what to do")
        show_table(table_of(columns, starmap(_cause_row, causes), numbers=columns[2:3]))


def _funnel_rows(now: LaneReport) -> Iterator[tuple[str, str]]:
    """The stages with messages, each followed by its states; then feedback, as shares of `sent`."""
    for stage in Stage:
        if n := now.stage(stage):
            yield str(stage), f"{n:,}   {percent(share(n, now.lane.next_index))}"
            states = [state for state in FUNNEL[stage] if now.counts.get(state)]
            if [*map(str, states)] != [str(stage)]:
                yield from ((f"  {state}", count(now.counts[state])) for state in states)
    for one in Feedback:
        if n := now.people(one):
            yield one.name.lower().replace("_", " "), f"{n:,}   {percent(share(n, now.sent))}"


def _cause_row(state: str, code: str, n: int) -> tuple[str, ...]:
    what = remedy(*code_named(code)).sentence if state != "retried" else ""
    return (state, code.replace(":", " "), count(n), explain_named_code(code), what)
