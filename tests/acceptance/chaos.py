"""`make chaos SECONDS=… SEED=…`: campaigns are sent while all processes around them are killed and
frozen.

    python -m tests.acceptance.chaos --seconds 60 --seed 7

Four campaigns run at a time: one against a provider with many faults (`wild`) and one against one that
also fails after accepting messages (`ambiguous`), both with all policies on `hold`; one against the
latter that resends; and a smaller one that resends without a receipt, against a third provider that
fails like the second and posts receipts. An application enqueues single messages with keys beside them.
Meanwhile processes are killed and frozen (tests.acceptance.trouble). Then everything settles, and the
records are compared.

Events are logged to stderr. The last line on stdout is one JSON object. The exit code is 1 when an
invariant is broken. The seed decides about strikes, failures and pauses, not about how threads race.
"""

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any, TypeVar

from sendmany.local.processes import Child, python, start
from sendmany.local.stack import Local, LocalPlan, Receiver
from store.client import Store
from store.errors import StoreUnavailable
from store.lanes.lane import LaneStatus, Policies, Priority, announce, move_lane
from store.lanes.open import open_notifications
from store.queue.enqueue import NewMessage, Taken, enqueue_messages
from store.reports.lane_report import report
from tests.acceptance.arrivals import (
    arrivals,
    busiest_second,
    excesses,
    most_in_a_second,
    unexcused,
)
from tests.acceptance.invariants import Expected, examine
from tests.acceptance.trouble import Crew, Trouble
from tests.integration.worker.rig import launch_campaign

T = TypeVar("T")
LEASE = 3.0
DEADLINE = 2.0
FREEZE = (LEASE * 1.2, LEASE * 2.5)
SETTLE = 150.0  # s until everything must have ended after the last strike
RATE = 1000  # messages a second and sub-account
POSTING = "posting"  # the provider that posts receipts
SMALLER = 10  # factor: smaller, since each message causes some three receipts
HOLD = Policies(on_unconfirmed="hold", on_server_error="hold")
RESEND = Policies(on_unconfirmed="resend", on_server_error="retry")
CONFIRMED = Policies(on_unconfirmed="resend", on_server_error="retry", settle_after=8)
KINDS = {"wild": HOLD, "doubtful": HOLD, "resent": RESEND, "proven": CONFIRMED}
SANDBOX_OF = {"wild": "wild", "doubtful": "ambiguous", "resent": "ambiguous", "proven": POSTING}
NOTIFICATIONS = "n-chaos1-n681231"
KEY = "sandbox-key"
SECRET = "Bearer of receipts"


@dataclass
class Run:
    """Parameters and processes of a run."""

    seconds: float
    seed: int
    recipients: int
    home: Path
    workers: int = 2
    sandboxes: dict[str, str] = field(default_factory=dict)  # name → URL
    lanes: list[Expected] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def say(self, line: str) -> None:
        """Log one line."""
        print(f"{time.monotonic() - self.started:7.1f} s  {line}", file=sys.stderr, flush=True)


class Application:
    """Enqueues jobs: retries until Redis answers, and records the answers."""

    def __init__(self, run: Run, url: str) -> None:
        self._run = run
        self._store = Store.connect(url)
        self._closing = Event()
        self._lanes: dict[str, Expected] = {}
        self._messages: set[str] = set()  # acknowledged ids
        self._sent = 0
        self._thread = Thread(target=self._work, daemon=True)
        self.broken: list[str] = []

    def start(self) -> None:
        """Start in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Stop enqueuing."""
        self._closing.set()
        self._thread.join()
        self._insist(lambda: self._store.run(move_lane(NOTIFICATIONS, "close")))
        url = self._run.sandboxes["ambiguous"]
        self._run.lanes.append(Expected(NOTIFICATIONS, self._sent, True, url))
        if len(self._messages) != self._sent:
            self.broken.append(f"{self._sent} messages have {len(self._messages)} ids")

    def _work(self) -> None:
        self._insist(
            lambda: open_notifications(
                self._store, NOTIFICATIONS, "resent", Priority.NORMAL, RESEND
            )
        )
        while not self._closing.is_set():
            for kind in KINDS:
                self._see_to(kind)
            for _ in range(10):
                self._notify()
                self._closing.wait(0.05)

    def _see_to(self, kind: str) -> None:
        """Launch the first campaign of a kind, and the next one when the last has ended."""
        last = self._lanes.get(kind)
        if last is not None:
            status = self._insist(lambda: report(self._store, last.lane)).lane.status
            if not status.ended:
                return
        if self._closing.is_set():
            return
        name = f"{kind} {len(self._run.lanes)}"
        n = self._run.recipients // (SMALLER if kind == "proven" else 1)
        lane = self._insist(
            lambda: launch_campaign(self._store, n, name, sub_account=kind, policies=KINDS[kind])
        )
        url = self._run.sandboxes[SANDBOX_OF[kind]]
        self._lanes[kind] = Expected(lane, n, KINDS[kind].on_unconfirmed == "resend", url)
        self._run.lanes.append(self._lanes[kind])
        self._run.say(f"launched {lane}")

    def _notify(self) -> None:
        """Enqueue two messages, each with its own key."""
        messages = [
            NewMessage(
                b'4477009%05d\t{"type":"text","content":{"text":"Code"}}' % (number % 100000),
                number.to_bytes(16, "big"),
                b"12345678",
            )
            for number in range(self._sent, self._sent + 2)
        ]
        taken = self._insist(lambda: self._store.run(enqueue_messages(NOTIFICATIONS, messages)))
        assert taken is not None
        if any(what is Taken.CONFLICT for what, _ in taken):
            self.broken.append("a key came back as a conflict")
        self._messages.update(id_ for _, id_ in taken)
        self._sent += len(messages)
        self._insist(lambda: self._store.run(announce(NOTIFICATIONS, Priority.NORMAL)))

    def _insist(self, what: Callable[[], T]) -> T:
        while True:
            try:
                return what()
            except StoreUnavailable:
                time.sleep(0.2)


