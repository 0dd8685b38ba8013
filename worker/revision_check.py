"""Checks revisions: a lane whose revision went back is halted, a missing one is reported."""

from collections.abc import Mapping

import structlog

from store.batched import by_hundred
from store.lanes.lane import LaneStatus, move_lane, note_missing, read_revision, read_sent
from worker.batch import Tools

log = structlog.get_logger(__name__)


async def check_revision(
    tools: Tools, lane: str, *, known: int, revision: int, ended: bool = False
) -> bool:
    """Compare a revision with the one known before the call was sent; False if the lane halts.

    Raises:
        StoreError: the lane should halt and could not.
    """
    if revision >= known:
        tools.revisions.note(lane, revision, ended=ended)
        return True
    host = tools.owner.split(":")[0]
    reason = (
        "Redis came back from an older copy of its data: the lane is at revision"
        f" {revision}, and the worker on {host} has seen {known}"
    )
    halted, status = await tools.store.run(move_lane(lane, "halt", reason, known=known))
    if halted:
        log.error("lane_halted", lane=lane, revision=revision, known=known)
    if status.ended:
        tools.revisions.forget(lane)
    return status is not LaneStatus.HALTED


async def watch_lanes(tools: Tools) -> None:
    """Check known lanes that had not ended."""
    for lanes in by_hundred(tools.revisions.unfinished()):
        before = [tools.revisions.known(lane) for lane in lanes]
        found = await tools.store.run_all([read_revision(lane) for lane in lanes])
        for lane, known, (status, revision) in zip(lanes, before, found, strict=True):
            await _watch(tools, lane, known, status, revision)
        await _count_sent(tools, dict(zip(lanes, found, strict=True)))
    tools.revisions.save_if_due()


async def _count_sent(tools: Tools, found: Mapping[str, tuple[LaneStatus, int]]) -> None:
    """Remember the number of sent messages in changed lanes, in case Redis loses them."""
    changed = {
        lane: revision
        for lane, (status, revision) in found.items()
        if status is not LaneStatus.GONE and not tools.revisions.is_counted(lane, revision)
    }
    counts = await tools.store.run_all([read_sent(lane) for lane in changed])
    for (lane, revision), sent in zip(changed.items(), counts, strict=True):
        tools.revisions.note_sent(lane, revision, sent)


async def _watch(tools: Tools, lane: str, known: int, status: LaneStatus, revision: int) -> None:
    if status is LaneStatus.GONE:
        sent = tools.revisions.sent(lane)
        log.error("lane_lost", lane=lane, sent=sent)
        await tools.store.run(note_missing(lane, sent))
        tools.revisions.forget(lane)
    elif status is not LaneStatus.HALTED:
        await check_revision(tools, lane, known=known, revision=revision, ended=status.ended)
