"""At most one call a second, for each sub-account by itself."""

import asyncio

from chatapps.management import Pacer


class Time:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.now = 50.0
        self.naps: list[float] = []

    def read(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        await asyncio.sleep(0)


def pacer_of(time: Time) -> Pacer:
    return Pacer(1.0, clock=time.read, sleep=time.sleep)


async def test_the_first_turn_comes_at_once() -> None:
    time = Time()
    await pacer_of(time).turn("one")
    assert time.naps == []


async def test_turns_of_one_name_are_a_second_apart() -> None:
    time = Time()
    pacer = pacer_of(time)
    for _ in range(3):
        await pacer.turn("one")
    assert time.naps == [1.0, 2.0]
    time.now += 2.5
    await pacer.turn("one")
    assert time.naps[-1] == 0.5
    time.now += 10
    await pacer.turn("one")
    assert len(time.naps) == 3


async def test_many_who_ask_at_once_get_turns_of_their_own() -> None:
    time = Time()
    pacer = pacer_of(time)
    await asyncio.gather(*(pacer.turn("one") for _ in range(5)))
    assert sorted(time.naps) == [1.0, 2.0, 3.0, 4.0]


async def test_names_do_not_wait_for_each_other() -> None:
    time = Time()
    pacer = pacer_of(time)
    await pacer.turn("one")
    await pacer.turn("two")
    assert time.naps == []
