"""The number of the data's layout: steps are run once and in order, newer data are refused."""

import pytest

from store.client import Store, command
from store.errors import NewerData, StoreUnavailable
from store.keys import SCHEMA, SCHEMA_LOCK, lane_keys
from store.migrations import GoOn, Step
from store.migrations.schema import prepare, read_schema
from store.reports.lane_report import report
from tests.conformance import given


def number(store: Store) -> bytes | None:
    found: bytes | None = store.run(command("GET", SCHEMA, parse=lambda reply: reply))
    return found


class Steps:
    """Three steps that note when they are run; the second one may fail."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.fails = False
        self.list = [Step(name, self._step(name)) for name in ("one", "two", "three")]

    def _step(self, name: str):  # type: ignore[no-untyped-def]
        def run(store: Store, go_on: GoOn) -> None:
            self.ran.append(name)
            if self.fails and name == "two":
                raise StoreUnavailable("gone")

        return run


class TestPrepare:
    def test_data_go_through_all_steps_in_order_and_only_once(self, store: Store) -> None:
        steps, told = Steps(), list[str]()
        given.campaign(store)
        prepare(store, told.append, steps=steps.list)
        prepare(store, told.append, steps=steps.list)
        assert steps.ran == ["one", "two", "three"]
        assert told == [
            f"The data in Redis are brought to layout {place}: {name}."
            for place, name in enumerate(steps.ran, 1)
        ]
        assert (number(store), store.client.exists(SCHEMA_LOCK)) == (b"3", 0)

    def test_of_an_empty_database_nothing_is_told(self, store: Store) -> None:
        steps, told = Steps(), list[str]()
        prepare(store, told.append, steps=steps.list)
        assert (steps.ran, told, number(store)) == (["one", "two", "three"], [], b"3")

    def test_only_the_steps_that_are_missing_are_run(self, store: Store) -> None:
        steps = Steps()
        prepare(store, steps=steps.list[:2])
        prepare(store, steps=steps.list)
        assert steps.ran == ["one", "two", "three"]

    def test_a_step_that_failed_is_repeated_and_those_before_it_are_not(self, store: Store) -> None:
        steps = Steps()
        steps.fails = True
        with pytest.raises(StoreUnavailable):
            prepare(store, steps=steps.list)
        assert number(store) == b"1"
        steps.fails = False
        prepare(store, steps=steps.list)
        assert steps.ran == ["one", "two", "two", "three"]

    def test_who_comes_second_waits_until_the_first_has_done_it(self, store: Store) -> None:
        steps, naps = Steps(), list[float]()
        store.client.set(SCHEMA_LOCK, 1)

        def sleep(seconds: float) -> None:
            naps.append(seconds)
            if len(naps) == 3:
                store.client.set(SCHEMA, 3)

        prepare(store, steps=steps.list, sleep=sleep)
        assert (steps.ran, len(naps)) == ([], 3)

    def test_a_step_that_takes_long_keeps_its_lock(self, store: Store) -> None:
        left: list[int] = []

        def long(store: Store, go_on: GoOn) -> None:
            store.client.pexpire(SCHEMA_LOCK, 5_000)
            go_on()
            left.append(store.client.pttl(SCHEMA_LOCK))

        prepare(store, steps=[Step("long", long)])
        assert left[0] > 5_000

    def test_a_slow_process_does_not_take_the_number_back(self, store: Store) -> None:
        def overtaken(store: Store, go_on: GoOn) -> None:
            store.client.set(SCHEMA, 2)

        prepare(store, steps=[Step("slow", overtaken), Step("done by the other", overtaken)])
        assert number(store) == b"2"


class TestNewerData:
    @pytest.mark.parametrize("word", ["unknown", "parked"])
    def test_a_state_of_another_version_is_told_in_a_sentence(
        self, store: Store, word: str
    ) -> None:
        lane = given.loaded(store, 3)
        store.client.hset(lane_keys(lane).counts, word, 2)
        with pytest.raises(NewerData, match=f'name a state "{word}", which this version'):
            report(store, lane)

    def test_newer_data_are_refused_in_a_sentence_and_nothing_is_changed(
        self, store: Store
    ) -> None:
        steps = Steps()
        store.client.set(SCHEMA, 4)
        with pytest.raises(NewerData, match="have layout 4, and this version of sendmany knows"):
            prepare(store, steps=steps.list)
        assert (steps.ran, number(store)) == ([], b"4")

    def test_older_data_and_none_at_all_are_no_reason_to_refuse(self, store: Store) -> None:
        assert store.run(read_schema(known=3)) == 0
        store.client.set(SCHEMA, 2)
        assert store.run(read_schema(known=3)) == 2
