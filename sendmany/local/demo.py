"""The demo: a campaign from its file to the last outcome, through real processes, with faults."""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from config.celery_app import hint_drain
from producer.campaigns.launch import Launch, check, run
from producer.campaigns.load import Loaded
from sendmany.console.connection import connect
from sendmany.console.progress import Meter, loading_note, show_sending
from sendmany.doctor.workers import wait_for_loops
from sendmany.errors import ProcessError
from sendmany.local.demo_files import write_files
from sendmany.local.processes import Wait
from sendmany.local.sandbox_check import Audit, LedgerSummary, compare, read_summary, read_taken
from sendmany.local.stack import (
    SANDBOX_ID,
    SUB_ACCOUNTS,
    Local,
    LocalPlan,
    Sandbox,
    WebPlan,
)
from store.client import Store
from store.lanes.lane import LaneStatus
from store.records.outcome import Outcome
from store.reports.lane_report import LaneReport, outcomes, report
from store.reports.recount import recount
from store.reports.waiting import waiting
from store.states import State

DEFAULT_SEED = 14
"""With this seed a short run meets a 500, a 503 and a 429."""
WORKER_PROCESSES = 2
LATENCY_MS = 30
STALL_SECONDS = 120.0
_STEP = 0.1
_TRANSIENT = "2000"
_KEPT = ("BATCH__", "RETRY__", "WORKER__", "HTTP__", "LOG_")


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """Parameters of a demo."""

    recipients: int = 10_000
    faults: str = "mild"
    seed: int = DEFAULT_SEED
    rate: float = 0  # messages/s; 0 = unlimited


@dataclass(frozen=True, slots=True)
class Figures:
    """Result of a demo; the field names are those of `--json`."""

    recipients: int
    accepted: int
    rejected: int
    failed: int
    unconfirmed: int
    requests: int
    retries: int  # retried messages
    seconds: float  # from the first enqueue to the last outcome
    messages_per_second: float
    ledger_balanced: bool
    provider_duplicates: int
    lost: int  # accepted but not at the provider, or not found
    unrecorded: int  # at the provider, but not accepted in our records
    mean_batch: float
    rejected_by_code: dict[str, int]
    requests_by_status: dict[str, int]
    messages_refused_once: int  # with the provider's internal error
    most_messages_in_one_second: int

    @property
    def flawless(self) -> bool:
        """True when no message was lost, doubled or miscounted."""
        wrong = self.lost or self.unrecorded or self.provider_duplicates
        return self.ledger_balanced and not wrong

    def as_json(self) -> dict[str, Any]:
        """The figures as JSON."""
        return asdict(self)


def forget_settings() -> None:
    """Drop the user's own settings of Redis and accounts: the demo has its own."""
    for name in list(os.environ):
        section = name.removeprefix("SENDMANY_")
        if section != name and not section.startswith(_KEPT):
            del os.environ[name]


def local_plan(plan: DemoPlan, home: Path, *, page: bool = False) -> LocalPlan:
    """The processes of a demo. Its settings are its own, whatever settings file exists."""
    config = home / "sendmany.toml"
    config.touch()
    environment = {
        "SENDMANY_CONFIG": str(config),
        "SENDMANY_STATE_DIR": str(home),
        SUB_ACCOUNTS: json.dumps({SANDBOX_ID: {"messages_per_second": plan.rate}}),
        "SENDMANY_BATCH__MAX_MESSAGES": str(batch_size(plan.recipients)),
        "SENDMANY_RETRY__BASE_DELAY": "0.5",
    }
    kept = {name: os.environ[name] for name in environment if name in os.environ}
    return LocalPlan(
        home,
        sandbox=Sandbox(faults=plan.faults, seed=plan.seed, latency_ms=LATENCY_MS),
        worker_processes=WORKER_PROCESSES,
        web=WebPlan() if page else None,
        environment=tuple({**environment, **kept}.items()),
    )


