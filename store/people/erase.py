"""Erases the data about a person in lanes, inboxes and lists. Every step is idempotent."""

from collections.abc import Iterable
from itertools import groupby

from store.client import Call, Store, command, script_call, text
from store.keys import (
    OUTCOMES_PER_KEY,
    PEOPLE,
    LaneKeys,
    counted_marketing,
    lane_keys,
    lifted,
    shard_of,
    suppressed,
    unmarketed,
    unreachable,
    windows,
)
from store.lanes.held_jobs import EndedJob, Held, Place, end_jobs
from store.people.find import Body, Found
from store.people.forgotten import keep_forgotten
from store.people.person import Person
from store.people.recipients import erase_values
from store.people.service_windows import WHATSAPP
from store.people.suppressions import EVERYWHERE
from store.records.outcome import FORGOTTEN_AT, LocalReason, Origin, forgotten, head
from store.states import State

_ENDS = {
    Place.QUEUE: State.SKIPPED,
    Place.RETRY: State.SKIPPED,
    Place.IN_DOUBT: State.UNCONFIRMED,
    Place.DEAD: State.UNCONFIRMED,
}
"""The state that messages end in, by the place of their jobs."""


def erase_in_lane(store: Store, lane: str, found: Found, now: int) -> int:
    """Erase a person's data in a lane; returns the jobs that could not be erased now: they are in
    flight, or have moved meanwhile.

    Args:
        now: s since 1970, the end of messages that it ends.
    """
    keys, left = lane_keys(lane), 0
    in_air = {job.index for held in found.held if held.place is Place.CLAIMED for job in held.jobs}
    for held in found.held:
        if held.place is Place.CLAIMED or not store.run(end_jobs(keys, held, _ended(held, now))):
            left += len(held.jobs)
    everywhere = found.indexes | {job.index for held in found.held for job in held.jobs}
    erase_values(store, lane, everywhere)  # first: later their location is unknown
    for thousand, some in groupby(sorted(everywhere), key=lambda index: index // OUTCOMES_PER_KEY):
        for is_in_air, indexes in groupby(some, key=in_air.__contains__):
            store.run(erase_records(keys, thousand, list(indexes), now if is_in_air else 0))
    return left


def erase_body(body: Body) -> Call[int]:
    """Delete a webhook body; returns 0 if its entry has changed meanwhile."""
    keys = (body.key, f"{body.key}:figures") if body.kept == "inbox" else (body.key,)
    return script_call("erase_body", keys, (body.id, body.place), int)


def scopes_of_people(store: Store, sub_accounts: Iterable[str]) -> list[str]:
    """Sub-accounts that may hold data of people, and `EVERYWHERE`."""
    noted = store.run(command("HKEYS", PEOPLE, parse=lambda reply: [text(one) for one in reply]))
    parts = [name.split(":") for name in noted]
    found = {part[1] for part in parts if len(part) > 1}
    return sorted({*sub_accounts, *found, EVERYWHERE})


def read_suppressed(person: Person, scope: str) -> Call[str]:
    """A person's suppression as stored; empty for none."""
    return command("HGET", suppressed(scope, shard_of(person.who)), person.who, parse=text)


def forget_in_scope(store: Store, person: Person, digest: str, scope: str) -> int:
    """Delete the data about a person in a scope; the suppression is kept with the digest. Returns the
    number of deleted items."""
    shard, there = shard_of(person.who), -1
    touched = (
        suppressed(scope, shard),
        lifted(scope, shard),
        windows(scope, WHATSAPP, shard),
        unreachable(scope, shard),
        *unmarketed(scope, shard),
        *counted_marketing(scope, shard),
    )
    while there < 0:
        value = store.run(read_suppressed(person, scope))
        if value or scope == EVERYWHERE:
            store.run(keep_forgotten(digest, scope, value))
        there = store.run(script_call("forget_person", touched, (person.who, value), int))
    return there


def _ended(held: Held, now: int) -> list[EndedJob]:
    """The person's jobs, with records that hold no recipient."""
    state, code = _ENDS[held.place], (Origin.LOCAL, LocalReason.FORGOTTEN)
    return [
        EndedJob(
            job, forgotten(head(state, job.attempts, *code, 0, now, other_attempt=job.doubt > 0))
        )
        for job in held.jobs
    ]


def erase_records(
    keys: LaneKeys, thousand: int, indexes: list[int], in_air_since: int
) -> Call[int]:
    """Erase the recipients of these messages in a thousand.

    Args:
        in_air_since: s since 1970, if they are in flight: settling them will not write the recipients
            either.
    """
    blank = forgotten(b"\0" * FORGOTTEN_AT)[FORGOTTEN_AT:]
    fresh = b""
    if in_air_since:
        fresh = forgotten(head(State.TRIED, 0, Origin.NONE, 0, 0, in_air_since))
    places = [word for index in indexes for word in (index % OUTCOMES_PER_KEY, index)]
    touched = (f"{keys.outcomes}{thousand}", f"{keys.numbers}{thousand}", f"{keys.ids}{thousand}")
    return script_call("erase_records", touched, (FORGOTTEN_AT, blank, fresh, *places), int)
