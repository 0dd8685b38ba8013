"""Backfill: receipts that were lost are fetched from the provider's log.

The provider repeats a webhook for 131 seconds; a receiver that is down for longer loses it for good. A
status in the log that is news for its message is put into the inbox as a receipt, and applied like one
that was posted. Messages are matched by `clientMessageId` alone, since the log masks numbers. A row that
contradicts its message, by the provider message id of that attempt or by the digits that are not masked,
is of another installation that uses the same sub-account, and is left out.
"""

import asyncio
import contextlib
import secrets
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import Any, Final

import msgspec
import structlog

from chatapps.client import ChatAppsClient, endpoint_of
from chatapps.management import (
    ExportState,
    LogRow,
    MessageCalls,
    Pacer,
    ProviderError,
    ProviderUnavailable,
    read_log,
)
from chatapps.webhooks import Rank, rank_of, read_moment
from config.errors import ReportedError
from config.settings import Settings
from store.access.audit import entry
from store.batched import by_hundred
from store.client import AsyncStore, Call, command
from store.keys import OUTCOMES_PER_KEY, lane_keys
from store.lanes.lane import Lane, read_lane
from store.metrics.counters import BACKFILLED, Tally, flush_metrics
from store.receipts.backfill import (
    LogStatus,
    leave_backfill,
    note_backfill,
    renew_backfill,
    take_backfill,
)
from store.receipts.inbox import add_to_inbox, inbox_length
from store.records.outcome import RECORD_BYTES, Outcome, read_record
from store.reports.waiting import now_ms
from store.states import BY_STATE
from worker.receipts.inbox import MESSAGE_ID, STATES

log = structlog.get_logger(__name__)

ROWS_AT_ONCE: Final = 500
"""Rows between which a worker does other work."""
BODIES_AT_ONCE: Final = 500
MOST_WAITING: Final = 20_000
"""Bodies in the inbox above which a backfill waits until workers have applied some …"""
WAIT_SECONDS: Final = 300.0
"""… for so long."""
EXPORT_SECONDS: Final = 1800.0
"""Longest wait for an export."""
POLL_SECONDS: Final = (0.5, 1, 2, 4, 8, 15)
FAILED_POLLS: Final = 5
"""Consecutive polls without an answer that end the wait."""
_CALLING_CODE: Final = 2
"""Digits that no channel rewrites: those of Brazil, Mexico and Argentina begin to differ behind them."""

Sleep = Callable[[float], Awaitable[None]]


