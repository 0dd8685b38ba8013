"""Plans: written once, run by either store."""

import asyncio
from collections.abc import Callable

import fakeredis
import pytest

from store.client import AsyncStore, Store, command
from store.errors import StoreError, StoreFault
from store.plans import Plan, ask, carry_out, carry_out_async
from store.scripts import load_scripts

Run = Callable[[Plan[int]], int]


def _blocking(plan: Plan[int]) -> int:
    return carry_out(Store(fakeredis.FakeRedis(), load_scripts(flags=False)), plan)


def _on_a_loop(plan: Plan[int]) -> int:
    async def go() -> int:
        store = AsyncStore(fakeredis.FakeAsyncRedis(), load_scripts(flags=False))
        try:
            return await carry_out_async(store, plan)
        finally:
            await store.close()

    return asyncio.run(go())


@pytest.fixture(params=[_blocking, _on_a_loop])
def run(request: pytest.FixtureRequest) -> Run:
    chosen: Run = request.param
    return chosen


def test_each_answer_goes_back_into_the_plan(run: Run) -> None:
    def plan() -> Plan[int]:
        one = yield from ask(command("INCR", "n", parse=int))
        two = yield from ask(command("INCRBY", "n", one + 9, parse=int))
        return two

    assert run(plan()) == 11


def test_an_error_of_the_store_arrives_where_the_call_was_made(run: Run) -> None:
    def plan() -> Plan[int]:
        try:
            yield from ask(command("NOSUCH", parse=int))
        except StoreError:
            return (yield from ask(command("INCR", "n", parse=int)))
        return 0

    assert run(plan()) == 1


def test_what_a_plan_does_not_catch_comes_out(run: Run) -> None:
    def plan() -> Plan[int]:
        return (yield from ask(command("NOSUCH", parse=int)))

    with pytest.raises(StoreFault):
        run(plan())


def test_a_plain_function_is_called_on_the_way(run: Run) -> None:
    called = list[str]()

    def plan() -> Plan[int]:
        yield lambda: called.append("now")
        return 7

    assert run(plan()) == 7
    assert called == ["now"]
