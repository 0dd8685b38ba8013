"""`sendmany message send|show|list|cancel`: one message for one person."""

from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from config.settings import load_settings
from dashboard.message import MessageStatus, explain, message_status_of
from dashboard.message import as_json as message_status_as_json
from dashboard.message_page import DayMessage, MessageFilter, day_page
from producer import BadPurpose, BadTag, Priority, Producer, Purpose
from producer.campaigns.schedule import read_time
from producer.errors import BadTiming, InputError
from producer.messages.enqueue import ids_by_key, lanes_of_day
from sendmany.api.schemas.message_status import MOST_WANTED
from sendmany.cli.options import Json, Region, SubAccount, lane_called
from sendmany.cli.recipients import find_message, message_for, recipient_of, wait_for_end
from sendmany.console.connection import connect
from sendmany.console.output import print_json, say, show, show_table, table_of
from store.client import Store
from store.errors import UnknownLane
from store.queue.cancel import cancel_message
from store.queue.enqueue import Taken
from store.reports.waiting import now_ms
from store.states import PROVIDER_HAS_IT, State

app = typer.Typer(
    help="Send a single message; show the status of one; list those of a day; cancel one that waits.",
    no_args_is_help=True,
)


@app.command("send")
def send(
    to: Annotated[
        str, typer.Option("--to", metavar="NUMBER", help="Such as +442079460123, or a user id.")
    ],
    text: Annotated[str | None, typer.Option(help="A text message.")] = None,
    message: Annotated[
        Path | None,
        typer.Option(metavar="FILE.json", help="Any message of the provider, without `user`."),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(help="Idempotency key: the same key is never sent twice."),
    ] = None,
    priority: Annotated[Priority, typer.Option(help="Urgent overtakes everything.")] = (
        Priority.NORMAL
    ),
    purpose: Annotated[
        Purpose | None,
        typer.Option(
            help="What it is for. Default: the registered category of its template, else utility."
        ),
    ] = None,
    tag: Annotated[
        str | None, typer.Option(help="Kind of message, to list those of a day by.")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help='Not before, such as "2026-12-24 09:00 Europe/London"; 30 days ahead at most.',
        ),
    ] = None,
    sub_account: SubAccount = None,
    region: Region = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the outcome.")] = False,
    timeout: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="How long to wait at most.")
    ] = 60,
    as_json: Json = False,
) -> None:
    """Send one message to one person. When this returns, the message is stored and not lost.

    With `--wait`, exit code 0 means that the provider accepted it.

    Example: `sendmany message send --to +442079460123 --text "Your code is 1234" --priority urgent --key
    login-77 --wait`
    """
    settings = load_settings()
    if key is not None and not key.strip():
        raise InputError("An empty --key is no key: give one, or leave --key out")
    body = message_for(recipient_of(to, region or settings.default_region), text, message)
    store = connect(settings)
    try:
        answer = Producer(store, settings).enqueue(
            body,
            key=key,
            sub_account=sub_account,
            priority=priority,
            purpose=purpose,
            tag=tag,
            send_at=datetime.fromtimestamp(read_time(at).ms / 1000, UTC) if at else None,
        )
    except (BadPurpose, BadTag, BadTiming) as error:
        raise InputError(f"Nothing was sent: {error.rule}") from error
    if wait:
        if answer.taken is not Taken.NEW:
            say("Nothing was sent: the key is known. This is the message that has it:")
        _wait(store, answer.id, timeout, as_json=as_json)
    elif as_json:
        print_json({"id": answer.id, "new": answer.taken is Taken.NEW})
    else:
        how = "stored" if answer.taken is Taken.NEW else "known already, by its key"
        show(f"{answer.id} is {how}.", f"See its status: sendmany message show {answer.id}")