def batch_size(recipients: int) -> int:
    """Batch size for some fifty requests: enough to meet faults."""
    return max(20, min(1000, recipients // 50))


def play(plan: DemoPlan, local: Local, home: Path, on_wait: Wait) -> Figures:
    """Launch the campaign, wait for its end, and compare our records with the provider's.

    Raises:
        ProcessError: a process ended by itself, or there is no progress any more.
    """
    launch = write_files(plan.recipients, home, on_wait)
    store = connect(local.settings())
    try:
        store.load()
        _wait_for_worker(store, local, on_wait)
        lane = _load(store, launch, on_wait)
        end = _watch(store, lane, local, on_wait)
        return _figures(plan, store, end, local.sandbox_url, on_wait)
    finally:
        store.close()


def _wait_for_worker(store: Store, local: Local, on_wait: Wait) -> None:
    def watch() -> None:
        on_wait()
        local.see_that_all_run()

    if not wait_for_loops(store, WORKER_PROCESSES, 30, watch):
        raise ProcessError("The worker did not start to work within 30 seconds.")


def _load(store: Store, launch: Launch, on_wait: Wait) -> str:
    with Meter("Loading") as meter:

        def progress(loading: Loaded) -> None:
            on_wait()
            note = loading_note(loading.duplicates, loading.invalid_rows)
            meter.show(loading.rows, prepared.file.estimated_rows(), note)

        prepared = check(launch)
        launched = run(store, prepared, hint_drain, progress)
        meter.show(launched.lane.row, launched.lane.row, loading_note(0, 0))
        return launched.lane.id


def _watch(store: Store, lane: str, local: Local, on_wait: Wait) -> LaneReport:
    moved_at, moved = time.monotonic(), -1
    with Meter("Sending") as meter:
        while True:
            now = report(store, lane)
            show_sending(meter, now, waiting(store, now.lane))
            if now.lane.status.ended:
                return now
            if now.lane.status is LaneStatus.STOPPED:
                raise ProcessError(f"The campaign has stopped: {now.lane.reason}.")
            if now.done != moved:
                moved_at, moved = time.monotonic(), now.done
            if time.monotonic() > moved_at + STALL_SECONDS:
                raise ProcessError("Nothing has moved for two minutes; run it again with --keep.")
            on_wait()
            local.see_that_all_run()
            time.sleep(_STEP)


def _figures(
    plan: DemoPlan, store: Store, end: LaneReport, sandbox_url: str, on_wait: Wait
) -> Figures:
    lane = end.lane
    counted = recount(store, lane.id)
    ours = _each(outcomes(store, lane.id), on_wait)
    audit = compare(lane.next_index, ours, read_taken(sandbox_url, lane.id))
    missing = plan.recipients - lane.next_index + len(counted.missing)
    return figures(plan, end, counted.balanced, missing, audit, read_summary(sandbox_url))


def figures(
    plan: DemoPlan,
    end: LaneReport,
    balanced: bool,
    missing: int,
    audit: Audit,
    provider: LedgerSummary,
) -> Figures:
    """Compute the figures.

    Args:
        end: the lane after its end.
        missing: recipients of the file that are not in our records.
    """
    counts, codes = end.counts, end.codes
    seconds = max(0.001, (end.lane.finished_at - end.lane.opened_at) / 1000)
    return Figures(
        recipients=plan.recipients,
        accepted=end.sent,  # there are no receipts
        rejected=counts.get(State.REJECTED, 0),
        failed=counts.get(State.FAILED, 0),
        unconfirmed=counts.get(State.UNCONFIRMED, 0),
        requests=end.requests,
        retries=end.stats.get("retried", 0),
        seconds=round(seconds, 2),
        messages_per_second=round(end.done / seconds, 1),
        ledger_balanced=balanced and end.balanced,
        provider_duplicates=audit.duplicates,
        lost=audit.lost + missing,
        unrecorded=audit.unrecorded,
        mean_batch=round(end.mean_batch, 1),
        rejected_by_code={
            name.rpartition(":")[2]: n
            for name, n in sorted(codes.items())
            if name.startswith("rejected:")
        },
        requests_by_status=provider.requests_by_status,
        messages_refused_once=provider.rejected.get(_TRANSIENT, 0),
        most_messages_in_one_second=provider.max_messages_in_one_second,
    )


def _each(records: Iterator[Outcome], on_wait: Wait) -> Iterator[Outcome]:
    for outcome in records:
        if outcome.index % 1000 == 0:
            on_wait()
        yield outcome
