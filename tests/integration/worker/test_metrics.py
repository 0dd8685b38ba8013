"""A worker's counters add up to the outcomes of its messages."""

import asyncio
import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatapps.receipt_codes import receipt_code
from chatapps.responses import Answered, NoAnswer, NotSent, Refused
from store.errors import StoreUnavailable
from store.limits.rate_limit import pause_sub_account
from store.metrics.counters import (
    BATCHES,
    COUNTED,
    DELIVERED,
    IN_DOUBT,
    OUTCOMES,
    PERMIT_WAITS,
    PERMITS_REFUSED,
    READ,
    RECOVERED,
    REQUESTS,
    RETRIES,
    SENT,
    SWEEPS,
    UNDELIVERED,
    Counted,
    Sums,
    read_counted,
    sums_of,
)
from store.receipts.status_updates import StatusUpdate, apply_status_updates
from store.records.outcome import LocalReason, Origin
from store.states import State
from tests.integration.worker.rig import Post, Rig, account, refuses, taken
from worker.metrics import Meters, cause, status_of


async def shown(rig: Rig, figure: Counted) -> dict[tuple[str, ...], Sums]:
    """Flushed sums of a figure, by labels."""
    await rig.meters.flush(rig.watched)
    fields = rig.store.run(read_counted())
    return {sums.labels: sums for sums in sums_of(figure, fields)}


async def counted(rig: Rig, figure: Counted) -> dict[tuple[str, ...], int]:
    """As `shown`, only how many."""
    return {labels: sums.count for labels, sums in (await shown(rig, figure)).items()}


async def test_outcomes_are_counted_by_state_and_by_what_asked_for_them(rig: Rig) -> None:
    lane = rig.campaign(10)
    rig.provider.steps = [refuses({0: 1002, 1: 1002, 2: 9999})]
    await rig.deliver(lane)
    assert await counted(rig, OUTCOMES) == {
        ("shop", "accepted", "none"): 7,
        ("shop", "rejected", "permanent_message"): 3,
    }


async def test_a_campaign_with_faults_adds_up_over_batches_retries_and_in_doubt_batches(
    rig: Rig,
) -> None:
    rig.configure(
        retry={"max_attempts": 4, "quick_attempts": 1, "base_delay": 0.01, "max_delay": 0.01}
    )
    rig.configure(batch={"max_messages": 100})
    lane = rig.campaign(1000, on_unconfirmed="resend")
    rig.provider.steps = [
        refuses({3: 1002}), Refused(503), NoAnswer("cut"), Refused(429, retry_after=0.01), taken,
    ]  # fmt: skip
    while rig.report(lane).open:
        await rig.drain_until(lambda: not rig.counts(lane).get(State.QUEUED))
        rig.due(lane)
        await rig.sweep()

    ends = await counted(rig, OUTCOMES)
    by_state = Counter[str]()
    for (_, state, _), n in ends.items():
        by_state[state] += n
    assert by_state == {state: n for state, n in rig.counts(lane).items() if n}
    stats = rig.report(lane).stats
    assert (await counted(rig, RETRIES))["shop",] == stats["retried"] == 200
    assert (await counted(rig, IN_DOUBT))["shop",] == 100
    statuses = await counted(rig, REQUESTS)
    assert {status for _, status in statuses} == {"2xx", "429", "5xx", "no_answer"}
    assert sum(statuses.values()) == len(rig.provider.posts) == stats["requests"]
    batches = (await shown(rig, BATCHES))["bulk",]
    assert batches.sum >= 1000 + 200 + 100  # the 429 brought its hundred back
    assert batches.count == sum(batches.buckets.values()) >= 13
    assert (await counted(rig, SWEEPS))[()] > 0


async def test_messages_are_counted_as_far_as_receipts_say_that_they_have_come(rig: Rig) -> None:
    lane = rig.campaign(6)
    rig.provider.steps = [refuses({5: 1002})]
    await rig.deliver(lane)
    states = [State.READ, State.DELIVERED, State.UNDELIVERED, State.UNDELIVERED]
    codes = [0, 0, 1003, 55_555]
    told = [
        StatusUpdate(i, 1, state, 1_750_000_000, code)
        for i, (state, code) in enumerate(zip(states, codes, strict=True))
    ]
    rig.meters.receipts(rig.store.run(apply_status_updates(lane, told)))
    assert await counted(rig, SENT) == {("shop",): 5}
    assert await counted(rig, DELIVERED) == {("shop",): 2}
    assert await counted(rig, READ) == {("shop",): 1}
    assert await counted(rig, UNDELIVERED) == {
        ("shop", str(receipt_code("", 1003).code_class)): 1,
        ("shop", "permanent_message"): 1,
    }


async def test_the_limiter_is_counted_in_turns_and_refusals(rig: Rig) -> None:
    limits = {"messages_per_second": 100, "burst": 10, "requests_per_second": 0}
    rig.configure(sub_accounts={"shop": account(**limits)})
    rig.really_sleeps = True
    lane = rig.campaign(60)
    await rig.drain_until(lambda: not rig.report(lane).open)
    waits = (await shown(rig, PERMIT_WAITS))["shop",]
    assert waits.count >= len(rig.provider.posts)  # more, where a turn was missed
    assert waits.sum > 0


