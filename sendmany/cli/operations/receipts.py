"""`sendmany receipts …`: receipts that the receiver has lost."""

import asyncio
import time
from collections import Counter
from typing import Annotated

import typer

from chatapps.client import ChatAppsClient, Timeouts, open_client
from chatapps.management import Pacer
from config.settings import Settings, load_settings
from dashboard.explain import iso, moment, several
from producer.errors import InputError
from sendmany.cli.options import Json, SubAccount, read_time
from sendmany.console.connection import connect
from sendmany.console.output import print_json, show
from store.client import AsyncStore
from store.receipts.backfill import LogStatus
from worker.receipts.backfill import backfill, open_desk

app = typer.Typer(
    help="Fetch receipts that were lost from the provider's log.", no_args_is_help=True
)
LONGEST_DAYS = 180
"""Reach of the provider's log."""


@app.callback()
def _group() -> None:
    pass


@app.command("backfill")
def backfill_receipts(
    since: Annotated[
        str,
        typer.Option(metavar="2026-12-01T10:00Z", help="Of messages sent since then; UTC."),
    ],
    until: Annotated[
        str, typer.Option(metavar="2026-12-01T12:00Z", help="And before then; default: now.")
    ] = "",
    sub_account: SubAccount = None,
    as_json: Json = False,
) -> None:
    """Read the provider's log of a time and apply the receipts that were lost, after an outage.

    Workers apply them as if they had been posted. Running it twice changes nothing.

    Example: `sendmany receipts backfill --since 2026-12-01T09:00Z --until 2026-12-01T11:00Z`
    """
    settings = load_settings()
    name, now = settings.sub_account_id(sub_account), time.time()
    start, end = read_time(since) or 0.0, read_time(until) or now
    if start >= min(end, now):
        raise InputError("--since must be before --until, and in the past.")
    if start < now - LONGEST_DAYS * 86_400:
        raise InputError(
            f"The provider's log reaches back {LONGEST_DAYS} days: give a later --since."
        )
    connect(settings).close()
    found = asyncio.run(_run(settings, name, start, min(end, now)))
    if as_json:
        span = {"sub_account": name, "since": iso(start), "until": iso(min(end, now))}
        print_json(span | {status: found[status] for status in LogStatus})
        return
    total, lost, foreign = found.total(), found[LogStatus.LOST], found[LogStatus.FOREIGN]
    ours = lost + found[LogStatus.KNOWN]
    show(
        f"The log of {name} from {moment(start)} to {moment(min(end, now))} holds "
        f"{several(total, 'status', 'statuses')}, {ours:,} of messages of ours.",
        f"{several(lost, 'receipt')} had been lost: running workers apply them now."
        if lost
        else "No receipt had been lost.",
    )
    if foreign:
        show(f"{foreign:,} contradict the message that they name, and were left out.")


async def _run(settings: Settings, name: str, since: float, until: float) -> Counter[str]:
    http = settings.http
    timeouts = Timeouts(http.connect_timeout, read=http.read_timeout, total=http.deadline)
    store = AsyncStore.connect(settings.store_url, key_prefix=settings.key_prefix)
    try:
        async with open_client(timeouts, connections=1) as connection:
            client = ChatAppsClient(
                connection, total_timeout=http.deadline, max_answer_bytes=http.max_answer_bytes
            )
            return await backfill(open_desk(store, settings, client, name, Pacer()), since, until)
    finally:
        await store.close()
