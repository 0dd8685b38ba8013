"""The Celery tasks and the life cycle of a worker process.

Each pool process runs a dispatcher from its start to its end. The tasks have no arguments and take no
time: `drain` and `sweep` make the loop look for work now, and start a loop in a process without one.
Losing one or running it twice does no harm.
"""

import ctypes
import os
import signal
import sys
import threading
from dataclasses import dataclass, field
from typing import Any, NoReturn

import structlog
from celery import Celery
from celery.concurrency import ALIASES  # type: ignore[attr-defined]
from celery.signals import (
    setup_logging,
    worker_init,
    worker_process_init,
    worker_process_shutdown,
    worker_ready,
    worker_shutdown,
    worker_shutting_down,
)

from config.celery_app import DISPATCH_TASK, SWEEP_TASK, create_app
from config.logging import set_up_logging
from config.settings import load_settings
from store.client import Store
from store.errors import NewerData, StoreUnavailable
from store.migrations.schema import prepare
from worker.process.engine import Engine

log = structlog.get_logger(__name__)
app: Celery = create_app(load_settings())
ENGINE_CHECK_SECONDS = 5.0
POOLS = {"celery.concurrency.prefork": "prefork", "celery.concurrency.solo": "solo"}
"""Supported pools, by their modules."""
PR_SET_PDEATHSIG = 1


@dataclass(slots=True)
class _Process:
    """State of this process: the stop pipe in the main process, the engine in a child."""

    engine: Engine | None = None
    main: int = 0  # process id
    stop_read: int | None = None
    stop_write: int | None = None
    stopped: threading.Event = field(default_factory=threading.Event)
    making: threading.Lock = field(default_factory=threading.Lock)
    data_fit: bool = False  # True: they have the layout of this version

    def get_engine(self) -> Engine | None:
        """The engine, created if there is none or its thread has died; None once the process stops.

        Raises:
            NewerData: a newer version has written the data.
        """
        with self.making:
            if self.stopped.is_set():
                return None
            self.data_fit = self.data_fit or _prepare_data()
            if self.engine is None or not self.engine.alive:
                self.engine = Engine(load_settings(), self.stop_read)
            return self.engine

    def end_stop_pipe(self) -> None:
        """Close our copy of the pipe's write end."""
        if self.stop_write is not None:
            os.close(self.stop_write)
            self.stop_write = None


_process = _Process()


@app.task(name=DISPATCH_TASK)
def dispatch(*_: object, **__: object) -> None:
    """Start the dispatcher of this process if needed, and make it look for work now."""
    if engine := _process.get_engine():
        engine.look()


@app.task(name=SWEEP_TASK)
def sweep(*_: object, **__: object) -> None:
    """Do everything due in all lanes now; the dispatcher does so by itself every few seconds."""
    dispatch()


def _keep_engine() -> None:
    """Keep an engine from the start of the process on; replace it if its thread dies."""
    while not _process.stopped.is_set():
        try:
            _process.get_engine()
        except Exception:
            log.exception("engine_start_failed")
        _process.stopped.wait(ENGINE_CHECK_SECONDS)


def _prepare_data() -> bool:
    """Migrate the data to the layout of this version; False while Redis is away."""
    settings = load_settings()
    store = Store.connect(settings.store_url, key_prefix=settings.key_prefix)
    try:
        prepare(store, log.info)
    except StoreUnavailable as error:
        log.warning("data_layout_not_checked", error=str(error))
        return False
    finally:
        store.close()
    return True


@setup_logging.connect
def _log_our_way(**_: Any) -> None:
    set_up_logging(load_settings())


def refuse_pool(name: str) -> NoReturn:
    """End the worker: a dispatcher needs real threads, an event loop and its own signals."""
    print(
        f"sendmany: the pool {name!r} cannot send: use --pool {' or '.join(POOLS.values())}.",
        file=sys.stderr,
    )
    sys.exit(2)


@worker_init.connect
def _check_pool(sender: Any, **_: Any) -> None:
    module = sender.pool_cls.__module__
    if module not in POOLS:
        names = (name for name, place in ALIASES.items() if place.startswith(f"{module}:"))
        refuse_pool(next(names, module))


@worker_init.connect
def _hang_up_ends_cleanly(**_: Any) -> None:
    """On SIGHUP a worker at a terminal settles batches in flight. Otherwise Celery treats SIGHUP as a
    restart, and under `nohup` it stays ignored."""
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))


@worker_init.connect
def _open_stop_pipe(**_: Any) -> None:
    """Open the pipe that children read; it closes when the main process stops or dies."""
    _process.main = os.getpid()
    _process.stop_read, _process.stop_write = os.pipe()


@worker_init.connect
def _refuse_newer_data(**_: Any) -> None:
    """End the worker if a newer version has written the data. Each child checks again before it works:
    Redis may have been away."""
    try:
        _prepare_data()
    except NewerData as error:
        raise SystemExit(f"sendmany: {error}") from error


@worker_process_init.connect
def _start_child(**_: Any) -> None:
    if os.getpid() != _process.main:  # a pool with children
        _process.end_stop_pipe()
        _die_gently_with_main()
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the main process handles it for all
    threading.Thread(target=_keep_engine, name="sendmany-keeper", daemon=True).start()


def _die_gently_with_main() -> None:
    """Send SIGTERM to the children of a dead worker, where Celery would have the kernel kill them: it
    ends their task, and `_close_engine` settles batches in flight."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@worker_process_shutdown.connect
@worker_shutdown.connect  # of a pool without children
def _close_engine(**_: Any) -> None:
    _process.stopped.set()
    with _process.making:
        engine = _process.engine
    if engine is not None:
        # The end of the main process may be noticed twice: by the pipe, then by the kernel's signal.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        engine.close()


@worker_ready.connect
def _tell_ready(**_: Any) -> None:
    log.info("worker_ready", pid=os.getpid())


@worker_shutting_down.connect
def _tell_children(**_: Any) -> None:
    _process.end_stop_pipe()
