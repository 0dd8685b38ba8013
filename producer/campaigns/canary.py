"""The canary of a campaign: a part of its people, by a hash of the number, who get the message first.

All rows of such a campaign wait until its file is read. Then the canary is chosen among all of them, so
that neither the order of the file nor its chunks matter, and moved to the queue. A worker watches its
outcome, and lets the others go or pauses the campaign (worker/maintenance/canary.py). The warm-up of a
template is a canary that a worker lets grow once.
"""

import math
import re
from array import array
from bisect import bisect_left
from hashlib import blake2b
from heapq import nsmallest
from itertools import pairwise
from typing import Any

from config.settings import Settings
from producer.errors import InputError
from store.client import Store, command, script_call
from store.keys import OUTCOMES_PER_KEY, lane_keys
from store.lanes.lane import HELD_UNTIL_MS, WARM_UP, WARM_UP_PARTS, Canary, Lane, parse_fields
from store.people.recipients import numbers_in
from store.purposes import Purpose
from store.records.job_section import pack, unpack
from store.templates import read_quality

GREEN = "GREEN"
"""Quality of a template that needs no warm-up."""
NO_WARM_UP = 5000
"""So few people get a message without a warm-up of its template."""
_WRITTEN = re.compile(r"(\d{1,9})|(\d{1,2}(?:\.\d{1,3})?) ?%")


def read_canary(settings: Settings, text: str | None, *, early: bool) -> str:
    """The canary of a launch: `500`, `5%` or `WARM_UP`; empty for none.

    Args:
        early: it sends while its file is read.

    Raises:
        InputError: it is no number of people or share, or it is not possible.
    """
    receipts = settings.webhooks.received or settings.webhooks.wanted
    if text is None:
        return WARM_UP if settings.campaigns.warm_up and receipts and not early else ""
    written = _WRITTEN.fullmatch(text.strip())
    warms = text.strip() == WARM_UP
    if not warms and (written is None or not float(written[1] or written[2])):
        raise InputError(
            f'"{text}" is no canary: say how many people go first, as 500 or 5%, or "{WARM_UP}"'
        )
    if early:
        raise InputError("Say either --canary or --send-while-loading: it is chosen from all rows")
    if not receipts:
        raise InputError(
            "A canary is judged by its receipts, and none are received: set up webhooks "
            "(`sendmany doctor`), or launch without --canary"
        )
    if warms or written is None:
        return WARM_UP
    return (written[1] and str(int(written[1]))) or f"{float(written[2]):g}%"


def warmed_up(
    store: Store, sub_account: str, canary: str, template: str, purpose: Purpose | None
) -> str:
    """The canary of a campaign: a warm-up only where its template is for marketing, and its quality is
    not known to be good.

    Args:
        template: as in the registry; empty: none, or varying.
    """
    if canary != WARM_UP:
        return canary
    is_marketing = bool(template) and purpose in (None, Purpose.MARKETING)
    return (
        WARM_UP if is_marketing and store.run(read_quality(sub_account, template)) != GREEN else ""
    )


def canary_size(canary: str, people: int) -> int:
    """Messages of a canary among so many; of a warm-up, those of its first part."""
    if canary == WARM_UP:
        return people if people <= NO_WARM_UP else WARM_UP_PARTS[0]
    if canary.endswith("%"):
        return math.ceil(people * float(canary[:-1]) / 100)
    return min(int(canary), people)


def choose_canary(store: Store, lane: Lane) -> int:
    """Queue the canary of a loaded campaign, and return its size, 0 for none. A repeat continues."""
    if lane.canary_state is not Canary.LOADING:
        return 0
    hashes, keys = _hashes(store, lane), lane_keys(lane.id)
    size = canary_size(lane.canary, len(hashes))
    chosen = sorted(nsmallest(size, range(len(hashes)), key=hashes.__getitem__))
    held = command("ZRANGEBYSCORE", keys.retries, HELD_UNTIL_MS, HELD_UNTIL_MS, parse=_firsts)
    for first, end in pairwise([*store.run(held), len(hashes)]):
        some = chosen[bisect_left(chosen, first) : bisect_left(chosen, end)]
        while some and not _queue(store, lane, first, frozenset(some)):
            pass  # the batch has changed since it was read: a person was forgotten
    return size


def _queue(store: Store, lane: Lane, first: int, chosen: frozenset[int]) -> bool:
    """Queue the chosen messages of the batch that begins with message `first`; False: it has changed."""
    keys, batch = lane_keys(lane.id), f"c{first}"
    blob = store.run(command("GET", keys.retry(batch), parse=lambda reply: reply or b""))
    jobs = unpack(blob)
    now = [job for job in jobs if job.index in chosen]
    if not now:
        return True
    rest = pack(job for job in jobs if job.index not in chosen)
    return store.run(
        script_call(
            "choose_canary",
            (keys.meta, keys.counts, keys.queue, keys.retries, keys.retry(batch)),
            (batch, len(blob), pack(now), len(now), rest),
            bool,
        )
    )


def _hashes(store: Store, lane: Lane) -> "array[int]":
    """A hash of each person, by index; each campaign has others, so that no one is always in front."""
    hashes, keys, salt = array("Q"), lane_keys(lane.id), lane.id.encode()[-16:]
    for thousand in range(math.ceil(lane.next_index / OUTCOMES_PER_KEY)):
        packed = store.run(
            command("GET", f"{keys.numbers}{thousand}", parse=lambda reply: reply or b"")
        )
        numbers, ids = numbers_in(packed), dict[str, bytes]()
        if 0 in numbers:
            ids = store.run(command("HGETALL", f"{keys.ids}{thousand}", parse=parse_fields))
        for index, number in enumerate(numbers, len(hashes)):
            who = b"%d" % number if number else ids.get(str(index), b"")
            hashes.append(int.from_bytes(blake2b(who, digest_size=8, salt=salt).digest(), "big"))
    return hashes


def _firsts(reply: Any) -> list[int]:
    return sorted(int(batch[1:]) for batch in reply)
