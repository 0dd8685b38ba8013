"""Counts people who replied to a campaign, or opted out by a reply.

A reply counts for the campaign whose message reached the person last, at most `WITHIN_SECONDS` before.
Nothing is noted for that when a message is sent: the sweep searches the numbers of recent campaigns, for
many replies at once. 1,000,000 messages take 0.1 s of a worker, so it rests after each search.
"""

import struct
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import chain
from typing import NamedTuple

import structlog

from chatapps.messages import MessageError
from chatapps.opt_out_words import OptOut
from chatapps.webhooks import Reply, read_webhook
from config.settings import Settings
from store.batched import by_hundred
from store.client import AsyncStore, command, command_of_keys
from store.errors import StoreUnavailable
from store.keys import OUTCOMES_PER_KEY, lane_keys
from store.lanes.lane import Lane, newest_lanes, parse_fields, read_lane
from store.receipts.feedback import (
    Progress,
    count_feedback,
    keep_progress,
    read_aside,
    read_progress,
)
from store.receipts.inbox import Entry
from store.records.outcome import RECORD_BYTES, Feedback, number_field, read_record
from store.states import PROVIDER_HAS_IT, State
from worker.batch import Tools
from worker.receipts.opt_outs import consent_change_of, sub_account_of

log = structlog.get_logger(__name__)

WITHIN_SECONDS = 7 * 86_400
"""A later reply counts for no campaign."""
AHEAD_SECONDS = 60
"""The provider's clock may be so much behind ours."""
SETTLED_MS = 2000
"""Younger replies wait: the answer to the request that sent the message may not be recorded yet."""
MOST = 5000
"""Bodies per search."""
AT_ONCE = 1000
"""People per script."""
AGAIN_MS = 60_000
"""After a failure the same replies are counted again so much later."""
REST = 20
"""After a search it rests for so many times its duration."""
_NUMBER = struct.Struct("7s")
_REACHED = frozenset(PROVIDER_HAS_IT) - {State.UNDELIVERED}

Place = tuple[str, int]
"""Lane and index of a message."""


class Said(NamedTuple):
    """A reply."""

    at: int  # s since 1970
    names: Sequence[bytes]  # of the person: the number as in records, the channel's id
    feedback: Sequence[Feedback]


async def count_replies(tools: Tools, as_of: Callable[[], Awaitable[int]]) -> None:
    """Count the replies that were kept aside since the last time.

    Args:
        as_of: the time by Redis' clock, ms; called between the steps.
    """
    now = await as_of()
    progress = await tools.store.run(read_progress())
    if now < progress.rests_until:
        return
    entries = await tools.store.run(read_aside(progress.last, now - SETTLED_MS, MOST))
    if not entries:
        return
    began = tools.clock()
    try:
        for sub_account, replies in _by_sub_account(entries, tools.settings).items():
            await _count(tools.store, sub_account, replies, as_of)
    except StoreUnavailable:
        raise
    except Exception:  # a lane that cannot be read must not end the sweep of the others
        log.exception("replies_not_counted", replies=len(entries))
        await tools.store.run(keep_progress(Progress(progress.last, now + AGAIN_MS)))
        return
    rest_ms = int(REST * 1000 * (tools.clock() - began))
    await tools.store.run(keep_progress(Progress(entries[-1].id, now + rest_ms)))


def _by_sub_account(entries: Iterable[Entry], settings: Settings) -> dict[str, list[Said]]:
    """The replies among the bodies, by sub-account; '' where it is unknown."""
    found: dict[str, list[Said]] = {}
    for entry in entries:
        try:
            reply = read_webhook(entry.body)
        except MessageError:
            continue
        if not isinstance(reply, Reply):
            continue
        number, id_ = reply.person.msisdn, reply.person.user_id
        names = [number_field(number.encode())] if number else []
        names += [id_.encode()] if id_ else []
        said = [Feedback.REPLIED]
        if consent_change_of(reply, settings.opt_outs) is OptOut.YES:
            said.append(Feedback.OPTED_OUT)
        sub_account = (sub_account_of(reply, settings) or "").lower()
        at = entry.moment(reply.timestamp) // 1000
        found.setdefault(sub_account, []).append(Said(at, names, said))
    return found


