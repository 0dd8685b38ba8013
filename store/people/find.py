"""Finds a person's data in lanes and inboxes. Each call takes a few milliseconds of the server."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from store.client import Call, Store, command, script_call, text
from store.keys import (
    ACTIVE,
    ASIDE,
    ENDED,
    LANES,
    OUTCOMES_PER_KEY,
    LaneKeys,
    inbox,
    lane_keys,
    person_events,
    shard_of,
)
from store.lanes.held_jobs import Held, Place
from store.lanes.lane import Lane, read_lane
from store.people.person import Person
from store.receipts.inbox import inbox_numbers, split_bodies
from store.records.job_section import unpack
from store.records.outcome import NUMBER_AT

THOUSANDS = 50
"""Thousands of messages that one call searches: some 10 ms of the server."""
VALUES = 50
"""Packed values that one call searches."""
ENTRIES = 50
"""Entries of bodies that one call searches, or half a megabyte and one of 4 MiB: 50 ms of the server."""

GoOn = Callable[[int], None]
"""Called with the number of thousands of messages searched."""


@dataclass(slots=True)
class Found:
    """A person's data in a lane."""

    indexes: set[int] = field(default_factory=set)  # messages with a record, number or long id
    held: list[Held] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Body:
    """A webhook body that names the person, or an event of the person."""

    key: str
    kept: str  # inbox: a worker has to apply it; aside, events
    id: str  # of the entry; begins with the ms since 1970 when it was stored
    place: int  # in the entry
    body: bytes


def all_lanes(store: Store) -> Iterator[Lane]:
    """Every lane, ended or not."""
    names: dict[str, None] = {}
    for words in (("ZRANGE", LANES, 0, -1), ("ZRANGE", ENDED, 0, -1), ("SMEMBERS", ACTIVE)):
        names |= dict.fromkeys(store.run(command(*words, parse=_texts)))
    for name in names:
        lane = store.run(read_lane(name))
        if lane is not None:
            yield lane


def find_in_lane(
    store: Store, lane: Lane, person: Person, go_on: GoOn, *, look_into_jobs: bool = False
) -> Found:
    """Search a lane for a person.

    Args:
        look_into_jobs: also search jobs whose messages have no number of the person.
    """
    keys, found = lane_keys(lane.id), Found()
    thousands = range(-(-lane.next_index // OUTCOMES_PER_KEY))
    for begin in range(0, len(thousands), THOUSANDS):
        some = thousands[begin : begin + THOUSANDS]
        indexes = store.run(_find_records(keys, some, person))
        found.indexes.update(indexes)
        go_on(len(some))
    if lane.kind != "campaign" or found.indexes or look_into_jobs:
        for place, id_, key, value in _values(store, keys, person):
            packed = value if place is not Place.DEAD else value.partition(b"\n")[2]
            jobs = [job for job in unpack(packed) if person.is_named_in(job.line)]
            if jobs:
                found.held.append(Held(place, id_, key, value, jobs))
    return found


def find_bodies(store: Store, person: Person, scopes: Iterable[str]) -> Iterator[Body]:
    """Bodies that name a person: in the inboxes, among the unmatched ones, events in these scopes."""
    numbers: list[int] = store.run(inbox_numbers())
    streams = {inbox(number): "inbox" for number in numbers} | {ASIDE: "aside"}
    streams |= {person_events(scope, shard_of(person.who)): "events" for scope in scopes}
    for key, kept in streams.items():
        begin = "-"
        while begin:
            args = (person.who, begin, ENTRIES)
            begin, *rest = store.run(script_call("find_bodies", (key,), args, list))
            begin = text(begin)
            for id_, sizes, bodies in zip(rest[::3], rest[1::3], rest[2::3], strict=True):
                for place, body in enumerate(split_bodies(sizes, bodies)):
                    if person.is_in(body):
                        yield Body(key, kept, text(id_), place, body)


def _find_records(keys: LaneKeys, thousands: Sequence[int], person: Person) -> Call[list[int]]:
    touched = [
        f"{prefix}{one}" for one in thousands for prefix in (keys.outcomes, keys.numbers, keys.ids)
    ]

    def parse(reply: Any) -> list[int]:
        places, ids = reply
        numbered = [
            thousands[int(thousand)] * OUTCOMES_PER_KEY + int(place)
            for thousand, place in zip(places[::2], places[1::2], strict=True)
        ]
        named = zip(ids[::2], ids[1::2], strict=True)
        return numbered + [int(index) for index, who in named if person.is_recipient(who)]

    return script_call("find_person", touched, (person.number, NUMBER_AT, person.text), parse)


def _values(
    store: Store, keys: LaneKeys, person: Person
) -> Iterator[tuple[Place, str, str, bytes]]:
    """Packed values that may hold jobs of the person."""
    for place, key in ((Place.QUEUE, keys.queue), (Place.DEAD, keys.dead)):
        length = store.run(command("LLEN", key, parse=int))
        for begin in range(0, length, VALUES):
            args = ("list", person.text, begin, begin + VALUES - 1)
            for _, value in store.run(script_call("find_jobs", (key,), args, _numbered)):
                yield place, "", key, value
    for place, index, name, kind in (
        (Place.RETRY, keys.retries, keys.retry, "string"),
        (Place.IN_DOUBT, keys.in_doubt, keys.in_doubt_batch, "hash"),
        (Place.CLAIMED, keys.claimed_batches, keys.claimed_batch, "hash"),
    ):
        ids = store.run(command("ZRANGE", index, 0, -1, parse=_texts))
        for begin in range(0, len(ids), VALUES):
            some = ids[begin : begin + VALUES]
            touched = [name(one) for one in some]
            call = script_call("find_jobs", touched, (kind, person.text), _numbered)
            for number, value in store.run(call):
                yield place, some[number], touched[number], value


def _numbered(reply: Any) -> list[tuple[int, bytes]]:
    return [(int(n), value) for n, value in zip(reply[::2], reply[1::2], strict=True)]


def _texts(reply: Any) -> list[str]:
    return [text(one) for one in reply]
