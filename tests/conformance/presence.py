"""wake_workers and register_worker, and the other hints between dispatchers."""

from store.client import Store
from store.keys import CALLING, dispatchers, wake_list
from store.lanes.lane import Priority, announce
from store.workers.presence import (
    active_lanes,
    await_wake,
    call_drain,
    forget_active,
    forget_ready,
    is_called,
    ready_lanes,
    register_worker,
    running_loops,
    take_sweep,
    unregister_worker,
    wake_workers,
)
from tests.conformance import given

WORKERS, WAKE = dispatchers(""), wake_list("")
URGENT, BULK = Priority.URGENT, Priority.BULK


def enter(store: Store, loop: str, *, starts: bool = True) -> int:
    return store.run(register_worker(loop, lease_ms=60_000, starts=starts))


class TestWakeWorkers:
    def test_a_task_is_called_for_when_no_loop_runs(self, store: Store) -> None:
        assert store.run(wake_workers())
        assert not store.client.exists(WAKE)

    def test_a_task_is_called_for_only_once(self, store: Store) -> None:
        assert [store.run(wake_workers()) for _ in range(3)] == [True, False, False]
        assert 0 < store.client.pttl(CALLING) <= 3_600_000

    def test_a_running_loop_is_woken_and_no_task_is_called_for(self, store: Store) -> None:
        enter(store, "a")
        assert not store.run(wake_workers())
        assert store.run(await_wake(0.01))
        assert not store.run(await_wake(0.01))

    def test_wake_ups_do_not_pile_up(self, store: Store) -> None:
        enter(store, "a")
        enter(store, "b")
        for _ in range(5):
            store.run(wake_workers())
        assert store.client.llen(WAKE) == 2

    def test_more_loops_are_called_for_where_more_are_wanted(self, store: Store) -> None:
        enter(store, "a")
        assert store.run(wake_workers(2))
        assert store.client.llen(WAKE) == 1

    def test_a_wake_up_for_as_many_loops_as_there_are_calls_for_no_task(self, store: Store) -> None:
        assert not store.run(wake_workers(0))
        enter(store, "a")
        assert not store.run(wake_workers(0))
        assert store.client.llen(WAKE) == 1
        assert not store.client.exists(CALLING)

    def test_a_call_stands_until_a_loop_has_got_the_task(self, store: Store) -> None:
        enter(store, "a")
        store.run(call_drain())
        enter(store, "a", starts=False)
        assert store.run(is_called())
        enter(store, "a")
        assert not store.run(is_called())

    def test_a_loop_that_starts_makes_room_for_another_call(self, store: Store) -> None:
        assert store.run(wake_workers(3))
        enter(store, "a", starts=False)
        assert not store.run(wake_workers(3))
        enter(store, "b")
        assert store.run(wake_workers(3))

    def test_a_loop_whose_lease_ran_out_is_not_counted_on(self, store: Store) -> None:
        enter(store, "a")
        store.client.zadd(WORKERS, {"a": 1})
        assert store.run(wake_workers())

    def test_dedicated_loops_are_woken_for_what_they_serve_and_count_for_it(
        self, store: Store
    ) -> None:
        store.run(register_worker("d", lease_ms=60_000, starts=True, served="urgent"))
        assert not store.run(wake_workers(for_=URGENT))
        assert store.run(await_wake(0.01, served="urgent"))
        assert not store.client.exists(WAKE)

    def test_dedicated_loops_do_not_count_for_what_they_do_not_serve(self, store: Store) -> None:
        store.run(register_worker("d", lease_ms=60_000, starts=True, served="urgent-normal"))
        assert store.run(wake_workers(for_=BULK))
        assert not store.client.exists(wake_list("urgent-normal"))

    def test_common_loops_are_woken_beside_dedicated_ones(self, store: Store) -> None:
        enter(store, "a")
        store.run(register_worker("d", lease_ms=60_000, starts=True, served="urgent"))
        store.run(wake_workers(for_=URGENT))
        assert [store.client.llen(wake_list(served)) for served in ("", "urgent")] == [1, 1]

    def test_wake_ups_for_everything_are_for_common_loops(self, store: Store) -> None:
        store.run(register_worker("d", lease_ms=60_000, starts=True, served="urgent"))
        assert store.run(wake_workers())
        assert not store.client.exists(wake_list("urgent"))


class TestRegisterWorker:
    def test_loops_are_counted(self, store: Store) -> None:
        assert [enter(store, loop) for loop in ("a", "b", "a", "c")] == [1, 2, 2, 3]
        store.run(unregister_worker("b"))
        assert enter(store, "a", starts=False) == 2

    def test_loops_that_are_gone_are_forgotten(self, store: Store) -> None:
        enter(store, "a")
        store.client.zadd(WORKERS, {"a": 1})
        assert enter(store, "b") == 1

    def test_entering_renews_the_lease(self, store: Store) -> None:
        enter(store, "a")
        store.client.zadd(WORKERS, {"a": 1})
        enter(store, "a", starts=False)
        assert not store.run(wake_workers())

    def test_loops_are_counted_by_kind_and_by_what_they_serve(self, store: Store) -> None:
        enter(store, "a")
        for loop, served in (("d", "urgent"), ("e", "urgent-normal"), ("f", "urgent")):
            store.run(register_worker(loop, lease_ms=60_000, starts=True, served=served))

        def count(serve: Priority | None = None) -> int:
            return sum(store.run(kind) for kind in running_loops(1, serve=serve))

        assert [count(), count(URGENT), count(Priority.NORMAL), count(BULK)] == [4, 4, 2, 1]
        store.run(unregister_worker("d", served="urgent"))
        assert count(URGENT) == 3

    def test_a_dedicated_loop_is_no_answer_to_a_call_for_a_common_one(self, store: Store) -> None:
        assert store.run(wake_workers())
        store.run(register_worker("d", lease_ms=60_000, starts=True, served="urgent"))
        assert store.client.exists(CALLING)


class TestBestEffort:
    def test_ready_lanes_come_most_urgent_first(self, store: Store) -> None:
        for lane, priority in (
            ("b", Priority.BULK),
            ("u", Priority.URGENT),
            ("n", Priority.NORMAL),
        ):
            store.run(announce(lane, priority))
        assert store.run(ready_lanes()) == [("u", 0), ("n", 1), ("b", 2)]
        store.run(forget_ready("u"))
        assert store.run(ready_lanes(1)) == [("n", 1)]

    def test_lanes_are_active_until_they_are_forgotten(self, store: Store) -> None:
        lanes = sorted([given.campaign(store), given.notifications(store)])
        assert store.run(active_lanes()) == lanes
        store.run(forget_active(lanes[0]))
        assert store.run(active_lanes()) == lanes[1:]

    def test_one_sweeps_at_a_time(self, store: Store) -> None:
        assert store.run(take_sweep("ann", lease_ms=60_000))
        assert not store.run(take_sweep("bob", lease_ms=60_000))
        store.client.delete("sm:sweep")
        assert store.run(take_sweep("bob", lease_ms=60_000))
