"""Stored batches of the provider, and finding a umid in the records."""

from uuid import UUID

import pytest

from store.client import Store, command
from store.queue.settlement import Settlement
from store.receipts.sent_batches import (
    FEW,
    SentBatch,
    find_batch,
    find_umids,
    remember_batch,
)
from store.records.outcome import Origin, head, number_field, runs
from store.states import State
from tests.conformance import given

BATCH_ID = "7c1e4a10-0000-4000-8000-000000000001"
SENT = SentBatch("spring-2027-offers-a1b2c3", "0123456789ab", (1234, 1235))
DAY = 86_400


def umid(index: int) -> UUID:
    return UUID(int=(0x5C1A << 112) + index)


def with_umids(store: Store, n: int) -> str:
    """A campaign that the provider took; each record holds the umid of its message."""
    lane, claim = given.claimed_batch(store, n)
    start = head(State.ACCEPTED, 3, Origin.NONE, 0, given.NOW, given.NOW)
    records = runs(
        (job.index, start + number_field(job.recipient) + umid(job.index).bytes)
        for job in claim.jobs
    )
    given.settle(store, lane, claim, Settlement({State.ACCEPTED: n}, records=records))
    return lane


class TestSentBatches:
    def test_a_batch_is_found_by_the_name_the_provider_gave_it(self, store: Store) -> None:
        store.run(remember_batch(BATCH_ID, SENT, 1000))
        assert store.run(find_batch(BATCH_ID)) == SENT
        assert store.run(find_batch("7c1e4a10-0000-4000-8000-000000000002")) is None

    @pytest.mark.parametrize(("messages", "days"), [(FEW - 1, 1), (FEW, 7), (1000, 7)])
    def test_it_is_forgotten_after_a_week_and_a_small_one_after_a_day(
        self, store: Store, messages: int, days: int
    ) -> None:
        store.run(remember_batch(BATCH_ID, SENT, messages))
        (key,) = store.client.keys("sm:sent:*")
        assert days * DAY - 10 < store.client.ttl(key) <= days * DAY

    def test_messages_are_found_by_their_umids(self, store: Store) -> None:
        lane = with_umids(store, 1000)
        wanted = [str(umid(i)) for i in (0, 7, 999, 1000)]
        found = store.run(find_umids(lane, 0, wanted))
        assert found == {wanted[0]: (0, 3), wanted[1]: (7, 3), wanted[2]: (999, 3)}

    @pytest.mark.parametrize("odd", ["", "nonsense", str(UUID(int=0)), "5c1a", "\u0663" * 32])
    def test_what_is_no_umid_finds_nothing(self, store: Store, odd: str) -> None:
        assert store.run(find_umids(with_umids(store, 3), 0, [odd])) == {}

    def test_bytes_that_lie_across_two_records_are_no_umid(self, store: Store) -> None:
        lane = with_umids(store, 3)
        blob = store.run(command("GET", f"sm:{{{lane}}}:o:0", parse=bytes))
        across = str(UUID(bytes=blob[28:44]))
        assert store.run(find_umids(lane, 0, [across])) == {}

    def test_a_lane_without_records_holds_nobody(self, store: Store) -> None:
        assert store.run(find_umids("spring-000000", 5, [str(umid(1))])) == {}
