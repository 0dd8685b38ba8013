"""`sendmany campaign pause|resume|cancel`."""

import sys
from typing import Annotated

import typer

from config.celery_app import hint_drain
from config.settings import load_settings
from producer.errors import InputError
from producer.wake import call_workers
from sendmany.cli.options import Json, Name, Whose, lane_called
from sendmany.console.connection import connect
from sendmany.console.output import print_json, show
from store.access.audit import audited
from store.lanes.lane import LaneStatus, move_lane

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


def cancel(
    name: Name,
    sub_account: Whose = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask, at a terminal.")] = False,
    as_json: Json = False,
) -> None:
    """Cancel all unsent messages. This cannot be undone.

    Example: `sendmany campaign cancel "Spring sale" --yes`
    """
    if not yes and sys.stdin.isatty():
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
