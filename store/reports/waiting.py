"""What things wait for, and until when: questions that people ask. Nothing here changes anything."""

import math
from dataclasses import dataclass
from typing import Any

from store.client import Call, Store, command, text
from store.keys import lane_keys, limiter
from store.lanes.lane import Lane
from store.limits.breakers import WHOLE, Breaker, read_breakers, scopes_of
from store.limits.stops import Stop, read_stops, stop_of
from store.limits.unreached import Unreached, read_unreached
from store.queue.dead_letters import count_entries
from store.queue.enqueue import STRETCH
from store.records.job_section import unpack
from store.workers.presence import running_loops


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why messages of a lane may have to wait. Times are Redis' clock in ms; None = no such thing."""

    now: int
    loops: int  # dispatchers that are running and serve its priority, over all workers
    blocked_until: int | None  # the sub-account: the provider has asked for a pause
    next_retry: int | None
    next_decision: int | None  # about messages that were posted without a trustworthy answer
    kept: bool = False  # jobs lie on the dead letters, for an operator's decision
    unreached: tuple[Unreached, ...] = ()  # hosts from which requests are not sent
    breakers: tuple[Breaker, ...] = ()  # of its sub-account, that are open
    scopes: tuple[str, ...] = ()  # of those, that hold up all of the lane beside the sub-account's
    stop: Stop | None = None  # an operator has stopped all sending, or that of such lanes

    @property
    def held_by(self) -> Breaker | None:
        """The breaker that holds up all of the lane; the one that lasts if there are two."""
        found = [one for one in self.breakers if one.scope in (*WHOLE, *self.scopes)]
        return max(found, key=lambda one: one.probe_at or math.inf, default=None)


def waiting(store: Store, lane: Lane) -> Waiting:
    """Read what a lane may be waiting for."""
    keys, now = lane_keys(lane.id), store.run(now_ms())
    blocked = store.run(_blocked_until(lane.sub_account))
    held = store.run(read_breakers(lane.sub_account))
    return Waiting(
        now=now,
        loops=sum(store.run(loops) for loops in running_loops(now, serve=lane.priority)),
        blocked_until=blocked if blocked > now else None,
        next_retry=store.run(_first(keys.retries)),
        next_decision=store.run(_first(keys.in_doubt)),
        kept=store.run(count_entries(lane.id)) > 0,
        unreached=store.run(read_unreached(lane.sub_account, now // 1000)),
        breakers=tuple(held),
        scopes=scopes_of(lane),
        stop=stop_of(store.run(read_stops()), lane),
    )


def now_ms() -> Call[int]:
    """Redis' clock, in ms since 1970."""
    return command("TIME", parse=lambda reply: int(reply[0]) * 1000 + int(reply[1]) // 1000)


def _blocked_until(sub_account: str) -> Call[int]:
    return command(
        "HGET", limiter(sub_account), "blocked_until", parse=lambda reply: int(reply or 0) // 1000
    )


def _first(zset: str) -> Call[int | None]:
    return command("ZRANGE", zset, 0, 0, "WITHSCORES", parse=_score)


def _score(reply: Any) -> int | None:
    if not reply:
        return None
    pair = reply[0] if isinstance(reply[0], (list, tuple)) else reply
    return int(float(pair[1]))


def scheduled_for(store: Store, lane: str, index: int) -> int | None:
    """When a message that waits for its time may go, ms since 1970; None if it lies in no such
    retry batch."""
    keys = lane_keys(lane)
    ending = f"-{index // STRETCH}"
    for retry in store.run(command("ZRANGE", keys.retries, 0, -1, parse=_texts)):
        if retry.endswith(ending):
            blob = store.run(command("GET", keys.retry(retry), parse=lambda reply: reply or b""))
            if any(job.index == index for job in unpack(blob)):
                return int(retry.split("-")[0]) * 1000
    return None


def _texts(reply: Any) -> list[str]:
    return [text(item) for item in reply]
