"""Gauges for `/metrics`: lanes, dispatchers, pauses, the inbox, subscriptions. Only reads.

The lanes that have not ended are read in pieces, each in one round trip; a thousand of them take a few
milliseconds of the server.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from store.client import AsyncStore, Call, Store, ask_server, command, text
from store.errors import StoreFault
from store.keys import ACTIVE, ENDED, LANES, lane_keys, limiter
from store.lanes.lane import LaneStatus, Priority, newest_lanes, read_counts, still_open
from store.limits.breakers import Breaker, read_breakers
from store.limits.learned import Learned, read_learned
from store.limits.stops import Stop, read_stops
from store.receipts.inbox import InboxFigures, read_inbox_figures
from store.reports.waiting import now_ms
from store.states import OPEN_STATES, State
from store.subscriptions.subscription import list_subscriptions, oldest_unread
from store.workers.presence import active_lanes, loops_by_kind

AT_ONCE = 250
"""Lanes of one round trip."""
MOST_LANES = 2_000
"""Newest lanes whose unconfirmed messages are summed."""


@dataclass(frozen=True, slots=True)
class LaneNow:
    """A lane that has not ended."""

    id: str
    sub_account: str
    priority: Priority
    status: LaneStatus
    accepted: int  # jobs it has ever taken
    open: dict[State, int]  # unfinished messages, by state

    @property
    def gone(self) -> int:
        """Jobs that have left its queue, minus those that came back."""
        return self.accepted - self.open[State.QUEUED]


@dataclass(frozen=True, slots=True)
class Gauges:
    """All gauges, read at about one moment."""

    now_ms: int  # Redis' clock
    lanes: Sequence[LaneNow]
    loops: dict[str, int]  # kind of dispatcher → number running; `` serves all priorities
    blocked_until_ms: dict[str, int]  # sub-account → end of the pause after a 429
    learned: dict[str, Learned]  # sub-account → rate, where it is learned
    breakers: Sequence[Breaker]
    stops: Sequence[Stop]
    inbox: InboxFigures
    unconfirmed: dict[str, int]  # sub-account → messages, of lanes that have ended, too
    lags: Mapping[tuple[str, str], float]  # sub-account, subscription → s behind the stream


async def read_gauges(store: AsyncStore, sub_accounts: Iterable[str]) -> Gauges:
    """Read the gauges.

    Raises:
        StoreError: they cannot be read now.
    """
    names, now = list(sub_accounts), await store.run(now_ms())
    kinds = loops_by_kind(now)
    loops = await store.run_all(list(kinds.values()))
    blocked = await store.run_all([_blocked_until(name) for name in names])
    breakers = await store.run_all([read_breakers(name) for name in names])
    learned = await store.run_all([read_learned(name) for name in names])
    return Gauges(
        now_ms=now,
        lanes=await _read_lanes(store),
        loops=dict(zip(kinds, loops, strict=True)),
        blocked_until_ms=dict(zip(names, blocked, strict=True)),
        learned={
            name: known.learned for name, known in zip(names, learned, strict=True) if known.learned
        },
        breakers=list(chain.from_iterable(breakers)),
        stops=await store.run(read_stops()),
        inbox=await store.run(read_inbox_figures()),
        unconfirmed=await _read_unconfirmed(store),
        lags=await _read_lags(store, now),
    )


async def _read_unconfirmed(store: AsyncStore) -> Counter[str]:
    ids, sums = await store.run(newest_lanes(MOST_LANES)), Counter[str]()
    for first in range(0, len(ids), AT_ONCE):
        part = ids[first : first + AT_ONCE]
        found = zip(part, await store.run_all([_unconfirmed(lane) for lane in part]), strict=True)
        having = {lane: n for lane, n in found if n}
        owners = await store.run_all([_owner(lane) for lane in having])
        for owner, n in zip(owners, having.values(), strict=True):
            sums[owner] += n
    return sums


async def _read_lags(store: AsyncStore, now: int) -> dict[tuple[str, str], float]:
    every = await store.run(list_subscriptions())
    oldest = await store.run_all([oldest_unread(one) for one in every])
    return {
        (one.sub_account, one.id): max(0, now - came) / 1000 if came else 0.0
        for one, came in zip(every, oldest, strict=True)
    }


async def _read_lanes(store: AsyncStore) -> list[LaneNow]:
    ids = await store.run(active_lanes())
    found: list[LaneNow] = []
    for first in range(0, len(ids), AT_ONCE):
        part = ids[first : first + AT_ONCE]
        calls: list[Call[Any]] = [call for lane in part for call in (_meta(lane), _counts(lane))]
        found.extend(_lanes(part, await store.run_all(calls)))
    return found


def _lanes(ids: Sequence[str], replies: Sequence[Any]) -> Iterator[LaneNow]:
    for lane, meta, counts in zip(ids, replies[::2], replies[1::2], strict=True):
        sub_account, priority, status, accepted = (text(value) for value in meta)
        if status:  # else it was removed meanwhile
            open_ = {state: int(n or 0) for state, n in zip(OPEN_STATES, counts, strict=True)}
            yield LaneNow(
                lane, sub_account, Priority(priority), LaneStatus(status), int(accepted or 0), open_
            )


def _meta(lane: str) -> Call[Any]:
    fields = ("sub_account", "priority", "status", "next")
    return command("HMGET", lane_keys(lane).meta, *fields, parse=list)


def _counts(lane: str) -> Call[Any]:
    return command("HMGET", lane_keys(lane).counts, *OPEN_STATES, parse=list)


def _unconfirmed(lane: str) -> Call[int]:
    return command(
        "HGET", lane_keys(lane).counts, State.UNCONFIRMED, parse=lambda reply: int(reply or 0)
    )


def _owner(lane: str) -> Call[str]:
    return command("HGET", lane_keys(lane).meta, "sub_account", parse=text)


def _blocked_until(sub_account: str) -> Call[int]:
    return command(
        "HGET", limiter(sub_account), "blocked_until", parse=lambda reply: int(reply or 0) // 1000
    )


def read_memory() -> Call[tuple[int, int]]:
    """Bytes that Redis uses, and its limit; 0 = unknown, or none."""
    return ask_server(
        "INFO",
        "memory",
        parse=lambda found: (int(found.get("used_memory", 0)), int(found.get("maxmemory", 0))),
    )


@dataclass(frozen=True, slots=True)
class Holdings:
    """Figures of the whole store."""

    active: int  # lanes
    ended: int  # lanes, to be removed after the retention
    waiting: int  # messages that are not finished
    finished: int  # messages with a record
    used: int  # bytes, as Redis reports; 0 = unknown
    limit: int  # bytes; 0 = none

    @property
    def bytes_per_message(self) -> int | None:
        """Used memory divided by the number of messages; None without messages."""
        messages = self.waiting + self.finished
        return round(self.used / messages) if messages and self.used else None


def holdings(store: Store) -> Holdings:
    """Count the contents of Redis; one query per lane."""
    waiting = messages = 0
    for lane in store.run(command("ZRANGE", LANES, 0, -1, parse=list)):
        counts = store.run(read_counts(text(lane)))
        waiting += still_open(counts)
        messages += sum(counts.values())
    memory = [_memory(server) for server in store.servers()]
    return Holdings(
        active=store.run(command("SCARD", ACTIVE, parse=int)),
        ended=store.run(command("ZCARD", ENDED, parse=int)),
        waiting=waiting,
        finished=messages - waiting,
        used=sum(int(one.get("used_memory", 0)) for one in memory),
        limit=sum(int(one.get("maxmemory", 0)) for one in memory),
    )


def _memory(store: Store) -> dict[str, Any]:
    """Empty if the server refuses the query."""
    try:
        return store.run(ask_server("INFO", "memory", parse=dict))
    except StoreFault:
        return {}
