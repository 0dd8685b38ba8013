"""Messages whose receipts are missing: workers ask the provider about them by themselves.

They are unconfirmed, or accepted without any receipt, and are asked about at some ages since their
posting. That finds a gap in the receipts, whatever made it. Absence in the log proves nothing, and
nothing follows from it.
"""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from chatapps.client import ChatAppsClient
from chatapps.management import LogRow, NotFound, Pacer
from config.errors import ReportedError
from config.settings import Settings
from store.access.audit import ACTOR, Actor
from store.batched import by_hundred
from store.client import AsyncStore
from store.errors import StoreError
from store.keys import OUTCOMES_PER_KEY
from store.lanes.lane import Lane, newest_lanes, read_counts, read_lane
from store.receipts.backfill import (
    LastBackfill,
    leave_backfill,
    note_backfill,
    read_backfill,
    take_backfill,
)
from store.records.outcome import RECORD, RECORD_BYTES, read_record
from store.reports.waiting import now_ms
from store.states import BY_STATE, State
from worker.receipts.backfill import Desk, backfill, carry_out, open_desk, read_records

log = structlog.get_logger(__name__)

MOST_DETAILS: Final = 60
"""Most messages asked about one by one in a turn; the provider allows one a second."""
AGES: Final = (1, 6, 36, 144, 432)
"""Ages of a message at which it is asked about, in units of `backfill.after`; 10 min to 3 days."""
MARGIN_SECONDS: Final = 600
"""The log is read from so long before the oldest message asked about: later receipts of earlier messages
were lost with its own."""
LOOK_SECONDS: Final = 300.0
NEWEST_LANES: Final = 1000
STRINGS_AT_ONCE: Final = 10
REMEMBERED: Final = 10_000


@dataclass(slots=True)
class Asked:
    """Messages to ask about."""

    n: int = 0
    first: int = 0  # time of the earliest posting, epoch seconds
    last: int = 0
    rows: list[LogRow] = field(default_factory=list)  # those with a provider message id, no status


