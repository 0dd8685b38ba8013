"""The engine of a worker process: one event loop in a thread, one connection pool, one dispatcher.

The dispatcher runs from the start of the process to its end. Celery tasks run in the main thread, which
stays free: they only make the loop look for work.
"""

import asyncio
import codecs
import gc
import os
import random
import secrets
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

import anyio
import anyio.lowlevel
import structlog
import uvloop

from chatapps.client import ChatAppsClient, Endpoint, Timeouts, open_client
from chatapps.management import AccountCalls
from chatapps.management.from_settings import template_account
from chatapps.responses import Answered, NoAnswer, Result
from chatapps.templates import RegisteredTemplate
from config.celery_app import ask_for_retries
from config.settings import Settings
from store.client import AsyncStore
from worker.batch import Provider, Tools
from worker.dispatch.dispatcher import STORE_RETRY_SECONDS, Dispatcher
from worker.failpoints import read_failpoint
from worker.metrics import Meters
from worker.outcomes import Outcomes
from worker.receipts.missing_receipts import Backfills
from worker.requests_in_air import RequestsInAir
from worker.retries import Retries
from worker.revisions import open_revisions
from worker.subscriptions import Subscriptions
from worker.template_registry import Templates


class TimedProvider:
    """Counts and times the provider's requests.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        provider: Provider,
        meters: Meters,
        clock: Callable[[], float],
        air: RequestsInAir | None = None,
    ) -> None:
        self._provider = provider
        self._meters = meters
        self._clock = clock
        self._air = air or RequestsInAir()

    async def send_many(self, endpoint: Endpoint, body: bytes) -> Result:
        """POST one batch request."""
        start, name = self._clock(), endpoint.sub_account_id
        self._air.began(name)
        try:
            result = await self._provider.send_many(endpoint, body)
            now = self._clock()
            if isinstance(result, Answered | NoAnswer):
                self._air.answered(name, now, len(body), now - start)
        finally:
            self._air.ended(name)
        self._meters.answered(name, result, now - start)
        return result


log = structlog.get_logger(__name__)
T = TypeVar("T")
SPARE_CONNECTIONS = 16
"""Connections to Redis besides one per batch in flight: the loop, its listener, the sweep."""
COLLECT_AFTER = (20_000, 10, 10)
"""Thresholds of the garbage collector: a few batches' worth of objects."""
PATIENCE = 10.0
"""Seconds after the last possible answer within which it must be settled."""


class Engine:
    """Runs the dispatcher of one process.

    Args:
        stop_signal: file descriptor that becomes readable when the process should stop, or None.
    """

    def __init__(self, settings: Settings, stop_signal: int | None) -> None:
        self._settings = settings
        self._stop_signal = stop_signal
        self._loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="sendmany-engine", daemon=True)
        self._thread.start()
        self._tools, self._drain = self._submit(self._open())
        self._serving = asyncio.run_coroutine_threadsafe(self._serve(), self._loop)

    @property
    def alive(self) -> bool:
        """True while its thread, and so the dispatcher, runs."""
        return self._thread.is_alive()

    def look(self) -> None:
        """Make the dispatcher sweep and look for work now; does not wait for it."""
        self._loop.call_soon_threadsafe(self._drain.look)

    def close(self) -> None:
        """Claim nothing more, settle batches in flight, and end. Harmless when the thread is dead."""
        if self.alive:
            try:
                self._submit(self._close(), timeout=self._settings.http.deadline + PATIENCE)
            except TimeoutError:
                log.error("shutdown_left_batches")
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout=PATIENCE)

    async def _serve(self) -> None:
        """Run the dispatcher until the process stops, then wait for batches in flight."""
        while not self._stopping.is_set():
            try:
                await self._drain.serve(self._stopping)
            except Exception:
                log.exception("dispatcher_failed")
                await asyncio.sleep(STORE_RETRY_SECONDS)
        await self._drain.land()

    async def _open(self) -> tuple[Tools, Dispatcher]:
        http = self._settings.http
        timeouts = Timeouts(
            connect=http.connect_timeout, read=http.read_timeout, total=http.deadline
        )
        in_air = self._settings.worker.max_in_air
        self._http = open_client(timeouts, connections=in_air)
        settings = self._settings
        meters, air = Meters(settings.learning), RequestsInAir(settings.in_air_ceilings)
        client = ChatAppsClient(
            self._http,
            total_timeout=http.deadline,
            max_answer_bytes=http.max_answer_bytes,
        )
        await (
            anyio.lowlevel.checkpoint()
        )  # loads modules that httpx would load late, with its first request
        codecs.lookup("idna")
        owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
        store = AsyncStore.connect(
            settings.store_url,
            key_prefix=settings.key_prefix,
            max_connections=in_air + SPARE_CONNECTIONS,
        )
        self._backfills = Backfills(store, settings, client)
        tools = Tools(
            store=store,
            client=TimedProvider(client, meters, time.monotonic, air),
            air=air,
            settings=self._settings,
            owner=owner,
            rng=random.Random(),
            clock=time.monotonic,
            sleep=asyncio.sleep,
            revisions=open_revisions(self._settings),
            meters=meters,
            templates=Templates(lambda name: _list_templates(client, settings, name)),
            outcomes=Outcomes(settings.stream.keep_days, settings.stream.max_bytes),
            subscriptions=Subscriptions(settings, owner),
            retries=Retries(ask_for_retries),
            look_for_lost=self._backfills.look,
            pass_by=read_failpoint(os.environ),
        )
        if self._stop_signal is not None:
            self._loop.add_reader(self._stop_signal, self._heard_stop)
        _spare_collections()
        return tools, Dispatcher(tools)

    def _heard_stop(self) -> None:
        assert self._stop_signal is not None
        self._loop.remove_reader(self._stop_signal)
        self._stopping.set()

    async def _close(self) -> None:
        self._stopping.set()
        await asyncio.wrap_future(self._serving)
        await self._backfills.close()
        await self._tools.templates.close()
        await self._tools.subscriptions.close()
        await self._tools.sent_batches.written()
        self._tools.revisions.save()
        await self._tools.meters.flush(self._tools.store)
        await self._http.aclose()
        await self._tools.store.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    def _submit(self, work: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Run a coroutine in the loop's thread and wait for it.

        Raises:
            TimeoutError: it has not ended in so many seconds.
            RuntimeError: the engine has been closed.
        """
        try:
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        except RuntimeError:
            work.close()
            raise
        return future.result(timeout)


async def _list_templates(
    client: ChatAppsClient, settings: Settings, sub_account: str
) -> Sequence[RegisteredTemplate]:
    return await AccountCalls(client, template_account(settings, sub_account)).list_templates()


def _spare_collections() -> None:
    """Freeze loaded objects: the garbage collector would walk over them again and again. A batch makes
    thousands of objects, nearly all freed without it; collections took a fifth of the dispatcher's
    time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