@app.command("show")
def show_message(
    message_ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]", help="As `message send` printed it.")
    ] = None,
    key: Annotated[
        list[str] | None,
        typer.Option(help="Instead: its idempotency key, of today or yesterday; repeatable."),
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="NUMBER", help="Instead: its recipient …")
    ] = None,
    campaign: Annotated[
        str | None, typer.Option(metavar="NAME", help="… and in which campaign.")
    ] = None,
    sub_account: Annotated[
        str | None,
        typer.Option("--sub-account", metavar="ID", help="Whose campaign or keys, if several."),
    ] = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Show the status of messages, with their earlier attempts; or why they wait, and until when.

    Of several `--json` prints one object: `items`, and the ids and keys that are `unknown`, which make
    the exit code 1.

    Example: `sendmany message show --to +442079460123 --campaign "Spring sale"`
    """
    settings, ids, keys = load_settings(), list(message_ids or ()), list(key or ())
    if bool(ids or keys) == (to is not None) or (to is None) != (campaign is None):
        raise InputError("Name messages by id or --key, or one by --to and --campaign")
    if len(ids) + len(keys) > MOST_WANTED:
        raise InputError(f"Name at most {MOST_WANTED:,} messages at once")
    store = connect(settings)
    if to is not None and campaign is not None:
        recipient = recipient_of(to, region or settings.default_region)
        ids = [find_message(store, lane_called(store, campaign, sub_account), recipient)]
    found = store.run(ids_by_key(settings.sub_account_id(sub_account), keys)) if keys else {}
    unknown_keys = [one for one in keys if one not in found]
    if len(ids) + len(keys) == 1 and not unknown_keys:
        _tell(store, [*ids, *found.values()][0], as_json=as_json)
    else:
        _tell_several(store, ids, found, unknown_keys, as_json=as_json)


@app.command("list")
def list_messages(
    day: Annotated[
        str, typer.Option("--date", metavar="2026-12-03", help="The day, in UTC. Default: today.")
    ] = "",
    states: Annotated[
        list[State] | None, typer.Option("--state", help="Only these; may be given again.")
    ] = None,
    sub_account: Annotated[
        str | None, typer.Option("--sub-account", metavar="ID", help="Only of this one.")
    ] = None,
    tag: Annotated[str | None, typer.Option(help="Only those that were enqueued with it.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="At most so many.")] = 50,
    as_json: Json = False,
) -> None:
    """List the single messages that were enqueued on a day, with their status, urgent ones first.

    Example: `sendmany message list --date 2026-12-03 --state failed`
    """
    settings = load_settings()
    try:
        on = date.fromisoformat(day) if day else datetime.now(UTC).date()
    except ValueError:
        raise InputError(f'"{day}" is no date: write 2026-12-03') from None
    whose = [settings.sub_account_id(sub_account)] if sub_account else [*settings.sub_accounts]
    lanes = [*chain.from_iterable(lanes_of_day(one, on) for one in whose)]
    store, found = connect(settings), list[DayMessage]()
    wanted = MessageFilter(states or (), tag=tag, limit=limit)
    page = day_page(store, lanes, wanted)
    found += page.items
    while page.next is not None and len(found) < limit:
        page = day_page(store, lanes, replace(wanted, cursor=page.next, limit=limit - len(found)))
        found += page.items
    if as_json:
        print_json([one.model_dump(mode="json") for one in found])
    elif found:
        columns = ("message", "number", "state", "since", "tag", "meaning")
        show_table(table_of(columns, map(_row, found), ids="message"))
    else:
        show(f"No single message of {on} matches.")
    if page.next is not None:
        say("There may be more: give a larger --limit.")


def _row(one: DayMessage) -> tuple[str, ...]:
    return one.id, one.number or "", one.state, one.changed_at or "", one.tag or "", one.meaning


@app.command("cancel")
def cancel(
    message_id: Annotated[str, typer.Argument(metavar="ID", help="As `message send` printed it.")],
    as_json: Json = False,
) -> None:
    """Cancel a message that still waits: in the queue, for a retry, or for the time that it was given.

    Its idempotency key stays used.

    Example: `sendmany message cancel n-a773e6-u261122.0`
    """
    store = connect(load_settings())
    report = message_status_of(store, message_id).report
    if not cancel_message(store, report.lane, report.index, store.run(now_ms()) // 1000):
        now = explain(message_status_of(store, message_id))[1]
        raise InputError(f"{message_id} cannot be cancelled any more: {now}")
    _tell(store, message_id, as_json=as_json)


def _tell(store: Store, message_id: str, *, as_json: bool) -> None:
    status = message_status_of(store, message_id)
    if as_json:
        print_json(message_status_as_json(status))
    else:
        show(*explain(status))


def _tell_several(
    store: Store, ids: list[str], keys: dict[str, str], unknown_keys: list[str], *, as_json: bool
) -> None:
    items, unknown = list[MessageStatus](), list[str]()
    for one in [*ids, *keys.values()]:
        try:
            items.append(message_status_of(store, one))
        except UnknownLane:
            unknown.append(one)
    if as_json:
        figures = [message_status_as_json(one) for one in items]
        told = {"items": figures, "unknown": unknown}
        print_json({**told, "keys": keys, "unknown_keys": unknown_keys})
    else:
        show(*(line for one in items for line in (*explain(one), "")))
        for what in (*unknown, *(f"key {one}" for one in unknown_keys)):
            say(f"There is no message {what}.")
    if unknown or unknown_keys:
        raise typer.Exit(1)


def _wait(store: Store, message_id: str, timeout: float, *, as_json: bool) -> None:
    try:
        ended = wait_for_end(store, message_id, timeout)
    except KeyboardInterrupt:
        say(f"Stopped waiting; {message_id} is stored and goes its way.")
        raise typer.Exit(130) from None
    _tell(store, message_id, as_json=as_json)
    if not ended:
        say(f"No outcome within {timeout:g} seconds; the message goes its way.")
    raise typer.Exit(
        0 if ended and message_status_of(store, message_id).state in PROVIDER_HAS_IT else 1
    )
