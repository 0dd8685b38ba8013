"""The list of lanes, a page at a time: newest first, and stable while lanes come and go."""

from dataclasses import dataclass
from typing import Any

from store.calls import Call, Store, command, text
from store.keys import LANES


@dataclass(frozen=True, slots=True)
class LanePlace:
    """A place in the list: behind this lane."""

    opened_at: int  # ms
    lane: str


def lanes_after(store: Store, place: LanePlace | None, most: int) -> list[LanePlace]:
    """At most so many lanes behind a place; those that were opened since are before it."""
    first = 0 if place is None else _rank(store, place)
    return store.run(
        command("ZREVRANGE", LANES, first, first + most - 1, "WITHSCORES", parse=_places)
    )


def _rank(store: Store, place: LanePlace) -> int:
    rank = store.run(_ranked(place.lane))
    if rank is not None:
        return rank + 1
    # it is gone: behind those that were opened later, and those at the same moment that sort higher
    at = place.opened_at
    later = store.run(command("ZCOUNT", LANES, f"({at}", "+inf", parse=int))
    beside = store.run(
        command("ZRANGEBYSCORE", LANES, at, at, parse=lambda reply: map(text, reply))
    )
    return later + sum(lane > place.lane for lane in beside)


def _ranked(lane: str) -> Call[int | None]:
    return command(
        "ZREVRANK", LANES, lane, parse=lambda reply: None if reply is None else int(reply)
    )


def _places(reply: Any) -> list[LanePlace]:
    pairs = (
        reply
        if reply and isinstance(reply[0], (list, tuple))
        else zip(reply[::2], reply[1::2], strict=True)
    )
    return [LanePlace(int(float(score)), text(lane)) for lane, score in pairs]