class BackfillError(ReportedError):
    """A backfill cannot run; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Desk:
    """A sub-account and access to it."""

    store: AsyncStore
    settings: Settings
    calls: MessageCalls
    sub_account: str
    sleep: Sleep = asyncio.sleep
    clock: Callable[[], float] = time.monotonic


def open_desk(
    store: AsyncStore, settings: Settings, client: ChatAppsClient, sub_account: str, pacer: Pacer
) -> Desk:
    """A desk with the key of the settings; raises SettingsError without one."""
    calls = MessageCalls(client, endpoint_of(settings, sub_account), pacer)
    return Desk(store, settings, calls, sub_account)


async def backfill(desk: Desk, since: float, until: float) -> Counter[str]:
    """Read the log of the messages sent in a time, and put lost receipts into the inbox.

    Returns:
        Statuses by `LogStatus`.

    Raises:
        BackfillError: it is not possible, or another one runs.
        ProviderError: the provider refused, or did not answer; what was found before that counts.
    """
    if not desk.settings.backfill.possible:
        raise BackfillError(
            "The log cannot be matched with messages: set backfill.columns.client_message_id to the "
            "name of its column with clientMessageId; an export of the provider's portal shows it."
        )
    if not await desk.store.run(take_backfill(desk.sub_account)):
        raise BackfillError(
            f"A backfill of {desk.sub_account} is running: wait for its end, then try again."
        )
    try:
        rows = _read_log(desk, since, until)
        return await carry_out(desk, rows, {"since": int(since), "until": int(until)})
    finally:
        await desk.store.run(leave_backfill(desk.sub_account))


async def carry_out(
    desk: Desk, parts: AsyncGenerator[Sequence[LogRow]], about: Mapping[str, int]
) -> Counter[str]:
    """Apply all parts; then write the audit entry, the counts and the result."""
    store, name, found = desk.store, desk.sub_account, Counter[str]()
    why = "it was ended before it was complete"
    try:
        async with contextlib.aclosing(parts):
            async for rows in parts:
                found += await _tell(desk, rows)
                await store.run(renew_backfill(name))
        why = ""
    except ReportedError as error:
        why = str(error)
        raise
    finally:
        figures = dict.fromkeys(LogStatus, 0) | found
        ended = await store.run(now_ms()) // 1000
        facts: dict[str, str | int] = {"at": ended, "error": why, **about, **figures}
        tally = Tally()
        for result, n in found.items():
            tally.add(BACKFILLED, n, name, result)
        await store.run(note_backfill(name, facts))
        await store.run(entry("receipts.backfill", name, "", sorted(facts.items())))
        if tally.counts:
            await store.run(flush_metrics(secrets.token_hex(8), 1, tally.take()))
    return found


# The log and the details of messages.


async def _read_log(desk: Desk, since: float, until: float) -> AsyncGenerator[Sequence[LogRow]]:
    """The rows of the log of a time."""
    columns = desk.settings.backfill.columns
    for link in await _export(desk, since, until):
        with TemporaryFile() as file:
            await desk.calls.download(link, file)
            file.seek(0)
            part: list[LogRow] = []
            for row in read_log(file, columns):
                part.append(row)
                if len(part) == ROWS_AT_ONCE:
                    yield part
                    part = []
            yield part


async def _export(desk: Desk, since: float, until: float) -> Sequence[str]:
    """Run an export; returns the links to its files. One that is not waited for is cancelled."""
    job, ended = await desk.calls.start_export(since, until), False
    try:
        state, links = await _finished(desk, job)
        ended = True
    finally:
        if not ended:
            with contextlib.suppress(ProviderError):
                await desk.calls.cancel_export(job)
    if state not in (ExportState.SUCCEEDED, ExportState.EMPTY):
        raise ProviderUnavailable(
            f"The provider's export of the log has ended as {state}: try again"
        )
    return links


async def _finished(desk: Desk, job: str) -> tuple[ExportState, Sequence[str]]:
    give_up, polls, failed = desk.clock() + EXPORT_SECONDS, 0, 0
    while desk.clock() < give_up:
        await desk.sleep(POLL_SECONDS[min(polls, len(POLL_SECONDS) - 1)])
        polls += 1
        await desk.store.run(renew_backfill(desk.sub_account))
        try:
            state, links = await desk.calls.export_state(job)
        except ProviderUnavailable:
            failed += 1
            if failed == FAILED_POLLS:
                raise
            continue
        failed = 0
        if state not in (ExportState.QUEUED, ExportState.RUNNING):
            return state, links
    raise ProviderUnavailable(
        f"The provider's export of the log takes more than {EXPORT_SECONDS / 60:.0f} minutes: ask for a "
        "shorter time"
    )


# From rows to receipts.


async def _tell(desk: Desk, rows: Sequence[LogRow]) -> Counter[str]:
    """Put the statuses that are news for messages of ours into the inbox; returns counts."""
    found: Counter[str] = Counter()
    named: dict[tuple[str, int], list[tuple[int, int, Rank, LogRow]]] = {}
    for row in rows:
        name = MESSAGE_ID.fullmatch(row.client_message_id)
        rank = rank_of(row.status.lower(), row.detail.lower() or None)
        if name is None or rank not in STATES:
            found[LogStatus.OTHER] += 1
            continue
        thousand, place = divmod(int(name[2]), OUTCOMES_PER_KEY)
        named.setdefault((name[1], thousand), []).append((place, int(name[3]), rank, row))
    names = sorted({lane for lane, _ in named})
    lanes = dict(
        zip(names, await desk.store.run_all([read_lane(one) for one in names]), strict=True)
    )
    bodies: list[bytes] = []
    for places in by_hundred([*named]):
        blobs = await desk.store.run_all([read_records(*place) for place in places])
        for (lane_id, thousand), blob in zip(places, blobs, strict=True):
            lane = lanes[lane_id]
            for place, attempt, rank, row in named[lane_id, thousand]:
                index = thousand * OUTCOMES_PER_KEY + place
                record = read_record(blob[place * RECORD_BYTES : (place + 1) * RECORD_BYTES], index)
                result = _judge(desk.sub_account, lane, index, record, attempt, rank, row)
                found[result] += 1
                if result is LogStatus.LOST:
                    bodies.append(_receipt(desk.sub_account, row, record))
    for first in range(0, len(bodies), BODIES_AT_ONCE):
        await _wait_for_room(desk)
        await desk.store.run(add_to_inbox(*bodies[first : first + BODIES_AT_ONCE]))
    return found


def read_records(lane: str, thousand: int) -> Call[bytes]:
    key = lane_keys(lane).outcome(thousand * OUTCOMES_PER_KEY)
    return command("GET", key, parse=lambda reply: reply or b"")


def _judge(
    sub_account: str,
    lane: Lane | None,
    index: int,
    record: Outcome | None,
    attempt: int,
    rank: Rank,
    row: LogRow,
) -> LogStatus:
    if lane is None or index >= lane.next_index:
        return LogStatus.OTHER
    if lane.sub_account.lower() != sub_account.lower():
        return LogStatus.FOREIGN
    if record is None:
        return LogStatus.LOST
    if _contradicts(record, attempt, row):
        return LogStatus.FOREIGN
    is_news = BY_STATE[STATES[rank]].rank > BY_STATE[record.state].rank
    return LogStatus.LOST if is_news else LogStatus.KNOWN


def _contradicts(record: Outcome, attempt: int, row: LogRow) -> bool:
    """True when a row cannot be about the message it names. A number that is not masked is compared by
    the applier."""
    same_attempt = record.attempts == attempt
    if same_attempt and record.umid and row.umid and record.umid != row.umid.lower():
        return True
    visible = row.number.lstrip("+")[:_CALLING_CODE]
    told = len(visible) == _CALLING_CODE and visible.isdigit() and bool(record.number)
    return told and not record.number.startswith(visible)


def _receipt(sub_account: str, row: LogRow, record: Outcome | None) -> bytes:
    """The receipt that the provider would have posted. A masked number is completed from the message."""
    shown = row.number.lstrip("+")
    number = shown if shown.isdigit() else record.number if record else ""
    status: dict[str, Any] = {"state": row.status}
    status |= {"detail": row.detail} if row.detail else {}
    status |= {"timestamp": row.at} if read_moment(row.at) else {}
    status |= {"errorCode": int(row.code)} if row.code.isdigit() else {}
    payload: dict[str, Any] = {
        "umid": row.umid or (record and record.umid) or "unknown",
        "subAccountId": sub_account,
        "clientMessageId": row.client_message_id,
        "status": status,
    }
    payload |= {"channel": row.channel} if row.channel else {}
    payload |= {"user": {"msisdn": f"+{number}"}} if number else {}
    envelope = {"version": 9, "namespace": "ChatApps"}
    envelope |= {"eventType": "outbound_message_status_changed", "description": "from the log"}
    return msgspec.json.encode(envelope | {"payload": payload})


async def _wait_for_room(desk: Desk) -> None:
    give_up = desk.clock() + WAIT_SECONDS
    while await desk.store.run(inbox_length()) > MOST_WAITING:
        if desk.clock() > give_up:
            raise BackfillError(
                "The inbox is full of receipts: see that a worker runs, then try again."
            )
        await desk.store.run(renew_backfill(desk.sub_account))
        await desk.sleep(0.2)
