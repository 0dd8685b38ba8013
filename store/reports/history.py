"""Times of POSTs and state changes of a lane's messages, read from their records."""

from collections import Counter
from typing import Final, NamedTuple

from store.client import Store, command
from store.keys import OUTCOMES_PER_KEY, lane_keys
from store.lanes.lane import Lane
from store.records.outcome import RECORD
from store.states import BY_MARK, State

MOST_KEYS: Final = 200
"""Strings of a thousand records to read; of a larger lane every n-th."""


class History(NamedTuple):
    """Messages by second (s since 1970)."""

    posted: Counter[int]
    reached: Counter[tuple[int, State]]
    sampled: float  # share of the records read


def read_history(store: Store, lane: Lane) -> History:
    """The history of a lane."""
    keys, every = lane_keys(lane.id), range(0, lane.next_index, OUTCOMES_PER_KEY)
    step = -(-len(every) // MOST_KEYS) or 1
    posted: Counter[int] = Counter()
    reached: Counter[tuple[int, str]] = Counter()
    for first in every[::step]:
        blob = store.run(command("GET", keys.outcome(first), parse=lambda reply: reply or b""))
        records = list(RECORD.iter_unpack(blob[: len(blob) // RECORD.size * RECORD.size]))
        posted.update(one[4] for one in records if one[4])
        reached.update((one[5], one[0].decode()) for one in records if one[0] != b"\0")
    counted = {
        (at, row.state): n
        for (at, mark), n in reached.items()
        if (row := BY_MARK.get(mark)) is not None and row.counted
    }
    sampled = len(every[::step]) / len(every) if every else 1.0
    return History(posted, Counter(counted), sampled)
