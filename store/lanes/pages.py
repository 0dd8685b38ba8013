"""Pages of the list of lanes: newest first, stable while lanes come and go."""

import hashlib
from dataclasses import dataclass
from typing import Any, Final

from store.client import Call, Store, command, text
from store.keys import LANES

_VEIL: Final = "~"


@dataclass(frozen=True, slots=True)
class LanePlace:
    """A position in the list: behind this lane."""

    opened_at: int  # ms
    lane: str


def veiled(place: LanePlace, key: bytes) -> LanePlace:
    """The same position without the lane's id, which holds a name: for callers that may not see the
    lane."""
    digest = hashlib.blake2s(place.lane.encode(), digest_size=8, key=key).hexdigest()
    return LanePlace(place.opened_at, f"{_VEIL}{digest}")


def lanes_after(
    store: Store, place: LanePlace | None, most: int, key: bytes = b""
) -> list[LanePlace]:
    """At most `most` lanes behind a position; lanes opened since are before it.

    Args:
        key: with which the position was veiled, if it was.
    """
    first = 0 if place is None else _rank(store, place, key)
    return store.run(
        command("ZREVRANGE", LANES, first, first + most - 1, "WITHSCORES", parse=_places)
    )


def _rank(store: Store, place: LanePlace, key: bytes) -> int:
    rank = store.run(_ranked(place.lane))
    if rank is not None:
        return rank + 1
    # the lane is gone: behind those opened later, and those of the same moment that sort higher
    at = place.opened_at
    later = store.run(command("ZCOUNT", LANES, f"({at}", "+inf", parse=int))
    beside = store.run(command("ZREVRANGEBYSCORE", LANES, at, at, parse=_texts))
    if place.lane.startswith(_VEIL):
        veils = [veiled(LanePlace(at, lane), key) for lane in beside]
        return later + (veils.index(place) + 1 if place in veils else 0)
    return later + sum(lane > place.lane for lane in beside)


def _ranked(lane: str) -> Call[int | None]:
    return command(
        "ZREVRANK", LANES, lane, parse=lambda reply: None if reply is None else int(reply)
    )


def _texts(reply: Any) -> list[str]:
    return [text(one) for one in reply]


def _places(reply: Any) -> list[LanePlace]:
    pairs = (
        reply
        if reply and isinstance(reply[0], (list, tuple))
        else zip(reply[::2], reply[1::2], strict=True)
    )
    return [LanePlace(int(float(score)), text(lane)) for lane, score in pairs]