@pytest.mark.timing
async def test_a_sub_account_that_is_blocked_is_counted_as_refused(rig: Rig) -> None:
    rig.configure(sub_accounts={"shop": account(messages_per_second=100)})
    rig.store.run(pause_sub_account("shop", 1))
    lane = rig.campaign(5)
    await rig.drain_until(lambda: not rig.report(lane).open)
    assert (await counted(rig, PERMITS_REFUSED))["shop", "blocked"] >= 1


async def test_batches_of_lost_workers_are_counted_where_they_go(rig: Rig) -> None:
    lane = rig.campaign(6)
    await rig.claim(lane, 4)
    rig.due(lane)
    await rig.sweep()
    assert await counted(rig, RECOVERED) == {("queue",): 4}


async def test_a_flush_whose_reply_is_lost_is_not_counted_twice(rig: Rig) -> None:
    await rig.deliver(rig.campaign(5))
    rig.watched.after["flush_metrics"] = [StoreUnavailable("lost")]
    await rig.meters.flush(rig.watched)
    await rig.deliver(rig.campaign(3, "Summer"))
    for _ in range(3):  # the first again, then what came since, then nothing
        await rig.meters.flush(rig.watched)
    assert (await counted(rig, OUTCOMES))["shop", "accepted", "none"] == 8
    assert rig.watched.ran_together.count("flush_metrics") == 3


async def test_what_a_store_that_is_away_does_not_take_comes_with_a_later_flush(rig: Rig) -> None:
    rig.watched.failures["flush_metrics"] = [StoreUnavailable("away")] * 3
    for i in range(4):
        await rig.deliver(rig.campaign(5, f"Campaign {i}"))
        await rig.meters.flush(rig.watched)
    assert (await counted(rig, OUTCOMES))["shop", "accepted", "none"] == 20


async def test_one_flush_writes_what_a_cancelled_flush_left_and_what_came_since(rig: Rig) -> None:
    """A loop that ends cancels its flush; the last flush of the process has to write everything."""
    await rig.deliver(rig.campaign(5))
    rig.watched.failures["flush_metrics"] = [asyncio.CancelledError()]
    with pytest.raises(asyncio.CancelledError):
        await rig.meters.flush(rig.watched)
    await rig.deliver(rig.campaign(3, "Summer"))
    assert (await counted(rig, OUTCOMES))["shop", "accepted", "none"] == 8


async def test_a_loop_that_runs_flushes_by_itself(rig: Rig) -> None:
    rig.configure(worker={"sweep_seconds": 0.02})
    lane = rig.campaign(5)

    def flushed() -> bool:
        fields = rig.store.run(read_counted())
        return any(sums.count == 5 for sums in sums_of(OUTCOMES, fields))

    await rig.drain_until(flushed)
    assert rig.counts(lane) == {State.ACCEPTED: 5}


async def test_two_processes_are_summed(rig: Rig) -> None:
    await rig.deliver(rig.campaign(5))
    await rig.meters.flush(rig.watched)
    rig.meters = Meters()
    await rig.deliver(rig.campaign(3, "Summer"))
    assert (await counted(rig, OUTCOMES))["shop", "accepted", "none"] == 8


async def test_no_field_holds_a_number_a_lane_or_a_message(rig: Rig) -> None:
    lane = rig.campaign(50)
    rig.provider.steps = [refuses({3: 1002}), NoAnswer("447700900001 did not answer")]
    await rig.deliver(lane, 25)
    await rig.deliver(lane)
    await rig.sweep()
    await rig.meters.flush(rig.watched)
    fields = rig.store.run(read_counted())
    names = " ".join(fields)
    assert OUTCOMES.name in names
    assert lane not in names
    assert not re.search(r"\d{7}", names)


@given(
    st.sampled_from([origin.name.lower() for origin in Origin]),
    st.one_of(st.integers(0, 65535), st.sampled_from([447700900, 9999999])),
)
def test_no_code_makes_a_label_of_its_own(origin: str, code: int) -> None:
    reasons = {reason.name.lower() for reason in LocalReason}
    classes = {"transient", "throttle", "permanent_message", "permanent_batch", "none"}
    assert cause(origin, code) in reasons | classes


@pytest.mark.parametrize(
    ("result", "status"),
    [
        (Refused(400), "4xx"),
        (Refused(429), "429"),
        (Refused(503), "5xx"),
        (NotSent("refused"), "not_sent"),
        (NoAnswer("cut"), "no_answer"),
    ],
)
def test_a_request_ends_in_one_of_few_words(
    result: Refused | NotSent | NoAnswer, status: str
) -> None:
    assert status_of(result) == status


def test_an_answer_is_a_2xx() -> None:
    answer = taken(Post("shop", [], {}, 0))
    assert isinstance(answer, Answered)
    assert status_of(answer) == "2xx"


@pytest.mark.parametrize("figure", [one for one in COUNTED if one.bounds])
def test_buckets_ascend_and_every_value_falls_into_one(figure: Counted) -> None:
    assert list(figure.bounds) == sorted(set(figure.bounds))
    assert figure.bucket(0) == figure.buckets[0]
    assert figure.bucket(figure.bounds[-1]) == figure.buckets[-2]
    assert figure.bucket(figure.bounds[-1] * 2) == "+Inf"
