"""Watching the journals: a lane whose number went back halts, and one that is gone is reported."""

from collections.abc import Mapping

import structlog

from store.lanes.lane import LaneStatus, move_lane, note_missing, read_journal, read_sent
from worker.batch import Tools
from worker.maintenance.due_lanes import by_hundred

log = structlog.get_logger(__name__)


async def check_journal(
    tools: Tools, lane: str, *, known: int, journal: int, ended: bool = False
) -> bool:
    """Hold an answer against what was known before the question was sent; False if the lane halts.

    Raises:
        StoreError: the lane should halt and could not.
    """
    if journal >= known:
        tools.journals.note(lane, journal, ended=ended)
        return True
    host = tools.owner.split(":")[0]
    reason = (
        "Redis came back from an older copy of its data: the lane's journal is at"
        f" {journal}, and the worker on {host} has seen {known}"
    )
    halted, status = await tools.store.run(move_lane(lane, "halt", reason, known=known))
    if halted:
        log.error("lane halted", lane=lane, journal=journal, known=known)
    if status.ended:
        tools.journals.forget(lane)
    return status is not LaneStatus.HALTED


async def watch_lanes(tools: Tools) -> None:
    """Look after the lanes that were seen and had not ended."""
    for lanes in by_hundred(tools.journals.unfinished()):
        before = [tools.journals.known(lane) for lane in lanes]
        found = await tools.store.run_all([read_journal(lane) for lane in lanes])
        for lane, known, (status, journal) in zip(lanes, before, found, strict=True):
            await _watch(tools, lane, known, status, journal)
        await _count_sent(tools, dict(zip(lanes, found, strict=True)))
    tools.journals.save_if_due()


async def _count_sent(tools: Tools, found: Mapping[str, tuple[LaneStatus, int]]) -> None:
    """Remember how many messages have gone out in lanes that have changed, in case Redis loses them."""
    changed = {
        lane: journal
        for lane, (status, journal) in found.items()
        if status is not LaneStatus.GONE and not tools.journals.is_counted(lane, journal)
    }
    counts = await tools.store.run_all([read_sent(lane) for lane in changed])
    for (lane, journal), sent in zip(changed.items(), counts, strict=True):
        tools.journals.note_sent(lane, journal, sent)


async def _watch(tools: Tools, lane: str, known: int, status: LaneStatus, journal: int) -> None:
    if status is LaneStatus.GONE:
        sent = tools.journals.sent(lane)
        log.error("a lane that had not ended is gone: Redis lost data", lane=lane, sent=sent)
        await tools.store.run(note_missing(lane, sent))
        tools.journals.forget(lane)
    elif status is not LaneStatus.HALTED:
        await check_journal(tools, lane, known=known, journal=journal, ended=status.ended)
