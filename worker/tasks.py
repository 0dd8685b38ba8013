"""The Celery tasks: `drain` sends for a slice of time, `sweep` brings back what time brings back.

Tasks carry nothing: losing one or running it twice changes nothing. A running worker asks for a sweep
every few seconds, so that no wake-up is needed for long.
"""

import contextlib
import os
import signal
import threading
from dataclasses import dataclass, field
from typing import Any

import structlog
from celery import Celery
from celery.signals import (
    setup_logging,
    worker_init,
    worker_process_init,
    worker_process_shutdown,
    worker_ready,
    worker_shutting_down,
)
from kombu.exceptions import OperationalError

from config.celery_app import DRAIN_TASK, SWEEP_TASK, create_app
from config.logging import set_up_logging
from config.settings import load_settings
from store.calls import Store
from store.drains import wake_drain
from store.errors import StoreError
from worker.engine import Engine

log = structlog.get_logger(__name__)
app: Celery = create_app(load_settings())
SWEEP_REQUEST_SECONDS = 5.0


@dataclass(slots=True)
class _Process:
    """What this process holds: the main one the stop pipe, a child its engine."""

    engine: Engine | None = None
    stop_read: int | None = None
    stop_write: int | None = None
    ticking: threading.Event = field(default_factory=threading.Event)

    def get_engine(self) -> Engine:
        if self.engine is None:
            self.engine = Engine(load_settings(), call_for_drain, self.stop_read)
        return self.engine


_process = _Process()


@app.task(name=DRAIN_TASK)
def drain() -> None:
    """Send whatever is most urgent for one slice; hand over to another task if work is left."""
    engine = _process.get_engine()
    while engine.drain() and not engine.stopping:
        if _hand_over():
            return


@app.task(name=SWEEP_TASK)
def sweep() -> None:
    """Do what is due in every lane, and see that somebody sends."""
    if _process.get_engine().sweep() and _needs_drain():
        call_for_drain()


def call_for_drain() -> None:
    """Send a drain task; the store has been asked whether one is needed."""
    with contextlib.suppress(OperationalError):
        app.send_task(DRAIN_TASK, retry=False)


def _hand_over() -> bool:
    """See that another drain task follows; False if the broker takes none, so that we go on."""
    try:
        if _needs_drain(more_than_now=True):
            app.send_task(DRAIN_TASK, retry=False)
    except (OperationalError, StoreError) as error:
        log.warning("no other drain task could be sent; going on", error=str(error))
        return False
    return True


def _needs_drain(*, more_than_now: bool = False) -> bool:
    store = Store.connect(load_settings().redis_url)
    try:
        return store.run(wake_drain(1_000_000 if more_than_now else 1))
    finally:
        store.close()


@setup_logging.connect
def _log_our_way(**_: Any) -> None:
    set_up_logging(load_settings())


@worker_init.connect
def _open_stop_pipe(**_: Any) -> None:
    """Children read this pipe; it ends when the main process stops, or dies."""
    _process.stop_read, _process.stop_write = os.pipe()


@worker_process_init.connect
def _start_child(**_: Any) -> None:
    if _process.stop_write is not None:
        os.close(_process.stop_write)
        _process.stop_write = None
    signal.signal(signal.SIGTERM, _stop_child)


def _stop_child(_signal: int, _frame: object) -> None:
    if _process.engine is not None:
        _process.engine.stop()
    else:
        raise SystemExit(0)


@worker_process_shutdown.connect
def _close_child(**_: Any) -> None:
    if _process.engine is not None:
        _process.engine.close()


@worker_ready.connect
def _start_ticking(**_: Any) -> None:
    threading.Thread(target=_tick, name="sendmany-tick", daemon=True).start()


@worker_shutting_down.connect
def _tell_children(**_: Any) -> None:
    _process.ticking.set()
    if _process.stop_write is not None:
        os.close(_process.stop_write)
        _process.stop_write = None


def _tick() -> None:
    """Ask for a sweep now, and every few seconds. A broker that is away is asked again."""
    while True:
        with contextlib.suppress(OperationalError):
            app.send_task(SWEEP_TASK, retry=False, expires=SWEEP_REQUEST_SECONDS)
        if _process.ticking.wait(SWEEP_REQUEST_SECONDS):
            return
