"""Recounts a lane from its records and jobs, and compares with its figures."""

from collections import Counter
from dataclasses import dataclass

from store.client import Store, command
from store.keys import OUTCOMES_PER_KEY, lane_keys
from store.records.outcome import RECORD_BYTES, Doubt, codes_in, doubts_in, people_in_doubt
from store.reports.lane_report import report, waiting_jobs
from store.states import BY_MARK, RECORD_STATES, State

SHOWN = 100
_IS_FINAL = bytes(int(chr(code) in BY_MARK and BY_MARK[chr(code)].counted) for code in range(256))
"""Translates a mark to 1 if the record, not the job, holds the message's state."""


@dataclass(frozen=True, slots=True)
class Recount:
    """A recounted lane."""

    found: dict[State, int]
    counted: dict[State, int]  # the lane's own counts
    accepted_jobs: int
    missing: tuple[int, ...]  # indexes found nowhere (the first hundred)
    doubled: tuple[int, ...]  # indexes found in two places (the first hundred)
    codes_found: dict[str, int]  # `state:origin:code` → messages
    codes_counted: dict[str, int]
    doubts_found: dict[State, int]  # messages with another attempt that may have arrived
    doubts_counted: dict[State, int]

    @property
    def in_doubt(self) -> dict[Doubt, int]:
        """Number of people who may have received more than the states of their messages say."""
        return people_in_doubt(self.found, self.doubts_found)

    @property
    def balanced(self) -> bool:
        """True when every message is in exactly one place, and all figures agree."""
        streak = (
            self.found == self.counted
            and self.codes_found == self.codes_counted
            and self.doubts_found == self.doubts_counted
        )
        return streak and not self.missing and not self.doubled


def recount(store: Store, lane_id: str) -> Recount:
    """Recount a lane from its records and jobs; exact when nothing changes meanwhile.

    Raises:
        UnknownLane: there is no such lane.
    """
    before = report(store, lane_id)
    size = before.lane.next_index
    found, codes, doubts = Counter[State](), Counter[str](), Counter[State]()
    places = bytearray(size)
    for first in range(0, size, OUTCOMES_PER_KEY):
        blob = store.run(
            command("GET", lane_keys(lane_id).outcome(first), parse=lambda reply: reply or b"")
        )
        marks = blob[::RECORD_BYTES][: size - first]
        places[first : first + len(marks)] = marks.translate(_IS_FINAL)
        found.update(_final_states(marks))
        codes += codes_in([blob])
        doubts += doubts_in([blob])
    for state, job in waiting_jobs(store, lane_id):
        if job.index >= size:  # added since the lane was read
            continue
        found[state] += 1
        places[job.index] = min(255, places[job.index] + 1)
    missing = tuple(index for index, n in enumerate(places) if n == 0)[:SHOWN]
    doubled = tuple(index for index, n in enumerate(places) if n > 1)[:SHOWN]
    return Recount(
        dict(found), before.counts, size, missing, doubled,
        dict(codes), before.codes, dict(doubts), before.doubts,
    )  # fmt: skip


def _final_states(marks: bytes) -> dict[State, int]:
    return {
        row.state: n
        for row in RECORD_STATES
        if row.counted and (n := marks.count(row.mark.encode()))
    }
