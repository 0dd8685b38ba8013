"""Much in the inbox: sweep follows sweep until all of it is applied, and what is to be sent is sent."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from store.keys import SWEEP
from store.lanes.lane import Priority, announce
from store.queue.enqueue import NewMessage, enqueue_messages
from store.receipts.inbox import inbox_length
from store.states import State
from store.workers.presence import wake_workers
from tests.integration.worker.receipts.test_inbox import post, receipt
from tests.integration.worker.rig import Rig, until
from worker.dispatch.dispatcher import pause_after
from worker.maintenance.sweep import Swept, sweep
from worker.process.engine import Engine

ONE = NewMessage(b'447700900001\t{"type":"text","content":{"text":"Hello"}}', b"", b"")


@pytest.fixture(autouse=True)
def small_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four entries are as many as go at once."""
    monkeypatch.setattr("worker.receipts.inbox.ENTRIES", 2)
    monkeypatch.setattr("worker.receipts.inbox.MOST", 4)


async def told(rig: Rig, n: int) -> str:
    """A campaign that went out, and a receipt for each of its messages."""
    lane = rig.campaign(n)
    await rig.deliver(lane)
    post(rig, *(receipt(f"{lane}.{i}.1", "sent") for i in range(n)))
    return lane


def waiting(rig: Rig) -> int:
    return rig.store.run(inbox_length())


async def test_a_sweep_that_leaves_some_of_the_inbox_lets_the_next_one_begin(rig: Rig) -> None:
    await told(rig, 9)
    left, more = [], []
    while waiting(rig):
        swept = await sweep(rig.tools)
        assert swept is not None
        left.append(waiting(rig))
        more.append(swept.more)
    assert (left, more) == ([5, 1, 0], [True, True, False])
    assert await sweep(rig.tools) is None  # the last one was nobody's cue


async def test_the_rest_of_a_sweep_is_done_though_the_inbox_is_full(rig: Rig) -> None:
    await told(rig, 9)
    other = rig.campaign(1, "Other")
    rig.store.client.delete("sm:ready")
    assert await sweep(rig.tools) == Swept(busy=1, announced=1, more=True, applied=4)
    assert rig.store.client.zscore("sm:ready", other) is not None


async def test_a_dispatcher_does_not_wait_between_such_sweeps(rig: Rig) -> None:
    rig.configure(worker={"sweep_seconds": 60})
    lane = await told(rig, 50)
    await rig.drain_until(lambda: waiting(rig) == 0)
    assert rig.counts(lane) == {State.FORWARDED: 50}


async def test_urgent_messages_go_out_meanwhile(rig: Rig) -> None:
    lane = await told(rig, 200)
    urgent = rig.notifications("n-a1b2c3-u681231", ["Hello"])
    async with rig.dispatching():
        for i in range(1, 20):
            await until(lambda: len(rig.provider.posts) > i)  # noqa: B023
            rig.store.run(enqueue_messages(urgent, [ONE]))
            rig.store.run(announce(urgent, Priority.URGENT))
            rig.store.run(wake_workers())
        await until(lambda: len(rig.provider.posts) > 20 and waiting(rig) == 0)
    assert rig.counts(urgent) == {State.ACCEPTED: 20}
    assert rig.counts(lane) == {State.FORWARDED: 200}


MORE = Swept(more=True)


@pytest.mark.parametrize(
    ("swept", "idle", "in_air", "pause"),
    [
        (None, False, False, 1),  # another process was at it
        (None, True, False, 5),
        (Swept(), False, False, 1),
        (Swept(), False, True, 1),
        (Swept(), True, False, 5),
        (MORE, False, False, 0),
        (MORE, True, False, 0),
        (MORE, False, True, 0.3),  # sending gets as much time
    ],
)
def test_sweeps_that_find_much_follow_at_once_or_share_the_time(
    swept: Swept | None, idle: bool, in_air: bool, pause: float
) -> None:
    assert pause_after(swept, 0.3, usual=1, idle=idle, in_air=in_air) == pause
    assert pause_after(swept, 9, usual=1, idle=False, in_air=True) == 1


def test_an_idle_process_does_not_sweep_more_often_than_it_is_told_to() -> None:
    assert pause_after(Swept(), 0.3, usual=60, idle=True, in_air=False) == 60


@pytest.fixture
def start_engine(rig: Rig, tmp_path: Path) -> Iterator[Callable[[], Engine]]:
    """Starts an engine, whose dispatcher takes every batch it finds from then on."""
    update = {"redis_url": rig.url, "state_dir": tmp_path}
    with ExitStack() as started:

        def start() -> Engine:
            engine = Engine(rig.settings.model_copy(update=update), None)
            started.callback(engine.close)
            return engine

        yield start


async def test_an_engine_catches_up_by_itself(rig: Rig, start_engine: Callable[[], Engine]) -> None:
    lane = await told(rig, 50)
    start_engine().look()
    await until(lambda: waiting(rig) == 0)
    assert rig.counts(lane) == {State.FORWARDED: 50}


async def test_an_engine_that_is_closed_ends_its_catching_up(
    rig: Rig, start_engine: Callable[[], Engine]
) -> None:
    lane = await told(rig, 200)
    engine = start_engine()
    engine.look()
    engine.close()
    rig.store.client.delete(SWEEP)
    await rig.drain_until(lambda: waiting(rig) == 0)  # what it left is applied by another process
    assert rig.counts(lane) == {State.FORWARDED: 200}
