"""flush_metrics: what processes count is summed once, however often it is sent."""

from store.client import Store
from store.keys import METRICS, flushed
from store.metrics.counters import flush_metrics, read_counted


class TestFlushMetrics:
    def test_what_two_processes_counted_is_summed(self, store: Store) -> None:
        assert store.run(flush_metrics("one", 1, {"a|shop": 3, "b": 1}))
        assert store.run(flush_metrics("two", 1, {"a|shop": 4}))
        assert store.run(read_counted()) == {"a|shop": 7, "b": 1}

    def test_a_flush_that_is_repeated_counts_once(self, store: Store) -> None:
        for _ in range(2):
            store.run(flush_metrics("one", 1, {"a": 3}))
        assert not store.run(flush_metrics("one", 1, {"a": 3}))
        assert store.run(read_counted()) == {"a": 3}

    def test_the_next_flush_counts_and_an_old_one_that_comes_after_it_does_not(
        self, store: Store
    ) -> None:
        store.run(flush_metrics("one", 1, {"a": 3}))
        assert store.run(flush_metrics("one", 2, {"a": 5}))
        assert not store.run(flush_metrics("one", 1, {"a": 3}))
        assert store.run(read_counted()) == {"a": 8}

    def test_as_many_figures_as_there_are_fit_one_flush(self, store: Store) -> None:
        store.run(flush_metrics("one", 1, {f"f|{i}": i for i in range(5000)}))
        assert store.run(read_counted())["f|4999"] == 4999

    def test_nothing_is_left_of_a_process_that_has_gone(self, store: Store) -> None:
        store.run(flush_metrics("one", 1, {"a": 1}))
        assert 0 < store.client.ttl(flushed("one")) <= 86400
        assert store.client.ttl(METRICS) == -1
