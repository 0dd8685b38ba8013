"""Receipts that name no message of ours: the provider's names for batch and message tell which it is."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from chatapps.responses import Answered, Result
from store.client import AsyncStore, Call
from store.errors import StoreUnavailable
from store.receipts.inbox import InboxFigures, read_inbox_figures
from store.receipts.sent_batches import SentBatch
from store.states import State
from tests.integration.worker.receipts.test_inbox import post, receipt
from tests.integration.worker.rig import Post, Rig, said, until
from worker.delivery.deliver import Delivery
from worker.pacing.backoff import Backoff
from worker.pacing.permits import PermitOffice
from worker.receipts.inbox import apply_inbox
from worker.sent_batches import SentBatches

BATCH_ID = "7c1e4a10-0000-4000-8000-0000000000b1"
OTHER = "7c1e4a10-0000-4000-8000-0000000000b2"


def umid(index: int) -> str:
    """As the rig's provider gives them."""
    return f"5c1a7a4c-0000-4000-8000-{index:012x}"


def named(post_: Post) -> Result:
    """The provider takes them all, and says what it calls the batch."""
    return with_name(said({}, post_))


def with_name(result: Result) -> Result:
    assert isinstance(result, Answered)
    return replace(result, answer=msgspec.structs.replace(result.answer, batch_id=BATCH_ID))


def nameless(index: int, state: str = "sent", batch: str = BATCH_ID, **more: Any) -> bytes:
    """A receipt without our ids."""
    return receipt(None, state, umid=umid(index), batchId=batch, user=None, **more)


async def sent(rig: Rig, n: int = 3, **policies: Any) -> str:
    """A campaign that went out in a batch whose name is known."""
    lane = rig.campaign(n, **policies)
    rig.provider.otherwise = named
    await rig.deliver(lane)
    await until(lambda: rig.store.client.exists(f"sm:sent:{BATCH_ID.replace('-', '')}") == 1)
    return lane


async def applied(rig: Rig, *bodies: bytes) -> InboxFigures:
    post(rig, *bodies)
    await apply_inbox(rig.tools)
    return rig.store.run(read_inbox_figures())


async def test_a_receipt_with_the_providers_ids_alone_finds_its_message(rig: Rig) -> None:
    lane = await sent(rig)
    found = await applied(rig, nameless(2), nameless(0, "read"))
    assert rig.counts(lane) == {State.FORWARDED: 1, State.READ: 1, State.ACCEPTED: 1}
    outcome = rig.message(lane, 2).outcome
    assert outcome is not None
    assert (outcome.state, outcome.umid, outcome.attempts) == (State.FORWARDED, umid(2), 1)
    assert (found.applied, found.matched, found.unmatched) == (2, 2, {})


async def test_batches_over_the_edge_of_a_thousand_are_searched_on_both_sides(rig: Rig) -> None:
    lane = rig.campaign(1500)
    await rig.deliver(lane, 900)
    rig.provider.otherwise = named
    await rig.deliver(lane)
    await until(lambda: rig.store.client.exists(f"sm:sent:{BATCH_ID.replace('-', '')}") == 1)
    found = await applied(rig, nameless(950), nameless(1450))
    assert (found.matched, found.unmatched) == (2, {})
    assert rig.counts(lane) == {State.FORWARDED: 2, State.ACCEPTED: 1498}


async def test_receipts_of_others_and_invented_ones_match_nothing(rig: Rig) -> None:
    lane = await sent(rig)
    found = await applied(
        rig,
        nameless(1, batch=OTHER),  # somebody else's batch
        nameless(77),  # a batch of ours, no message of it
        receipt(None, "sent", umid="00000000-0000-0000-0000-000000000000", batchId=BATCH_ID),
        receipt(None, "sent", umid="../../etc", batchId="{inbox}"),
        receipt(None, "sent", umid=umid(1), subAccountId="bank"),
    )
    assert rig.counts(lane) == {State.ACCEPTED: 3}
    assert (found.applied, found.matched) == (0, 0)
    assert found.unmatched == {"no_id": 3, "batch_only": 2}


async def test_the_batch_alone_stops_the_resend_of_what_is_in_doubt(rig: Rig) -> None:
    """One message was missing in the answer; the receipt is about it, and nobody can tell."""
    lane = rig.campaign(3, on_unconfirmed="resend", settle_after=60)

    def without_the_last(post_: Post) -> Result:
        result = said({}, post_)
        assert isinstance(result, Answered)
        items = result.answer.messages[:-1]
        return with_name(Answered(msgspec.structs.replace(result.answer, messages=items)))

    rig.provider.steps = [without_the_last]
    await rig.deliver(lane)
    await until(lambda: rig.store.client.exists(f"sm:sent:{BATCH_ID.replace('-', '')}") == 1)
    assert rig.counts(lane) == {State.ACCEPTED: 2, State.IN_DOUBT: 1}
    found = await applied(rig, nameless(2))
    assert found.unmatched == {"batch_held": 1}
    rig.due(lane)
    await rig.sweep()
    assert rig.counts(lane) == {State.ACCEPTED: 2, State.UNCONFIRMED: 1}


@pytest.mark.parametrize("away", [False, True])
async def test_a_store_that_does_not_take_the_note_holds_up_nothing(rig: Rig, away: bool) -> None:
    notes, tools = SentBatches(), rig.tools
    tools = replace(tools, sent_batches=notes)
    if away:
        rig.watched.failures["write_best_effort"] = [StoreUnavailable("away")]
    lane = rig.campaign(1)
    rig.provider.otherwise = named
    batch = await rig.claim(lane)
    backoff = Backoff(tools.clock, tools.rng)
    await Delivery(tools, PermitOffice(tools), backoff).deliver(batch)
    await notes.written()
    assert rig.counts(lane) == {State.ACCEPTED: 1}
    found = await applied(rig, nameless(0))
    assert found.matched == (0 if away else 1)


class Recording(AsyncStore):
    """Counts round trips."""

    def __init__(self) -> None:
        self.trips: list[int] = []

    async def run_all(self, calls: Sequence[Call[Any]]) -> list[Any]:
        self.trips.append(len(calls))
        return []


async def test_batches_that_land_at_the_same_time_are_noted_in_one_round_trip() -> None:
    store, notes, gathered = Recording(), SentBatches(), asyncio.Event()

    async def until_gathered(_: float) -> None:
        await gathered.wait()

    for i in range(3):
        place = SentBatch("spring-000000", f"{i:012x}", (i,))
        notes.note(store, until_gathered, [f"{BATCH_ID}{i}"], place, 1000)
    notes.note(store, until_gathered, [OTHER], SentBatch("spring-000000", "0" * 12, ()), 1000)
    gathered.set()
    await notes.written()
    assert store.trips == [3]
