"""The step that renames keys: batches that an older program claimed, put off or holds in doubt go on."""

from typing import Any

from store.client import Store, text
from store.keys import breaker_events, lane_keys
from store.limits.breakers import close_breaker, open_breaker, template_scope
from store.migrations import STEPS
from store.migrations.key_names import rename_keys
from store.queue.settlement import InDoubtBatch, RetryBatch, Settlement, promote_due, read_in_doubt
from store.states import State
from tests.conformance.given import (
    add,
    balanced,
    campaign,
    claim,
    claimed_batch,
    counts,
    ended,
    numbers,
    retry_is_due,
    settle,
)

TEMPLATE = template_scope("order_update", "en_US")
OLDER = (
    (":retries", ":waves"), (":claimed", ":flights"), (":in_doubt", ":parked"),
    (":r:", ":w:"), (":b:", ":f:"), (":d:", ":p:"), (":events", ":told"), ("{workers}", "{drains}"),
)  # fmt: skip


def older(store: Store) -> tuple[str, dict[str, Any]]:
    """A lane with a batch of each kind under the names of an older version; its values by new name."""
    lane, first = claimed_batch(store, 9)
    parts = first.jobs[:3], first.jobs[3:5]
    what = Settlement(
        counts={State.DELAYED: 3, State.IN_DOUBT: 2, State.QUEUED: 4},
        retries=[RetryBatch("b1r", 60_000, parts[0])],
        in_doubt_batches=[InDoubtBatch("b1p", 60_000, parts[1])],
        back=first.jobs[5:],
    )
    settle(store, lane, first, what)
    claim(store, lane, "b2")
    store.run(open_breaker("shop", TEMPLATE, "paused", by="provider", event_ms=9))
    names = [text(name) for name in store.client.keys("sm:*")]
    values = {name: store.client.dump(name) for name in names}
    for name in names:
        for new, old in OLDER:
            if new in name:
                store.client.rename(name, name.replace(new, old))
    store.client.rpush("sm:{drains}:wake", 1)
    return lane, values


def run(store: Store) -> None:
    rename_keys(store, lambda: None)


def now(store: Store) -> dict[str, Any]:
    names = [text(name) for name in store.client.keys("sm:*")]
    return {name: store.client.dump(name) for name in names}


class TestRenameKeys:
    def test_every_key_has_its_new_name_and_its_value(self, store: Store) -> None:
        _, values = older(store)
        assert now(store) != values
        run(store)
        assert now(store) == values
        run(store)
        assert now(store) == values

    def test_a_step_that_was_cut_off_is_repeated(self, store: Store) -> None:
        lane, values = older(store)
        base = lane_keys(lane).base
        store.client.rename(f"{base}:w:b1r", f"{base}:r:b1r")
        store.client.rename(f"{base}:flights", f"{base}:claimed")
        store.client.rename(f"{base}:f:b2", f"{base}:b:b2")
        run(store)
        assert now(store) == values

    def test_what_was_claimed_put_off_and_in_doubt_goes_on(self, store: Store) -> None:
        lane, _ = older(store)
        run(store)
        assert counts(store, lane) == {State.DELAYED: 3, State.IN_DOUBT: 2, State.IN_FLIGHT: 4}
        assert balanced(store, lane)
        retry_is_due(store, lane, "b1r")
        store.run(promote_due(lane))
        in_doubt = store.run(read_in_doubt(lane, "b1p"))
        assert in_doubt is not None
        assert len(in_doubt.jobs) == 2
        again = claim(store, lane, "b2")
        settle(store, lane, again, ended(State.ACCEPTED, again.jobs), "b2")
        assert counts(store, lane) == {State.QUEUED: 3, State.IN_DOUBT: 2, State.ACCEPTED: 4}
        assert balanced(store, lane)

    def test_an_older_event_does_not_close_a_breaker(self, store: Store) -> None:
        older(store)
        run(store)
        assert store.client.exists(breaker_events("shop"))
        assert not store.run(close_breaker("shop", TEMPLATE, by="provider", event_ms=8))

    def test_a_lane_without_batches_is_left_alone(self, store: Store) -> None:
        lane = campaign(store)
        add(store, lane, numbers(3), 0, 3)
        before = now(store)
        run(store)
        assert now(store) == before

    def test_it_is_among_the_steps_that_run_at_the_start(self) -> None:
        assert rename_keys in [one.run for one in STEPS]
