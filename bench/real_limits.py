"""Scenes of the learned rate in real time: real workers, scripts and receipts, and a sandbox whose
number refuses with 1009 what exceeds its capacity.
"""

import itertools
import json
import math
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from bench.course import Course, Figures, Scene, figures
from bench.workload import message, number, write_work
from chatapps.sandbox.phone_number import Capacity
from config.celery_app import send_wake_up
from config.settings import load_settings
from producer.campaigns.launch import Launch, check, run
from producer.messages.producer import Producer
from sendmany.local.stack import SANDBOX_ID, Local, LocalPlan, Receiver, Sandbox
from store.client import Store
from store.lanes.lane import Priority
from store.limits.learned import keep_learned, read_learned
from worker.pacing.rate_controller import start

START_SECONDS = 60
"""Seconds for the workers to send the first message."""
POLL = 0.02
SECRET = "bench-webhooks"


@dataclass(frozen=True, slots=True)
class Real:
    """A scene, and what else happens in it."""

    scene: Scene
    lanes: int = 1
    restart_at: int = 0  # s; all workers end and start again; 0 = they do not
    notifies: bool = False  # urgent messages meanwhile


_NUMBER = Capacity(80)
REAL = (
    Real(Scene("20 to 80, reject", _NUMBER, seconds=210)),
    Real(Scene("1,000 to 80, reject", _NUMBER, first=1000, seconds=100)),
    Real(Scene("restart of all workers", _NUMBER, first=80, seconds=120), restart_at=60),
    Real(Scene("two campaigns", _NUMBER, first=80, seconds=120), lanes=2, notifies=True),
)


@dataclass(frozen=True, slots=True)
class Sample:
    """Sums at a moment."""

    at: float  # s since the first message
    taken: int
    refused: int  # by the number
    rate: float  # the learned one


