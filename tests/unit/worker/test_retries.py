"""Retries are asked for once a minute, and only where the settings have such a reaction."""

import threading

from config.settings import Settings
from worker.retries import Retries

ON = Settings.model_validate({"reactions": [{"code": 1024, "action": "retry_campaign"}]})


async def test_nothing_is_asked_without_such_a_reaction() -> None:
    asked: list[int] = []
    retries = Retries(lambda: asked.append(1))
    retries.look(Settings(), 0)
    assert retries._asking is None


async def test_it_is_asked_once_a_minute_and_never_in_the_way_of_the_loop() -> None:
    asked: list[int] = []
    retries = Retries(lambda: asked.append(threading.get_ident()))
    for clock in (0.0, 59.0, 60.0):
        retries.look(ON, clock)
        assert retries._asking is not None
        await retries._asking
    assert len(asked) == 2
    assert threading.get_ident() not in asked