def run_chaos(run: Run) -> dict[str, Any]:
    """Run to the end; returns the figures, `breaches` among them."""
    plan = LocalPlan(
        run.home,
        worker_processes=0,
        fsync="always",
        environment=_environment(),
        receiver=Receiver((SECRET,)),
    )
    providers: list[Child] = []
    try:
        with Local(plan) as local:
            for name in dict.fromkeys(SANDBOX_OF.values()):
                providers.append(start_sandbox(run, name, local.receiver_url))
            local.environment["SENDMANY_SUB_ACCOUNTS"] = _accounts(run)
            crew = Crew(local, run.workers)
            try:
                crew.hire()
                return _troubled(run, crew)
            finally:
                crew.dismiss()
    finally:
        for provider in providers:
            provider.stop(0.5)


def start_sandbox(run: Run, name: str, receiver: str) -> Child:
    """Start a provider that fails as its name says; `posting` is ambiguous and posts receipts."""
    posts = name == POSTING
    options = [
        f"--faults={'ambiguous' if posts else name}",
        f"--seed={run.seed}",
        "--latency-ms=30",
    ]
    options += [f"--sub-account={kind}" for kind, its in SANDBOX_OF.items() if its == name]
    if posts:
        options += [f"--webhook-url={receiver}", "--receipts=plain", "--webhook-patience=0.1"]
    log = run.home / f"{name}.log"
    sandbox = start(
        python("chatapps.sandbox", *options),
        log,
        env={**os.environ, "SANDBOX_API_KEY": KEY, "SANDBOX_WEBHOOK_AUTHORIZATION": SECRET},
        read_stdout=True,
    )
    run.sandboxes[name] = json.loads(sandbox.first_line(20))["listening"]
    return sandbox


def _accounts(run: Run) -> str:
    accounts = {
        kind: {
            "base_url": run.sandboxes[name],
            "api_key": KEY,
            "messages_per_second": _rate(kind),
            "burst": _rate(kind) // 2,
            "requests_per_second": 0,
        }
        for kind, name in SANDBOX_OF.items()
    }
    return json.dumps(accounts)


def _rate(kind: str) -> int:
    return RATE // SMALLER if kind == "proven" else RATE


def _environment() -> tuple[tuple[str, str], ...]:
    settings: dict[str, object] = {
        "BATCH__MAX_MESSAGES": 100,
        "HTTP__DEADLINE": DEADLINE,
        "HTTP__READ_TIMEOUT": DEADLINE,
        "WORKER__LEASE_SECONDS": LEASE,
        "WORKER__SWEEP_SECONDS": 0.5,
        "RETRY__QUICK_BASE": 0.1,
        "RETRY__BASE_DELAY": 0.3,
        "RETRY__MAX_DELAY": 3,
        "RETRY__RETRY_AFTER_CAP": 1,
        "POLICIES__RESEND_FLOOR": 0,
        "POLICIES__RESEND_PAUSES": [0],
        "LOG_FORMAT": "json",
    }
    return tuple((f"SENDMANY_{name}", str(value)) for name, value in settings.items())


def _troubled(run: Run, crew: Crew) -> dict[str, Any]:
    assert crew.local.server is not None
    url = crew.local.server.url
    trouble = Trouble(crew, random.Random(run.seed), FREEZE, run.say)
    application = Application(run, url)
    application.start()
    trouble.run(run.seconds)
    trouble.undo()
    run.say("no more trouble; everything settles")
    application.stop()
    store = Store.connect(url)
    late = _settle(run, crew, store)
    found = _examine(run, store, late)
    speed = _speed(run, trouble.thaws)
    found["breaches"] += application.broken + crew.faults + speed.pop("breaches")
    if crew.local.web is None or crew.local.web.exit_code() is not None:
        found["breaches"].append("the web process ended by itself")
    store.close()
    return {
        "seed": run.seed,
        "seconds": run.seconds,
        **found,
        **speed,
        "strikes": dict(sorted(trouble.strikes.items())),
        "workers": len(crew.ever),
        "ended_while_starting": crew.ended_while_starting,
        "slowest_stop": round(crew.slowest_leave, 1),
        **_told(crew.local.worker_log),
    }


