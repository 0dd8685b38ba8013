"""`sendmany campaign unconfirmed list|resend|close`: decisions about messages that ended in doubt."""

from collections import Counter
from dataclasses import asdict
from typing import Annotated

import typer

from config.celery_app import hint_drain
from config.settings import load_settings
from dashboard.explain import called, count, explain_code, in_doubt, moment, several
from dashboard.export import doubt_of, row
from producer.errors import InputError
from producer.wake import call_workers
from sendmany.cli.options import Json, Name, Whose, lane_called
from sendmany.console.connection import connect
from sendmany.console.output import at_terminal, print_json, show, show_table, table_of
from store.client import Store
from store.errors import StoreUnavailable
from store.lanes.lane import Lane, LaneStatus
from store.queue.dead_letters import Redriven, Word, settle_dead_letters
from store.records.job_section import international
from store.records.outcome import Doubt
from store.reports.messages import Listed, list_dead_letters
from store.states import State

app = typer.Typer(
    help="Unconfirmed messages, which may have been sent: list them, decide about them.",
    no_args_is_help=True,
)
_MEANT = (State.UNCONFIRMED,)
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
SHOWN = 50
"""Most rows for people; programs get all."""


@app.command("list")
def list_unconfirmed(name: Name, sub_account: Whose = None, as_json: Json = False) -> None:
    """List messages that need a decision: number, attempts, time and reason.

    `message show ID` lists the attempts of one, with the batch ids for the provider.

    Example: `sendmany campaign unconfirmed list "Spring sale"`
    """
    store = connect(load_settings())
    lane = lane_called(store, name, sub_account)
    found = sorted(list_dead_letters(store, lane.id, _MEANT), key=lambda one: one.index)
    if as_json:
        print_json([{"id": f"{lane.id}.{one.index}", **asdict(row(one))} for one in found])
    else:
        _tell(lane, found)


@app.command("resend")
def resend(
    name: Name,
    sub_account: Whose = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Send unconfirmed messages again. People who have received one already get it twice.

    Messages settled by a receipt meanwhile are not sent again. A finished campaign resumes; a cancelled
    one stays cancelled.

    Example: `sendmany campaign unconfirmed resend "Spring sale"`
    """
    store = connect(load_settings())
    lane = lane_called(store, name, sub_account)
    if not yes:
        _ask_to_resend(store, lane)
    said = _say(store, lane, Word.RESEND)
    if said.refused:
        raise InputError(f'"{lane.name}" is {said.status}: nothing of it is sent again')
    if said.jobs:
        call_workers(store, lane, hint_drain)
    if as_json:
        print_json(_as_json(lane, said, "resent"))
    else:
        _tell_resent(lane, said)


@app.command("close")
def close(
    name: Name,
    sub_account: Whose = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Close unconfirmed messages: they stay unconfirmed, and cannot be sent again by command.

    Receipts that come later still settle it.

    Example: `sendmany campaign unconfirmed close "Spring sale"`
    """
    store = connect(load_settings())
    lane = lane_called(store, name, sub_account)
    if not yes and at_terminal() and (what := in_doubt(_count(store, lane))):
        typer.confirm(f"Let {what} rest? None can be sent again then", abort=True, err=True)
    said = _say(store, lane, Word.CLOSE)
    if as_json:
        print_json(_as_json(lane, said, "closed"))
    else:
        show(f"{several(said.jobs, 'message')} put to rest.{_moved_on(said)}")


def _count(store: Store, lane: Lane) -> Counter[State]:
    return Counter(one.state for one in list_dead_letters(store, lane.id, _MEANT) if one.state)


def _ask_to_resend(store: Store, lane: Lane) -> None:
    """Explain the risk and ask for confirmation at a terminal; programs must pass the option."""
    dead = list(list_dead_letters(store, lane.id, _MEANT))
    if not dead:
        return
    found = Counter(one.state for one in dead if one.state)
    arrived = sum(doubt_of(one) is not Doubt.NONE for one in dead)
    risk = (
        f"{in_doubt(found)}. {arrived:,} of them may have arrived: who has got one gets it twice."
    )
    if not at_terminal():
        raise InputError(f'Nothing was sent. "{lane.name}" has {risk} Say --yes to send them again')
    typer.confirm(f'"{lane.name}" has {risk} Send them again?', abort=True, err=True)


def _say(store: Store, lane: Lane, word: Word) -> Redriven:
    try:
        return settle_dead_letters(store, lane, word, _MEANT)
    except StoreUnavailable as error:
        raise StoreUnavailable(
            f"{str(error).rstrip('.?')}. Run this again for the rest; what was sent again is not "
            "sent once more."
        ) from error


def _tell(lane: Lane, found: list[Listed]) -> None:
    if not found:
        show(f'No message of "{lane.name}" needs a decision.')
        return
    reasons = Counter(_reason(one) for one in found)
    columns = ("state", "code", "messages", "meaning")
    rows = [(state, code, count(n), why) for (state, code, why), n in reasons.items()]
    show_table(table_of(columns, rows, numbers=columns[2:3]))
    columns_of_each = ("message", "number", "attempts", "since", "beyond its state")
    rows_of_each = [_row(lane, one) for one in found[:SHOWN]]
    show_table(table_of(columns_of_each, rows_of_each, numbers=columns_of_each[2:3]))
    if len(found) > SHOWN:
        show(f"… and {several(len(found) - SHOWN, 'more message')}: --json lists them all.")
    show(
        f'Send them again: sendmany campaign unconfirmed resend "{called(lane)}"',
        f'Let them rest:   sendmany campaign unconfirmed close "{called(lane)}"',
    )


def _reason(one: Listed) -> tuple[str, str, str]:
    assert one.record is not None
    origin, code = one.record.origin, one.record.code
    return str(one.state), f"{origin.name.lower()} {code}", explain_code(origin, code)


def _row(lane: Lane, one: Listed) -> tuple[str, ...]:
    since = moment(one.record.changed_at) if one.record else ""
    number = international(one.recipient)
    doubt = str(doubt_of(one)).replace("_", " ")
    return (f"{lane.id}.{one.index}", number, str(one.attempts), since, doubt)


def _tell_resent(lane: Lane, said: Redriven) -> None:
    if not said.jobs:
        show(f'No message of "{lane.name}" is sent again.{_moved_on(said)}')
        return
    verb = "goes" if said.jobs == 1 else "go"
    show(f"{several(said.jobs, 'message')} {verb} out again.{_moved_on(said)}")
    if said.status is LaneStatus.SENDING:
        show(f'Watch it with: sendmany campaign watch "{called(lane)}"')
    else:
        show(f'"{lane.name}" is {said.status}; it is sent after it is resumed.')


def _moved_on(said: Redriven) -> str:
    n = said.moved_on
    return f" {several(n, 'message')} had been settled by receipts meanwhile." if n else ""


def _as_json(lane: Lane, said: Redriven, done: str) -> dict[str, object]:
    return {
        "name": lane.name,
        "id": lane.id,
        "status": str(said.status),
        done: said.jobs,
        "settled_meanwhile": said.moved_on,
    }
