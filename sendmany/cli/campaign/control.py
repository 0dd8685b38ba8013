"""`sendmany campaign pause|resume|cancel`."""

from typing import Annotated

import typer

from config.celery_app import hint_drain
from config.sections import SubAccount
from config.settings import load_settings
from dashboard.explain import called, iso, pace_words, starts_at
from producer.campaigns.schedule import (
    StartTime,
    read_finish,
    read_rate,
    read_time,
    set_pace,
    why_late,
)
from producer.campaigns.schedule import reschedule as set_time
from producer.errors import InputError
from producer.wake import call_workers
from sendmany.cli.options import At, FinishBy, Json, Name, Rate, Spread, Weight, Whose, lane_called
from sendmany.console.connection import connect
from sendmany.console.output import at_terminal, print_json, say, show
from store.access.audit import audited
from store.lanes.lane import LaneStatus, find_lane, move_lane, rate_out, read_counts, still_open

_WHY = "by an operator"


def pause(name: Name, sub_account: Whose = None, as_json: Json = False) -> None:
    """Stop sending within a second; unsent messages stay queued.

    Example: `sendmany campaign pause "Spring sale"`
    """
    _move(name, sub_account, "pause", "is paused; what has not gone out is kept", as_json=as_json)


def resume(
    name: Name,
    sub_account: Whose = None,
    accept: Annotated[
        bool,
        typer.Option(
            "--accept",
            help="Also if it was halted since Redis was restored from an older copy: messages sent"
            " after that copy may be sent again.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Resume a campaign that was paused, has stopped after a failure, or was halted.

    Example: `sendmany campaign resume "Spring sale"`
    """
    _move(name, sub_account, "accept" if accept else "resume", "goes on", as_json=as_json)


def reschedule(
    name: Name,
    at: At,
    sub_account: Whose = None,
    as_json: Json = False,
) -> None:
    """Set or change when a campaign starts, as long as nothing of it has gone out.

    Example: `sendmany campaign reschedule "Spring sale" --at "2026-12-24 09:00 Europe/London"`
    """
    _schedule(name, sub_account, read_time(at), as_json=as_json)


def unschedule(name: Name, sub_account: Whose = None, as_json: Json = False) -> None:
    """Take a campaign's time away: it is paused, and goes out when it is resumed.

    Example: `sendmany campaign unschedule "Spring sale"`
    """
    _schedule(name, sub_account, None, as_json=as_json)


def _schedule(name: str, sub_account: str | None, time: StartTime | None, *, as_json: bool) -> None:
    store = connect(load_settings())
    lane = lane_called(store, name, sub_account)
    status = set_time(store, lane, time, hint_drain)
    lane = find_lane(store, lane.id)
    if as_json:
        send_at = iso(lane.send_at / 1000)
        print_json({"name": lane.name, "id": lane.id, "status": str(status), "send_at": send_at,
                    "zone": lane.zone})  # fmt: skip
        return
    if time is None:
        resume = f'`sendmany campaign resume "{called(lane)}"`'
        show(f'"{lane.name}" has no time any more and is paused: {resume} sends it.')
        return
    show(f'"{lane.name}" starts at {starts_at(lane)}. {time.sentence}'.rstrip())


def pace(
    name: Name,
    rate: Rate = None,
    weight: Weight = None,
    spread: Spread = False,
    finish_by: FinishBy = None,
    sub_account: Whose = None,
    as_json: Json = False,
) -> None:
    """Change how fast a campaign goes, when it is finished, or its share beside others, while it runs.

    Example: `sendmany campaign pace "Spring sale" --rate 50 --weight 3`
    """
    if rate is None and weight is None and finish_by is None and not spread:
        raise InputError("Say --rate, --spread or --finish-by, --weight, or both")
    settings = load_settings()
    store = connect(settings)
    lane = lane_called(store, name, sub_account)
    rate = read_rate(settings, lane.sub_account, rate, spread=spread)
    finish = read_finish(finish_by, rate=rate)
    changed = set_pace(store, lane, rate, weight, finish)
    if changed is None:
        raise InputError(f'"{lane.name}" is no campaign: only campaigns have a pace of their own')
    if as_json:
        print_json({"name": lane.name, "id": lane.id, **rate_out(changed.rate), "weight": changed.weight,
                    "finish_by": iso(changed.finish_by / 1000), "zone": changed.zone})  # fmt: skip
        return
    show(f'"{lane.name}" goes {pace_words(changed)}, within a second on all workers.')
    account = settings.sub_accounts.get(lane.sub_account, SubAccount())
    counts = store.run(read_counts(lane.id))
    if finish and (late := why_late(account, still_open(counts), finish.ms, lane.send_at)):
        say(f"Note: {late}")


def cancel(
    name: Name,
    sub_account: Whose = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask, at a terminal.")] = False,
    as_json: Json = False,
) -> None:
    """Cancel all unsent messages. This cannot be undone.

    Example: `sendmany campaign cancel "Spring sale" --yes`
    """
    if not yes and at_terminal():
        typer.confirm(f'Cancel "{name}"? What has not gone out never will', abort=True, err=True)
    _move(
        name,
        sub_account,
        "cancel",
        "is being cancelled; what has not gone out will not",
        as_json=as_json,
    )


def _move(name: str, sub_account: str | None, action: str, done: str, *, as_json: bool) -> None:
    store = connect(load_settings())
    lane = lane_called(store, name, sub_account)
    move = move_lane(lane.id, action, _WHY if action == "pause" else "")
    changed, status = store.run(
        audited(move, f"campaign.{action}", lane.name, lane.status, lambda moved: moved[1])
    )
    if not changed and not _is_there(action, status):
        hint = "" if status is not LaneStatus.HALTED else "; `campaign show` says what to do"
        raise InputError(f'"{lane.name}" is {status}: it cannot {action}{hint}')
    if changed and action != "pause":
        call_workers(store, lane, hint_drain)
    if as_json:
        print_json({"name": lane.name, "id": lane.id, "status": str(status), "changed": changed})
    else:
        show(f'"{lane.name}" {done}.' if changed else f'"{lane.name}" is {status} already.')


def _is_there(action: str, status: LaneStatus) -> bool:
    """True when the action has no effect."""
    return (
        status
        in {
            "pause": (LaneStatus.PAUSED,),
            "resume": (LaneStatus.SENDING, LaneStatus.LOADING),
            "accept": (LaneStatus.SENDING, LaneStatus.LOADING),
            "cancel": (LaneStatus.CANCELLING, LaneStatus.CANCELLED),
        }[action]
    )
