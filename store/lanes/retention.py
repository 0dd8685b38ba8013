"""Retention of ended lanes: an index by the time of their end, and removal with all keys in small
steps."""

from collections.abc import Sequence
from typing import Any

from store.client import Call, Store, best_effort, command, first, script_call, text
from store.keys import ACTIVE, ENDED, LANES, OUTCOMES_PER_KEY, lane_keys, lanes_called
from store.lanes.lane import Lane, LaneStatus
from store.plans import Plan, ask, carry_out

KEYS_A_STEP = 500
"""Most keys that one step removes, so that a step stays short."""


def note_ended(lane: Lane) -> Call[None]:
    """Record the end of a lane."""
    return best_effort("ZADD", ENDED, lane.finished_at, lane.id, parse=_nothing)


def expire_values(lane: Lane, seconds: int) -> list[Call[bool]]:
    """Let the kept values of a lane expire after so many seconds."""
    thousands = range(-(-lane.next_index // OUTCOMES_PER_KEY)) if lane.kind == "campaign" else ()
    prefix = lane_keys(lane.id).values
    return [command("EXPIRE", f"{prefix}{one}", seconds, parse=bool) for one in thousands]


def ended_before(time_ms: int, *, since: int = 0, most: int = 10) -> Call[list[str]]:
    """Lanes that ended before a time by Redis' clock, the oldest first; -1: all."""
    return command(
        "ZRANGEBYSCORE", ENDED, since, f"({time_ms}", "LIMIT", 0, most,
        parse=lambda reply: [text(lane) for lane in reply],
    )  # fmt: skip


def holder_of(name: str, sub_account: str) -> Call[str]:
    """The campaign of the sub-account with this name; empty for none."""
    return command("HGET", lanes_called(name), sub_account, parse=text)


def free_name(name: str, sub_account: str) -> Call[None]:
    """Let another campaign of the sub-account take the name."""
    return command("HDEL", lanes_called(name), sub_account, parse=_nothing)


def expire_step(lane: str, *, most: int = KEYS_A_STEP) -> Call[int]:
    """Start or continue the removal of an ended lane; returns the numbered keys that are left.

    The first step deletes what makes the lane visible. -1: the lane has not ended.
    """
    keys = lane_keys(lane)
    prefixes = (keys.outcomes, keys.attempt_logs, keys.ids, keys.numbers, keys.values)
    fixed = (
        keys.meta, keys.counts, keys.codes, keys.stats, keys.dead, keys.expiring, keys.outbox, keys.tags,
        keys.tagged,
    )  # fmt: skip

    def remove(left: int) -> Call[int] | int:
        if left <= 0:
            return left
        thousands = range(max(0, left - max(1, most // len(prefixes))), left)
        numbered = [f"{prefix}{thousand}" for thousand in thousands for prefix in prefixes]
        args = (OUTCOMES_PER_KEY, left, len(thousands))
        return script_call(
            "expire_lane",
            (*fixed, *numbered),
            args,
            lambda reply: int(reply[0]) * len(prefixes),
        )

    ask = script_call("expire_lane", fixed, (OUTCOMES_PER_KEY, "", 0), lambda reply: int(reply[0]))
    return first(ask, remove)


def discard_campaign(store: Store, lane: Lane) -> bool:
    """Remove a campaign whose file is not loaded, and free its name; False if messages may have been
    sent."""
    return carry_out(store, discarding(lane))


def discarding(lane: Lane, files: Sequence[str] = ()) -> Plan[bool]:
    """The steps of `discard_campaign`; of a draft with the keys of its kept files."""
    keys = lane_keys(lane.id)
    touched = (keys.meta, keys.counts, keys.queue, keys.expiring, *files)
    args = (OUTCOMES_PER_KEY, "draft" if lane.status is LaneStatus.DRAFT else "")
    if not (
        yield from ask(script_call("discard_lane", touched, args, lambda reply: reply[0] == 1))
    ):
        return False
    # in case of a crash
    yield from ask(best_effort("ZADD", ENDED, 1, lane.id, parse=_nothing))
    if (yield from ask(holder_of(lane.name, lane.sub_account))) == lane.id:
        yield from ask(free_name(lane.name, lane.sub_account))
    yield from ask(forget_listed(lane.id))
    yield from ask(command("SREM", ACTIVE, lane.id, parse=_nothing))
    while (yield from ask(expire_step(lane.id))) > 0:
        pass
    yield from ask(forget_ended(lane.id))
    return True


def forget_listed(lane: str) -> Call[None]:
    """Remove the lane from the list of all lanes."""
    return command("ZREM", LANES, lane, parse=_nothing)


def forget_ended(lane: str) -> Call[None]:
    """Remove the lane from the index of ended ones, after its last step."""
    return command("ZREM", ENDED, lane, parse=_nothing)


def _nothing(_: Any) -> None:
    return None