class Backfills:
    """Asks about messages whose receipts are missing. One object per process.

    Args:
        client: of the provider; its requests are few.
    """

    def __init__(self, store: AsyncStore, settings: Settings, client: ChatAppsClient) -> None:
        self._store, self._settings, self._client = store, settings, client
        self._pacer = Pacer()
        self._next = 0.0
        self._task: asyncio.Task[None] | None = None

    def look(self) -> None:
        """Start to look for such messages if due, unless this process does so; called by each sweep."""
        rules, now = self._settings.backfill, time.monotonic()
        if rules.automatic and now >= self._next and (self._task is None or self._task.done()):
            self._next = now + period(rules.after)
            self._task = asyncio.create_task(self._look(), name="backfill")

    async def close(self) -> None:
        """Stop; another worker looks later."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _look(self) -> None:
        ACTOR.set(Actor("worker"))
        for name in self._settings.sub_accounts:
            try:
                desk = open_desk(self._store, self._settings, self._client, name, self._pacer)
                await look_for_lost(desk)
            except (ReportedError, StoreError) as error:
                log.warning("backfill_failed", sub_account=name, error=str(error))
            except Exception:
                log.exception("backfill_failed", sub_account=name)


def period(after: float) -> float:
    """Seconds between two looks."""
    return min(LOOK_SECONDS, after / 2)


async def look_for_lost(desk: Desk) -> Asked:
    """Ask about the messages of a sub-account that have come of age since the last time; returns
    them. Many, or those without a provider message id, are looked up in the log; a few are asked about
    one by one."""
    store, name, rules = desk.store, desk.sub_account, desk.settings.backfill
    now = await store.run(now_ms()) // 1000
    last: LastBackfill = await store.run(read_backfill(name))
    if now < last.tried + period(rules.after):
        return Asked()
    await store.run(note_backfill(name, {"tried": now}))
    asked = await find_lost(desk, last.looked, now)
    if asked.n and rules.possible and (asked.n > MOST_DETAILS or len(asked.rows) < asked.n):
        until = min(now, asked.last + MARGIN_SECONDS)
        found = await backfill(desk, asked.first - MARGIN_SECONDS, until)
        log.info("receipts_backfilled", sub_account=name, asked=asked.n, **found)
    elif asked.rows:
        if not await store.run(take_backfill(name)):
            return asked  # another one runs: the same messages are due next time
        some = random.sample(asked.rows, min(MOST_DETAILS, len(asked.rows)))
        try:
            found = await carry_out(desk, _ask_details(desk, some), {"since": 0, "until": 0})
            log.info("receipts_asked_for", sub_account=name, asked=len(some), **found)
        finally:
            await store.run(leave_backfill(name))
    if rules.possible or len(asked.rows) <= MOST_DETAILS:  # else the rest follows next time
        await store.run(note_backfill(name, {"looked": now}))
    return asked


async def find_lost(desk: Desk, looked: int, now: int) -> Asked:
    """Messages that are unconfirmed, or accepted without a receipt, and have come of age since
    `looked`."""
    rules, hooks = desk.settings.backfill, desk.settings.webhooks
    receives = hooks.received or hooks.wanted
    wanted = [State.UNCONFIRMED, State.ACCEPTED] if receives else [State.UNCONFIRMED]
    ages = [age * rules.after for age in AGES]
    looked = max(looked, int(now - ages[-1]))
    asked = Asked()
    newest = await desk.store.run(newest_lanes(NEWEST_LANES))
    for some in by_hundred(newest):
        lanes = await desk.store.run_all([read_lane(one) for one in some])
        counts = await desk.store.run_all([read_counts(one) for one in some])
        for lane, has in zip(lanes, counts, strict=True):
            if lane is None or lane.sub_account != desk.sub_account:
                continue
            if lane.finished_at and lane.finished_at / 1000 + ages[-1] < looked:
                continue
            marks = bytes(ord(BY_STATE[state].mark) for state in wanted if has.get(state))
            if marks:
                await _find_in(desk, lane, marks, (ages, looked, now), asked)
    return asked


async def _find_in(
    desk: Desk,
    lane: Lane,
    marks: bytes,
    due: tuple[Sequence[float], int, int],
    asked: Asked,
) -> None:
    ages, looked, now = due
    thousands = range((lane.next_index + OUTCOMES_PER_KEY - 1) // OUTCOMES_PER_KEY)
    for first in range(0, len(thousands), STRINGS_AT_ONCE):
        some = thousands[first : first + STRINGS_AT_ONCE]
        blobs = await desk.store.run_all([read_records(lane.id, one) for one in some])
        for thousand, blob in zip(some, blobs, strict=True):
            for place, mark in enumerate(blob[::RECORD_BYTES]):
                if mark not in marks:
                    continue
                at = place * RECORD_BYTES
                _, _, _, _, posted_at, changed_at, *_ = RECORD.unpack_from(blob, at)
                posted = posted_at or changed_at
                if not any(looked < posted + age <= now for age in ages):
                    continue
                asked.n += 1
                asked.first = min(asked.first or posted, posted)
                asked.last = max(asked.last, posted)
                if len(asked.rows) < REMEMBERED:
                    index = thousand * OUTCOMES_PER_KEY + place
                    found = read_record(blob[at : at + RECORD_BYTES], index)
                    if found and found.umid:
                        name = f"{lane.id}.{index}.{found.attempts}"
                        asked.rows.append(LogRow(name, found.umid, *[""] * 6))


async def _ask_details(desk: Desk, asked: Sequence[LogRow]) -> AsyncGenerator[Sequence[LogRow]]:
    """The statuses of messages, one message a second. One that is not found proves nothing."""
    for one in asked:
        try:
            steps = await desk.calls.details(one.umid)
        except NotFound:
            continue
        rows = []
        for step in steps:
            user = step.members.get("user")
            number = user.get("msisdn") if isinstance(user, dict) else None
            code = "" if step.error_code is None else str(step.error_code)
            row = LogRow(
                step.client_message_id or one.client_message_id,
                one.umid,
                *(step.state, step.detail, code, step.at, step.channel),
                number if isinstance(number, str) else "",
            )
            rows.append(row)
        yield [row for row in rows if row.client_message_id == one.client_message_id]