@dataclass(slots=True)
class Notifier:
    """Sends urgent messages one after another, and measures until the provider has each."""

    local: Local
    took: list[float] = field(default_factory=list)  # s
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Until `stop` is set."""
        with (
            closing(Store.connect(self.local.environment["SENDMANY_REDIS_URL"])) as store,
            httpx.Client(base_url=self.local.sandbox_url) as http,
        ):
            producer = Producer(store, load_settings())
            while not self.stop.is_set():
                body, began = message("urgent", 0, number(999_999), "Ada"), time.monotonic()
                del body["clientMessageId"]
                lane, index = producer.enqueue(body, priority=Priority.URGENT).id.rsplit(".", 1)
                sought = f'["{lane}.{index}",'.encode()
                while not self.stop.is_set():
                    path = "/sandbox/ledger/messages"
                    if sought in http.get(path, params={"lane": lane}).content:
                        self.took.append(time.monotonic() - began)
                        break
                    time.sleep(POLL)
                self.stop.wait(0.3)


def run_real(real: Real, say: Callable[[str], object] = str) -> Figures:
    """Run a scene in real time."""
    with _stage(real) as (local, store, home):
        lanes = _launch(real, store, home)
        samples, details = _watch(real, local, store, say)
        if len(lanes) > 1:
            details["apart"] = _apart(local, lanes)
    course = course_of(samples, real.scene.seconds)
    found = figures(real.scene, course, "real")
    settled = stays_from(course.rates, real.scene.number.per_second)
    return replace(found, settled_s=settled, details=details)


def course_of(samples: list[Sample], seconds: int) -> Course:
    """The course by second, between the samples by straight lines."""

    def sums(figure: Callable[[Sample], int]) -> list[int]:
        points = [round(_between(samples, at, figure)) for at in range(seconds + 1)]
        return [after - before for before, after in itertools.pairwise(points)]

    sent, refused = sums(lambda one: one.taken), sums(lambda one: one.refused)
    rates = [[one.rate for one in samples if one.at <= at + 1][-1] for at in range(seconds)]
    delivered = [max(0, n - k) for n, k in zip(sent, refused, strict=True)]
    return Course(sent, rates, delivered, refused)


def stays_from(rates: list[float], capacity: float) -> int:
    """The second from which on the rate stays within 10 % of the capacity; their number if never."""
    away = [at for at, rate in enumerate(rates) if abs(rate / capacity - 1) > 0.1]
    return away[-1] + 1 if away else 0


def _between(samples: list[Sample], at: float, figure: Callable[[Sample], int]) -> float:
    for before, after in itertools.pairwise(samples):
        if before.at <= at <= after.at:
            part = (at - before.at) / (after.at - before.at)
            return figure(before) + part * (figure(after) - figure(before))
    return figure(samples[-1] if at > samples[-1].at else samples[0])


@contextmanager
def _stage(real: Real) -> Iterator[tuple[Local, Store, Path]]:
    """Processes whose rate is learned, from the first rate of the scene."""
    with tempfile.TemporaryDirectory(prefix="limits-") as name:
        home, account = Path(name), {SANDBOX_ID: {"learn_rate": "on"}}
        plan = LocalPlan(
            home,
            receiver=Receiver((SECRET,)),
            sandbox=Sandbox(capacity=real.scene.number.per_second),
            worker_processes=2,
            environment=(
                ("SENDMANY_SUB_ACCOUNTS", json.dumps(account)),
                ("SENDMANY_OPT_OUTS__RECEIPT_CODES", "[]"),
            ),
        )
        with Local(plan) as local:
            local.settings()
            with closing(Store.connect(local.environment["SENDMANY_REDIS_URL"])) as store:
                first = start(int(time.time()), real.scene.ceiling, real.scene.first)
                store.run(keep_learned(SANDBOX_ID, store.run(read_learned(SANDBOX_ID)), first))
                yield local, store, home


def _launch(real: Real, store: Store, home: Path) -> list[str]:
    """Enqueue more than the scene can send."""
    people = int(60 * max(real.scene.first, 80) + 2 * 80 * real.scene.seconds)
    work = write_work(home, "scene", people, real.lanes)
    lanes = []
    for name, file in zip(work.names, work.files, strict=True):
        launch = Launch(name, SANDBOX_ID, Path(file), Path(work.message), send_while_loading=True)
        lanes.append(run(store, check(launch), send_wake_up).lane.id)
    return lanes


def _watch(
    real: Real, local: Local, store: Store, say: Callable[[str], object]
) -> tuple[list[Sample], dict[str, float]]:
    notifier, details = Notifier(local), dict[str, float]()
    thread = threading.Thread(target=notifier.run, daemon=True)
    begun, restarted, samples = _first_message(local, store), False, list[Sample]()
    if real.notifies:
        thread.start()
    while not samples or samples[-1].at < real.scene.seconds:
        time.sleep(0.5)
        samples.append(_sample(local, store, begun))
        say(str(samples[-1]))
        if real.restart_at and not restarted and samples[-1].at >= real.restart_at:
            details["rate before"], restarted = round(samples[-1].rate, 1), True
            assert local.worker is not None
            local.worker.stop(10)
            local.restart("worker")
    if restarted:
        details["rate after"] = round(samples[-1].rate, 1)
    if real.notifies:
        notifier.stop.set()
        thread.join()
        took = sorted(notifier.took)
        details["urgent"] = len(took)
        details["urgent p99, s"] = round(took[math.ceil(0.99 * len(took)) - 1], 3)
    return samples, details


def _first_message(local: Local, store: Store) -> float:
    give_up = time.monotonic() + START_SECONDS
    while not _sample(local, store, 0).taken:
        local.see_that_all_run()
        if time.monotonic() > give_up:
            raise TimeoutError("The workers send nothing.")
        time.sleep(POLL)
    return time.monotonic()


def _sample(local: Local, store: Store, begun: float) -> Sample:
    found: dict[str, Any] = httpx.get(f"{local.sandbox_url}/sandbox/ledger", timeout=30).json()
    known = store.run(read_learned(SANDBOX_ID)).learned
    rate = known.rate if known else 0.0
    refused = found["webhooks"]["refused_by_number"]
    return Sample(time.monotonic() - begun, found["taken"], refused, rate)


def _apart(local: Local, lanes: list[str]) -> float:
    """How far the greatest part of the lanes is above the smallest one, as a share of it."""
    parts = []
    for lane in lanes:
        url = f"{local.sandbox_url}/sandbox/ledger/messages"
        lines = httpx.get(url, params={"lane": lane}, timeout=30).text.splitlines()
        parts.append(sum(int(json.loads(line)[1]) for line in lines))
    return round(max(parts) / min(parts) - 1.0, 4)
