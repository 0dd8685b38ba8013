"""The stage of `bench.web`: a fresh server, the web process, and optionally a worker."""

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from types import TracebackType

import msgspec

from bench.errors import BenchError
from bench.meter import cpu_seconds, family
from bench.provider_process import Provider
from bench.site import API_KEY, SUB_ACCOUNT, Site
from bench.systems.sendmany import SYSTEM, lanes_of
from bench.web_load import Answered, Load
from bench.workload import write_work
from sendmany.local.embedded_redis import EmbeddedServer
from sendmany.local.processes import Child, last_line, python, start
from sendmany.local.stack import Local, LocalPlan
from store.access.tokens import Scope, Token, add_token, draw_token, token_text
from store.client import Store
from store.lanes.lane import finish_loading
from store.lanes.open import CampaignPlan, open_campaign
from store.queue.enqueue import Place, enqueue_rows
from store.queue.settlement import Settlement, claim_batch, settle_batch
from store.receipts.inbox import InboxFigures, add_to_inbox, read_inbox_figures
from store.records.outcome import NO_UMID, Origin, head, number_field, runs
from store.states import State

SECRET = "Bearer bench-webhooks"
COMES_UP = 30.0  # s
AT_ONCE = 1000
SHARED = 25  # bodies of an entry


class WebStage:
    """The processes of one run; a context manager that stops all of them.

    Args:
        home: a directory that does not exist yet.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._cleanup = ExitStack()
        self._worker: Child | None = None

    def __enter__(self) -> "WebStage":
        self._home.mkdir(parents=True)
        with ExitStack() as started:
            self._start(started)
            self._cleanup = started.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._cleanup.close()

    @property
    def inbox(self) -> InboxFigures:
        """Counts of the inbox."""
        return self.store.run(read_inbox_figures())

    def begin(
        self, path: str, authorization: str, bodies: Sequence[str], *,
        connections: int, seconds: float, every: int = 1, most: int | None = None,
    ) -> Child:  # fmt: skip
        """Start a process that generates load."""
        host, _, port = self.url.removeprefix("http://").rpartition(":")
        where = host, int(port), path, authorization
        load = Load(*where, list(bodies), every, connections, seconds, most)
        order = self._home / "load.json"
        order.write_bytes(msgspec.json.encode(load))
        words = python("bench.web_load", str(order))
        return start(words, self._log("load"), env=self._environment, read_stdout=True)

    def finish(self, caller: Child, seconds: float) -> Answered:
        """Counts of the load process."""
        line = caller.first_line(seconds + COMES_UP)
        caller.stop()
        if not line:
            raise BenchError(f"The load failed: {last_line(self._log('load'))}")
        return msgspec.json.decode(line, type=Answered)

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far, by process."""
        found = {
            "web": cpu_seconds([self._web.pid]),
            "redis": cpu_seconds([self._server_pid]),
        }
        if self._worker is not None:
            found["worker"] = cpu_seconds(family(self._worker.pid))
        return found

    def start_worker(self) -> None:
        """Start one worker with one process; it is ready when the inbox is empty."""
        plan = LocalPlan(
            self._home,
            embedded=False,
            worker_processes=1,
            environment=tuple(self._settings.items()),
        )
        self._worker = Local(plan).start_worker()
        self._cleanup.callback(self._worker.stop, 10)

    def start_sender(self) -> None:
        """Start a provider, and one worker with one process that sends to it."""
        provider = Provider(self._home / "provider.log", 0)
        self._cleanup.callback(provider.stop)
        self._site = Site(str(self._home), self._redis_url, provider.url)
        self._worker = SYSTEM.start_workers(self._site, 1)
        self._cleanup.callback(self._worker.stop, 10)

    def send_campaign(self, name: str, people: int) -> str:
        """Launch a campaign and wait until the provider has accepted it; returns its lane."""
        work = write_work(self._home, name, people)
        SYSTEM.enqueue(self._site, work)
        wait_until(lambda: SYSTEM.recorded(self.store.client, work) == people, 60)
        (lane,) = lanes_of(self.store.client, work)
        return lane

    def accepted_campaign(self, n: int) -> str:
        """A campaign of n people that the provider has accepted; returns its lane."""
        plan = CampaignPlan("Bench", SUB_ACCOUNT, b"", "digest", "file")
        lane, _ = open_campaign(self.store, plan)
        for first in range(0, n, AT_ONCE):
            lines = [b"44%010d" % i for i in range(first, min(n, first + AT_ONCE))]
            end = first + len(lines)
            self.store.run(enqueue_rows(lane, Place(first), Place(end, end, end), lines, 0))
        self.store.run(finish_loading(lane))
        for batch in range(-(-n // AT_ONCE)):
            self._accept(lane, f"{batch:012x}")
        return lane

    def fill_inbox(self, bodies: Iterator[bytes]) -> None:
        """Put bodies where the web process puts them."""
        while part := list(islice(bodies, SHARED)):
            self.store.run(add_to_inbox(*part))

    def _accept(self, lane: str, batch: str) -> None:
        claim = self.store.run(
            claim_batch(
                lane, batch, owner="bench", most=AT_ONCE, most_bytes=1 << 21, lease_ms=60_000
            )
        )
        now = claim.now_ms // 1000
        start = head(State.ACCEPTED, 1, Origin.NONE, 0, now, now)
        records = [(job.index, start + number_field(job.recipient) + NO_UMID) for job in claim.jobs]
        what = Settlement(counts={State.ACCEPTED: len(records)}, records=runs(records))
        self.store.run(settle_batch(lane, batch, len(records), "bench", what))

    def _start(self, started: ExitStack) -> None:
        server = EmbeddedServer(self._home / "redis")
        started.callback(server.stop)
        server.start()
        assert server.child is not None
        self._server_pid = server.child.pid
        self._redis_url = server.url
        self.store = Store.connect(server.url)
        started.callback(self.store.close)
        self._settings: dict[str, str] = _settings(self._home, server.url)
        self._environment = {**os.environ, **self._settings}
        self._web = start(
            python("sendmany.api"),
            self._log("web"),
            env=self._environment,
            read_stdout=True,
        )
        started.callback(self._web.stop)
        line = self._web.first_line(COMES_UP)
        if not line:
            raise BenchError(f"The web process failed: {last_line(self._log('web'))}")
        self.url = str(json.loads(line)["listening"])
        self.bearer = f"Bearer {self._token()}"

    def _token(self) -> str:
        id_, secret = draw_token()
        token = Token(id_, "bench", frozenset({Scope.ENQUEUE}), frozenset())
        self.store.run(add_token(token, secret))
        return token_text(id_, secret)

    def _log(self, name: str) -> Path:
        return self._home / "logs" / f"{name}.log"


def _settings(home: Path, redis_url: str) -> dict[str, str]:
    account = {"base_url": "http://127.0.0.1:9", "api_key": API_KEY}
    return {
        "SENDMANY_REDIS_URL": redis_url,
        "SENDMANY_BROKER_URL": "",
        "SENDMANY_STATE_DIR": str(home),
        "SENDMANY_SUB_ACCOUNTS": json.dumps({SUB_ACCOUNT: account}),
        "SENDMANY_WEB__PORT": "0",
        "SENDMANY_WEBHOOKS__AUTHORIZATION": json.dumps([SECRET]),
        "SENDMANY_LOG_FORMAT": "json",
    }


def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    """Wait until a condition is true.

    Raises:
        BenchError: it did not become true in so many seconds.
    """
    give_up = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > give_up:
            raise BenchError("It took too long.")
        time.sleep(0.02)
