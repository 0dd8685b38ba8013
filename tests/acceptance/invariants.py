"""Invariants of a lane at the end of a run, whatever happened to the processes."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import httpx

from store.client import Store, command, text
from store.keys import OUTCOMES_PER_KEY, lane_keys
from store.records.outcome import Outcome
from store.reports.lane_report import outcomes
from store.reports.recount import recount
from store.states import PROVIDER_HAS_IT, State

SHOWN = 3
MAY_HIDE_AN_ACCEPTANCE = (*PROVIDER_HAS_IT, State.UNCONFIRMED)


@dataclass(frozen=True)
class Expected:
    """A lane and what is known of it outside."""

    lane: str
    jobs: int  # that were acknowledged
    resends: bool  # its policies ask for it
    sandbox: str  # URL of its provider


@dataclass(frozen=True)
class Found:
    """Final figures of a lane."""

    states: Counter[State]
    doubled: int  # messages that the provider took more than once
    lost: int  # that are nowhere, or said to be accepted and never taken
    breaches: list[str]


def examine(store: Store, expected: Expected) -> Found:
    """Hold a lane that has ended against its own books and against the provider's."""
    counted = recount(store, expected.lane)
    taken = provider_has(expected.sandbox, expected.lane)
    records = {one.index: one for one in outcomes(store, expected.lane)}
    doubled = {index: times for index, times in taken.items() if times > 1}
    untaken = [i for i, one in records.items() if one.state in PROVIDER_HAS_IT and i not in taken]
    missing = expected.jobs - len(records)
    breaches = [
        *_if(not counted.balanced, f"the ledger does not balance: {counted}"),
        *_if(missing != 0, f"{missing} of {expected.jobs} jobs have no record"),
        *_if(counted.accepted_jobs != expected.jobs, f"it holds {counted.accepted_jobs} jobs"),
        *_shown("said to be accepted, never taken", untaken),
        *(_unasked(store, expected.lane, doubled) if expected.resends else _twice(doubled)),
        *_shown("taken, and said not to be", _denied(records, taken, expected)),
    ]
    states = Counter(one.state for one in records.values())
    named = [f"{expected.lane}: {breach}" for breach in breaches]
    return Found(states, len(doubled), max(0, missing) + len(untaken), named)


def provider_has(sandbox: str, lane: str) -> dict[int, int]:
    """Index → how often the provider took it."""
    lines = httpx.get(
        f"{sandbox}/sandbox/ledger/messages", params={"lane": lane}, timeout=60
    ).text.splitlines()
    entries = (line.strip("[]").split(",") for line in lines)
    return {int(stem.strip('"').split(".")[1]): int(times) for stem, times in entries}


def _twice(doubled: dict[int, int]) -> Iterator[str]:
    yield from _shown("taken more than once though doubt holds", list(doubled))


def _unasked(store: Store, lane: str, doubled: dict[int, int]) -> Iterator[str]:
    """Those taken more often than there were doubts about them that the policy answers with a resend."""
    doubts = _doubts(store, lane, {index // OUTCOMES_PER_KEY for index in doubled})
    unasked = [index for index, times in doubled.items() if times - 1 > doubts[index]]
    yield from _shown("taken again and no doubt in the trail", unasked)


def _denied(records: dict[int, Outcome], taken: dict[int, int], expected: Expected) -> list[int]:
    if expected.resends:  # a later attempt may have been refused
        return []
    return [
        index
        for index in taken
        if index in records and records[index].state not in MAY_HIDE_AN_ACCEPTANCE
    ]


def _doubts(store: Store, lane: str, buckets: set[int]) -> Counter[int]:
    """Index → entries of its attempt log, for these thousands."""
    found: Counter[int] = Counter()
    for bucket in buckets:
        key = lane_keys(lane).attempt_log(bucket * OUTCOMES_PER_KEY)
        for entry in store.run(command("LRANGE", key, 0, -1, parse=list)):
            for part in text(entry).split(" ", 1)[0].split(","):
                first, _, last = part.partition("-")
                found.update(range(int(first), int(last or first) + 1))
    return found


def _if(is_so: bool, what: str) -> Iterator[str]:
    if is_so:
        yield what


def _shown(what: str, indexes: list[int]) -> Iterator[str]:
    if indexes:
        some = ", ".join(map(str, sorted(indexes)[:SHOWN]))
        yield f"{len(indexes)} messages {what}: {some} …"
