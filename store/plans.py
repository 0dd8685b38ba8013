"""Operations of several calls, written once for blocking callers and for event loops.

A plan is a generator: it yields a call and receives its result, or the store's error as an exception. It
may also yield a function that blocks; an event loop runs it in a thread.
"""

import asyncio
from collections.abc import Callable, Generator
from typing import Any, TypeVar

from store.client import AsyncStore, Call, Store
from store.errors import StoreError

T = TypeVar("T")
Step = Call[Any] | Callable[[], object]
Plan = Generator[Step, Any, T]


def ask(call: Call[T]) -> Plan[T]:
    """One call as a step of a plan: `answer = yield from ask(call)`."""
    answer: T = yield call
    return answer


def carry_out(store: Store, plan: Plan[T]) -> T:
    """Run a plan, waiting for each answer. Raises the errors that the plan does not catch."""
    proceed: Callable[[], Step] = lambda: next(plan)  # noqa: E731
    while True:
        try:
            step = proceed()
        except StopIteration as end:
            result: T = end.value
            return result
        try:
            answer = store.run(step) if isinstance(step, Call) else step()
        except StoreError as error:
            proceed = _throwing(plan, error)
        else:
            proceed = _sending(plan, answer)


async def carry_out_async(store: AsyncStore, plan: Plan[T]) -> T:
    """As `carry_out`, on an event loop."""
    proceed: Callable[[], Step] = lambda: next(plan)  # noqa: E731
    while True:
        try:
            step = proceed()
        except StopIteration as end:
            result: T = end.value
            return result
        try:
            answer = (
                await store.run(step) if isinstance(step, Call) else await asyncio.to_thread(step)
            )
        except StoreError as error:
            proceed = _throwing(plan, error)
        else:
            proceed = _sending(plan, answer)


def _sending(plan: Plan[T], answer: object) -> Callable[[], Step]:
    return lambda: plan.send(answer)


def _throwing(plan: Plan[T], error: StoreError) -> Callable[[], Step]:
    return lambda: plan.throw(error)
