"""Workers whose clocks are wrong by an hour, either way: no message is lost or sent twice."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sendmany.local.processes import Child, start
from sendmany.local.stack import Sandbox
from store.client import command
from store.lanes.lane import Policies
from store.states import State
from tests.acceptance.house import SMALL, House, children, open_house, until

HOUR = 3600
LEASE = ("SENDMANY_WORKER__LEASE_SECONDS", "3")
SHIFTED = """
import datetime, sys, time
seconds = float(sys.argv.pop(1))
wall, wall_ns = time.time, time.time_ns
time.time = lambda: wall() + seconds
time.time_ns = lambda: wall_ns() + int(seconds * 1e9)
class Shifted(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(time.time(), tz)
    @classmethod
    def utcnow(cls):
        return cls.fromtimestamp(time.time(), datetime.UTC).replace(tzinfo=None)
datetime.datetime = Shifted
from sendmany.worker_process import main
main()
"""
"""Starts a worker for which it is earlier or later, wherever Python asks for the time."""


@contextmanager
def worker_off_by(house: House, seconds: int, name: str) -> Iterator[Child]:
    options = ("--pool", "prefork", "--concurrency", "1", "--loglevel", "WARNING",
               "--without-gossip", "--without-mingle", "--hostname", f"{name}@%h")  # fmt: skip
    worker = start(
        [sys.executable, "-P", "-c", SHIFTED, str(seconds), *options],
        house.local.worker_log,
        env={**os.environ, **house.local.environment},
    )
    try:
        yield worker
    finally:
        worker.stop(10)


def test_workers_whose_clocks_are_an_hour_off_send_everybody_one_message(tmp_path: Path) -> None:
    state = ("SENDMANY_STATE_DIR", str(tmp_path))
    with open_house(tmp_path, Sandbox(latency_ms=100), SMALL, LEASE, state) as house:
        assert house.local.worker is not None
        house.local.worker.stop(10)
        with worker_off_by(house, HOUR, "ahead") as ahead, worker_off_by(house, -HOUR, "behind"):
            until(lambda: len(children(ahead.pid)) == 1)
            lane = house.launch(8000, policies=Policies(on_unconfirmed="resend"))
            until(lambda: len(set(house.senders(lane))) == 2)  # both of them send
            until(lambda: house.has_ended(lane))
            assert house.check(lane).counts == {State.ACCEPTED: 8000}
            assert house.ledger()["duplicates"] == 0
            now = house.store.run(command("TIME", parse=lambda reply: int(reply[0])))
            assert abs(now - time.time()) < 60
            times = [at for one in house.outcomes(lane) for at in (one.posted_at, one.changed_at)]
            assert now - 120 < min(times)
            assert max(times) <= now + 1