async def _count(
    store: AsyncStore,
    sub_account: str,
    replies: Sequence[Said],
    as_of: Callable[[], Awaitable[int]],
) -> None:
    """Count replies to a sub-account."""
    first, last = min(one.at for one in replies), max(one.at for one in replies)
    wanted = {name for one in replies for name in one.names}
    places: dict[bytes, list[Place]] = defaultdict(list)
    for lane in await _campaigns(store, sub_account, first - WITHIN_SECONDS, last + AHEAD_SECONDS):
        await _search(store, lane, wanted, places, as_of)
    posted = await _posted(store, list({*chain.from_iterable(places.values())}))
    feedback: dict[str, list[tuple[int, Feedback]]] = {}
    for said in replies:
        reached = [
            (posted[place], place)
            for name in said.names
            for place in places.get(name, ())
            if said.at - WITHIN_SECONDS <= posted.get(place, 0) <= said.at + AHEAD_SECONDS
        ]
        if reached:
            lane_id, index = max(reached)[1]
            feedback.setdefault(lane_id, []).extend((index, what) for what in said.feedback)
    for lane_id, some in feedback.items():
        for begin in range(0, len(some), AT_ONCE):
            await store.run(count_feedback(lane_id, some[begin : begin + AT_ONCE]))


async def _campaigns(store: AsyncStore, sub_account: str, begin: int, end: int) -> list[Lane]:
    """Campaigns of a sub-account ('' = of all) that were sent in this time, s since 1970."""
    ids = await store.run(newest_lanes(0))
    lanes = [
        lane
        for some in by_hundred(ids)
        for lane in await store.run_all([read_lane(one) for one in some])
        if lane is not None and lane.kind == "campaign"
    ]
    return [
        lane
        for lane in lanes
        if sub_account in ("", lane.sub_account.lower())
        and 0 < lane.started_at <= end * 1000
        and (not lane.finished_at or lane.finished_at >= begin * 1000)
    ]


async def _search(
    store: AsyncStore,
    lane: Lane,
    wanted: set[bytes],
    places: dict[bytes, list[Place]],
    as_of: Callable[[], Awaitable[int]],
) -> None:
    """Find the messages of people in a campaign."""
    keys, singles = lane_keys(lane.id), {(name,) for name in wanted}
    for some in by_hundred(range(-(-lane.next_index // OUTCOMES_PER_KEY))):
        names = [f"{keys.numbers}{thousand}" for thousand in some]
        blobs = await store.run(command_of_keys("MGET", names, list))
        calls = [command("HGETALL", f"{keys.ids}{one}", parse=parse_fields) for one in some]
        for thousand, blob, ids in zip(some, blobs, await store.run_all(calls), strict=True):
            begin = thousand * OUTCOMES_PER_KEY
            packed = blob or b""
            if not singles.isdisjoint(_NUMBER.iter_unpack(packed)):
                for place, (number,) in enumerate(_NUMBER.iter_unpack(packed)):
                    if number in wanted:
                        places[number].append((lane.id, begin + place))
            for index, id_ in ids.items():
                if id_ in wanted:
                    places[id_].append((lane.id, int(index)))
        await as_of()


async def _posted(store: AsyncStore, places: Sequence[Place]) -> dict[Place, int]:
    """When the messages that reached their people were posted, s since 1970."""
    found: dict[Place, int] = {}
    for some in by_hundred(places):
        calls = []
        for lane_id, index in some:
            start = index % OUTCOMES_PER_KEY * RECORD_BYTES
            key, end = lane_keys(lane_id).outcome(index), start + RECORD_BYTES - 1
            calls.append(command("GETRANGE", key, start, end, parse=bytes))
        for place, record in zip(some, await store.run_all(calls), strict=True):
            outcome = read_record(record, place[1])
            if outcome is not None and outcome.state in _REACHED:
                found[place] = outcome.posted_at or outcome.changed_at
    return found
