"""`sendmany subscription …`: endpoints that are sent news of messages and campaigns."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from config.settings import Settings, load_settings
from dashboard.subscriptions import SubscriptionOut, facts_of, shown
from producer.errors import InputError
from sendmany.cli.options import Json, SubAccount, listed
from sendmany.console.connection import connect
from sendmany.console.output import print_json, say, show, show_table, table_of
from store.client import Store
from store.subscriptions.subscription import (
    Format,
    Subscription,
    add_subscription,
    check_types,
    find_subscription,
    key_of,
    list_subscriptions,
    remove_subscription,
    replay,
    rotate_secret,
)
from worker.endpoint import check_url
from worker.subscriptions import send_test

app = typer.Typer(
    help="Send news of messages and campaigns to endpoints of your services.", no_args_is_help=True
)
Id = Annotated[str, typer.Argument(metavar="ID", help="As `sendmany subscription list` shows it.")]


@app.command("add")
def add(
    url: Annotated[str, typer.Argument(metavar="URL", help="https, port 443 or 8443.")],
    types: Annotated[
        str,
        typer.Option(
            metavar="TYPE,…", help="Such as message.delivered,campaign.finished or message.*"
        ),
    ],
    sub_account: SubAccount = None,
    with_numbers: Annotated[
        bool, typer.Option("--with-numbers", help="Send numbers of people, too.")
    ] = False,
    format: Annotated[
        Format, typer.Option(help="`slack`: a text for chat tools, campaign.* types only.")
    ] = Format.STANDARD,
    as_json: Json = False,
) -> None:
    """Send changes from now on to an endpoint. Its secret is shown, once.

    Example: `sendmany subscription add https://shop.example/hooks --types message.delivered`
    """
    with _desk() as (store, settings):
        check_url(url, settings.subscriptions.trusted)
        try:
            wanted = check_types(listed(types), format, with_numbers=with_numbers)
        except ValueError as error:
            raise InputError(str(error)) from error
        name = settings.sub_account_id(sub_account)
        one, secret = add_subscription(
            store, key_of(settings), int(time.time()), url, wanted, name,
            with_numbers=with_numbers, format=format,
        )  # fmt: skip
        if as_json:
            print_json({**facts_of(store, one), "secret": secret})
            return
        if format is Format.SLACK:
            show(f"{one.id}")
            say("Its requests carry no signature: keep its address secret.")
            return
        show(f"{one.id}  {secret}")
        say("Keep the secret: it is not shown again. It checks signatures of Standard Webhooks.")


@app.command("list")
def list_all(as_json: Json = False) -> None:
    """List all subscriptions, oldest first.

    Example: `sendmany subscription list`
    """
    with _desk() as (store, _):
        all_ = [facts_of(store, one) for one in store.run(list_subscriptions())]
        if as_json:
            print_json([SubscriptionOut(**one).model_dump() for one in all_])
        elif all_:
            columns = ("id", "sub-account", "state", "url")
            show_table(table_of(columns, map(_line, all_)))
        else:
            show("There are no subscriptions: see `sendmany subscription add -h`.")


@app.command("show")
def show_one(id: Id, as_json: Json = False) -> None:
    """Show a subscription, with what its endpoint did not take.

    Example: `sendmany subscription show 5f0c2a9b71e4`
    """
    with _desk() as (store, _):
        facts = shown(store, _found(store, id)).model_dump()
        if as_json:
            print_json(facts)
            return
        letters = facts.pop("dead_letters")
        facts["types"] = ", ".join(facts["types"])
        show(*(f"{name}: {value}" for name, value in facts.items() if value not in (None, "")))
        show(*(f"given up: {letter}" for letter in letters))


@app.command("remove")
def remove(id: Id) -> None:
    """Send nothing more to an endpoint.

    Example: `sendmany subscription remove 5f0c2a9b71e4`
    """
    with _desk() as (store, _):
        remove_subscription(store, _found(store, id))
        show("Removed.")


@app.command("rotate")
def rotate(id: Id, as_json: Json = False) -> None:
    """Give a subscription a new secret; the old one signs for another day, too.

    Example: `sendmany subscription rotate 5f0c2a9b71e4`
    """
    with _desk() as (store, settings):
        secret = rotate_secret(store, key_of(settings), int(time.time()), _found(store, id))
        if as_json:
            print_json({"secret": secret})
        else:
            show(secret)


@app.command("replay")
def replay_(
    id: Id,
    since: Annotated[str, typer.Option(metavar="TIME", help="Such as 2026-12-01T10:00Z; UTC.")],
) -> None:
    """Send again what came since a time, as far as it is kept; a disabled subscription goes on.

    Example: `sendmany subscription replay 5f0c2a9b71e4 --since 2026-12-01T10:00Z`
    """
    try:
        at = datetime.fromisoformat(since)
    except ValueError:
        raise InputError(f'"{since}" is no time: write 2026-12-01 or 2026-12-01T10:00Z') from None
    moment = at if at.tzinfo else at.replace(tzinfo=UTC)
    with _desk() as (store, _):
        replay(store, _found(store, id), max(0, int(moment.timestamp() * 1000)))
        show("It is sent again, within a second or so.")


@app.command("test")
def send_event(id: Id, as_json: Json = False) -> None:
    """Send an event of type `test` to an endpoint now; exit code 0 if it was taken.

    Example: `sendmany subscription test 5f0c2a9b71e4`
    """
    with _desk() as (store, settings):
        one = _found(store, id)
        key_of(settings)
        answer = asyncio.run(send_test(settings, one))
        if as_json:
            print_json({"taken": answer.ok, "answer": answer.words})
        else:
            show(f"{'Taken' if answer.ok else 'Not taken'}: {answer.words}.")
        raise typer.Exit(0 if answer.ok else 1)


@contextmanager
def _desk() -> Iterator[tuple[Store, Settings]]:
    settings = load_settings()
    store = connect(settings)
    try:
        yield store, settings
    finally:
        store.close()


def _found(store: Store, id: str) -> Subscription:
    one = store.run(find_subscription(id))
    if one is None:
        raise InputError("There is no such subscription: see `sendmany subscription list`")
    return one


def _line(facts: dict[str, Any]) -> tuple[str, ...]:
    state = facts["disabled"] or (f"fails: {facts['answer']}" if facts["failures"] else "active")
    return facts["id"], facts["sub_account"], state, facts["url"]
