"""Reasons why messages wait, and for how long. Only reads."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from store.client import Call, Store, command, text
from store.keys import OUTCOMES_PER_KEY, lane_keys, limiter
from store.lanes.lane import HELD_UNTIL_MS, Lane
from store.limits.breakers import WHOLE, Breaker, read_breakers, scopes_of
from store.limits.learned import Learned, read_learned
from store.limits.stops import Stop, read_stops, stop_of
from store.limits.unreached import Unreached, read_unreached
from store.queue.dead_letters import count_entries
from store.queue.settlement import PUT_OFF, WaitCause
from store.records.job_section import unpack
from store.workers.presence import running_loops


class Span(NamedTuple):
    """Times of the first and the last message, ms since 1970."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """Reasons why messages of a lane wait. Times are Redis' clock in ms; None = none."""

    now: int
    loops: int  # running dispatchers that serve its priority, over all workers
    blocked_until: int | None  # end of the sub-account's pause after a 429
    next_retry: int | None
    next_decision: int | None  # about messages in doubt
    kept: bool = False  # dead letters exist, for an operator's decision
    unreached: tuple[Unreached, ...] = ()  # hosts that do not reach the provider
    breakers: tuple[Breaker, ...] = ()  # open breakers of its sub-account
    scopes: tuple[str, ...] = ()  # breakers that hold up all of the lane besides the sub-account's
    stop: Stop | None = None  # an operator's stop that covers this lane
    learned: Learned | None = None  # the learned rate of its sub-account
    put_off: Mapping[WaitCause, Span] = field(default_factory=dict)  # people may not get them yet

    @property
    def held_by(self) -> Breaker | None:
        """The breaker that holds up all of the lane; of two the longer one."""
        found = [one for one in self.breakers if one.scope in (*WHOLE, *self.scopes)]
        return max(found, key=lambda one: one.probe_at or math.inf, default=None)


def waiting(store: Store, lane: Lane) -> Waiting:
    """Read the reasons why a lane waits."""
    keys, now = lane_keys(lane.id), store.run(now_ms())
    blocked = store.run(_blocked_until(lane.sub_account))
    held, retry = store.run(read_breakers(lane.sub_account)), store.run(_first(keys.retries))
    return Waiting(
        now=now,
        loops=sum(store.run(loops) for loops in running_loops(now, serve=lane.priority)),
        blocked_until=blocked if blocked > now else None,
        next_retry=retry if retry and retry < HELD_UNTIL_MS else None,
        next_decision=store.run(_first(keys.in_doubt)),
        kept=store.run(count_entries(lane.id)) > 0,
        unreached=store.run(read_unreached(lane.sub_account, now // 1000)),
        breakers=tuple(held),
        scopes=scopes_of(lane),
        stop=stop_of(store.run(read_stops()), lane),
        learned=store.run(read_learned(lane.sub_account)).learned,
        put_off=store.run(read_put_off(lane.id)) if lane.hours_revision else {},
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


class Scheduled(NamedTuple):
    """The time at which a message goes, ms since 1970."""

    at: int
    cause: WaitCause | None  # why its recipient may not get it yet; None: the time was given


def scheduled_for(store: Store, lane: str, index: int) -> Scheduled | None:
    """Due time of a message that waits for a time; None if it is in no such retry batch."""
    keys = lane_keys(lane)
    ending = f"-{index // OUTCOMES_PER_KEY}"
    for retry in store.run(command("ZRANGE", keys.retries, 0, -1, parse=_texts)):
        if retry.endswith(ending):
            blob = store.run(command("GET", keys.retry(retry), parse=lambda reply: reply or b""))
            if any(job.index == index for job in unpack(blob)):
                return Scheduled(*_parts(retry))
    return None


def read_put_off(lane: str) -> Call[Mapping[WaitCause, Span]]:
    """The causes for which people may not get messages yet, and until when."""

    def parse(reply: Any) -> Mapping[WaitCause, Span]:
        found = dict[WaitCause, Span]()
        for due, cause in map(_parts, filter(_is_put_off, _texts(reply))):
            assert cause is not None
            before = found.get(cause, Span(due, due))
            found[cause] = Span(min(due, before.first), max(due, before.last))
        return found

    return command("ZRANGE", lane_keys(lane).retries, 0, -1, parse=parse)


def _is_put_off(retry: str) -> bool:
    return retry.startswith(PUT_OFF)


def _parts(retry: str) -> tuple[int, WaitCause | None]:
    """The due time of a retry batch in ms since 1970, and its cause."""
    cause, due = re.findall(rf"^{PUT_OFF}?(\D?)(\d+)-", retry)[0]
    return int(due) * 1000, WaitCause(cause) if _is_put_off(retry) else None


def _texts(reply: Any) -> list[str]:
    return [text(item) for item in reply]
