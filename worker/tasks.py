"""The Celery tasks: `drain` sends for a slice of time, `sweep` brings back what time brings back.

Tasks carry nothing: losing one or running it twice changes nothing. A running worker asks for a sweep
every few seconds, so that no wake-up is needed for long.
"""

import contextlib
import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable
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
    worker_shutdown,
    worker_shutting_down,
)
from kombu.exceptions import OperationalError

from config.celery_app import DRAIN_TASK, QUEUE, SWEEP_TASK, create_app
from config.logging import set_up_logging
from config.priorities import served_by
from config.settings import load_settings
from store.calls import Store
from store.drains import wake_drain
from store.errors import NewerData, StoreError, StoreUnavailable
from store.schema import prepare
from worker.engine import Engine

log = structlog.get_logger(__name__)
app: Celery = create_app(load_settings())
SWEEP_REQUEST_SECONDS = 5.0
"""At most; where leases are short, often enough that nobody takes the pause for a gap in sweeping."""
MANY = 1_000_000
PR_SET_PDEATHSIG = 1


@dataclass(slots=True)
class _Process:
    """What this process holds: the main one the stop pipe, a child its engine."""

    engine: Engine | None = None
    main: int = 0  # process id
    stop_read: int | None = None
    stop_write: int | None = None
    ticking: threading.Event = field(default_factory=threading.Event)
    making: threading.Lock = field(default_factory=threading.Lock)
    data_fit: bool = False  # they have the layout of this program

    def get_engine(self) -> Engine:
        """Raises NewerData as long as the data do not fit this program."""
        with self.making:
            self.data_fit = self.data_fit or _prepare_data()
            if self.engine is None or not self.engine.alive:
                self.engine = Engine(load_settings(), call_for_drain, self.stop_read)
            return self.engine

    def end_stop_pipe(self) -> None:
        """Close our copy of the end that is written to."""
        if self.stop_write is not None:
            os.close(self.stop_write)
            self.stop_write = None


_process = _Process()


@app.task(name=DRAIN_TASK)
def drain() -> None:
    """Send whatever is most urgent for one slice; hand over to another task if work is left."""
    _drain(_process.get_engine())


@app.task(name=SWEEP_TASK)
def sweep() -> None:
    """Do what is due in every lane, and send if there is something to send.

    A process that is free to sweep is free to send: so work is not left lying when the message that
    should have called for it was lost.
    """
    engine = _process.get_engine()
    if engine.sweep():
        _drain(engine)


def call_for_drain() -> None:
    """Send a drain task; the store has been asked whether one is needed."""
    with contextlib.suppress(OperationalError):
        app.send_task(DRAIN_TASK, queue=QUEUE, retry=False)


def _is_dedicated() -> bool:
    """Serves some priorities only: its loops always run, and wake-ups for all are not for it."""
    return served_by(load_settings().worker.priorities) != ""


def _start_thread(target: Callable[[], None]) -> None:
    threading.Thread(target=target, name="sendmany-drain", daemon=True).start()


def _look_for_work() -> None:
    """What ticks do, without the broker: one that is full takes none, and all that waits goes out all
    the same. The sweep itself lets one at a time, so that many who look cost little."""
    while not _process.ticking.wait(SWEEP_REQUEST_SECONDS):
        try:
            engine = _process.get_engine()
            if engine.stopping:
                return
            if engine.sweep():
                _drain(engine)
        except StoreError as error:
            log.warning("looking for work waits for the store", error=str(error))
        except Exception:
            if not _process.ticking.is_set():  # else the engine has just been closed
                log.exception("looking for work failed; another look follows")


def _drain_always() -> None:
    """The loop of a dedicated worker: slice after slice, without tasks, until the process stops."""
    while True:
        try:
            engine = _process.get_engine()
            engine.drain()
            if engine.stopping:
                return
        except Exception:
            log.exception("a slice failed; another one follows")
            if _process.ticking.wait(SWEEP_REQUEST_SECONDS):
                return


def _drain(engine: Engine) -> None:
    while engine.drain() and not engine.stopping:
        if _hand_over():
            return


def _hand_over() -> bool:
    """See that another drain task follows; False if the broker takes none, so that we go on."""
    try:
        if _needs_drain():
            app.send_task(DRAIN_TASK, queue=QUEUE, retry=False)
    except (OperationalError, StoreError) as error:
        log.warning("no other drain task could be sent; going on", error=str(error))
        return False
    return True


def _connect() -> Store:
    settings = load_settings()
    return Store.connect(settings.redis_url, key_prefix=settings.key_prefix)


def _needs_drain() -> bool:
    """Whether no drain task is on its way that has not started yet."""
    store = _connect()
    try:
        return store.run(wake_drain(MANY))
    finally:
        store.close()


def _prepare_data() -> bool:
    """Bring the data to the layout of this program; False while Redis is away."""
    store = _connect()
    try:
        prepare(store, log.info)
    except StoreUnavailable as error:
        log.warning("the data are looked at later", error=str(error))
        return False
    finally:
        store.close()
    return True


@setup_logging.connect
def _log_our_way(**_: Any) -> None:
    set_up_logging(load_settings())


@worker_init.connect
def _open_stop_pipe(**_: Any) -> None:
    """Children read this pipe; it ends when the main process stops, or dies."""
    _process.main = os.getpid()
    _process.stop_read, _process.stop_write = os.pipe()


@worker_init.connect
def _refuse_newer_data(**_: Any) -> None:
    """The worker ends where a newer program has written the data. Each child looks once more before it
    works: Redis may have been away."""
    try:
        _prepare_data()
    except NewerData as error:
        raise SystemExit(f"sendmany: {error}") from error


@worker_process_init.connect
def _start_child(**_: Any) -> None:
    if os.getpid() != _process.main:  # not a pool without children
        _process.end_stop_pipe()
        _die_gently_with_main()
    _start_thread(_drain_always if _is_dedicated() else _look_for_work)


def _die_gently_with_main() -> None:
    """Celery has the kernel kill the children of a dead worker. Ours get a SIGTERM instead: it ends
    the task they are at, and `_close_engine` settles what is in the air."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@worker_process_shutdown.connect
@worker_shutdown.connect  # of a pool without children
def _close_engine(**_: Any) -> None:
    _process.ticking.set()
    if _process.engine is not None:
        # The news of a dead main process may come twice: the pipe first, then the signal of the kernel.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _process.engine.close()


@worker_ready.connect
def _start_ticking(**_: Any) -> None:
    log.info("worker ready", pid=os.getpid())
    if not _is_dedicated():
        threading.Thread(target=_tick, name="sendmany-tick", daemon=True).start()


@worker_shutting_down.connect
def _tell_children(**_: Any) -> None:
    _process.ticking.set()
    _process.end_stop_pipe()


def _tick() -> None:
    """Ask for a sweep now, and every few seconds. A broker that is away is asked again."""
    seconds = min(SWEEP_REQUEST_SECONDS, load_settings().worker.lease_seconds / 4)
    while True:
        with contextlib.suppress(OperationalError):
            app.send_task(SWEEP_TASK, retry=False, expires=SWEEP_REQUEST_SECONDS)
        if _process.ticking.wait(seconds):
            return