def _settle(run: Run, crew: Crew, store: Store) -> list[str]:
    """Wait until every lane has ended; returns a sentence about each that does not."""
    end, began = time.monotonic() + SETTLE, time.monotonic()
    open_ = [lane.lane for lane in run.lanes]
    while open_ and time.monotonic() < end:
        crew.watch()
        time.sleep(0.2)
        open_ = [lane for lane in open_ if not report(store, lane).lane.status.ended]
    run.say(f"settled within {time.monotonic() - began:.1f} s")
    late = [report(store, lane) for lane in open_]
    return [f"{one.lane.id} never ended: {one.lane.status} {one.counts}" for one in late]


def _examine(run: Run, store: Store, late: list[str]) -> dict[str, Any]:
    """Recount all lanes."""
    states: Counter[str] = Counter()
    stats: Counter[str] = Counter()
    figures: Counter[str] = Counter()
    breaches = list(late)
    for expected in run.lanes:
        found = examine(store, expected)
        states.update({str(state): n for state, n in found.states.items()})
        figures[_duplicates(expected)] += found.doubled
        figures["lost"] += found.lost
        breaches += found.breaches
        ended = report(store, expected.lane)
        stats.update(ended.stats)
        if ended.lane.status is LaneStatus.STOPPED:
            breaches.append(f"{expected.lane} was stopped: {ended.lane.reason}")
    return {
        "lanes": len(run.lanes),
        "messages": sum(expected.jobs for expected in run.lanes),
        "states": dict(sorted(states.items())),
        "stats": dict(sorted(stats.items())),
        "lost": figures["lost"],
        "duplicates_hold": figures["duplicates_hold"],
        "duplicates_resend": figures["duplicates_resend"],
        "duplicates_confirmed": figures["duplicates_confirmed"],
        "breaches": breaches,
    }


def _duplicates(expected: Expected) -> str:
    if expected.lane.startswith("proven"):
        return "duplicates_confirmed"
    return "duplicates_resend" if expected.resends else "duplicates_hold"


def _speed(run: Run, thaws: list[float]) -> dict[str, Any]:
    """The most messages of each sub-account in any second, and the breaches of its limit."""
    busiest, excused, breaches = {}, 0, []
    for url in run.sandboxes.values():
        for sub_account, requests in arrivals(url).items():
            busiest[sub_account] = busiest_second(requests)
            rate = _rate(sub_account)
            over = excesses(sub_account, requests, most_in_a_second(rate, rate // 2))
            unasked = unexcused(over, thaws)
            excused += len(over) - len(unasked)
            breaches += [
                f"{sub_account}: {one.messages} messages in a second, at {one.end - run.started:.2f} s"
                for one in unasked
            ]
    return {"busiest_second": busiest, "excused_seconds": excused, "breaches": breaches}


def _told(log: Path) -> dict[str, int]:
    """Counts from the workers' logs; a line cut off by a kill is skipped."""
    told: Counter[str] = Counter()
    for line in log.read_text(errors="replace").splitlines():
        try:
            entry = json.loads(line) if line.startswith("{") else {}
        except ValueError:
            continue
        match entry.get("event"):
            case "batches_recovered":
                told["recovered_back"] += entry["back"]
                told["recovered_in_doubt"] += entry["in_doubt"]
                told["set_aside"] += entry["aside"]
            case "in_doubt_batch_resolved":
                told["in_doubt_resolved"] += 1
                told["in_doubt"] += entry["known"] + entry["again"] + entry["closed"]
                told["in_doubt_and_confirmed"] += entry["known"]
            case "webhooks_applied":
                told["receipts"] += entry["entries"]
            case "lease_lost":
                told["answers_after_the_lease"] += 1
            case "settlement_waits_for_store":
                told["settling_waited"] += 1
            case str(event) if entry.get("level") in ("error", "critical"):
                told[f"{entry['level']}: {event.split('(')[0][:60]}"] += 1
            case _:
                pass
    return dict(sorted(told.items()))


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="chaos", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60, help="of trouble; then it settles")
    parser.add_argument("--seed", type=int, help="the default is a new one, which is printed")
    parser.add_argument("--recipients", type=int, default=20_000, help="of each campaign")
    parser.add_argument("--keep", action="store_true", help="the logs and the data, in any case")
    options = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if options.seed is None else options.seed
    home = Path(tempfile.mkdtemp(prefix="chaos-"))
    run = Run(options.seconds, seed, options.recipients, home)
    run.say(f"seed {seed}, {options.seconds:g} s of trouble, in {home}")
    figures = run_chaos(run)
    if not figures["breaches"] and not options.keep:
        shutil.rmtree(home)
    for breach in figures["breaches"]:
        run.say(f"BROKEN: {breach}")
    run.say("broken" if figures["breaches"] else "every invariant holds")
    print(json.dumps(figures))
    return 1 if figures["breaches"] else 0


if __name__ == "__main__":
    sys.exit(main())
