"""The three scenes of a run, each on a fresh stage: a filled queue, a flow, single messages."""

import signal
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError
from bench.meter import settled_bytes, stored_bytes
from bench.producer import Produced
from bench.stage import Cpu, Setting, Stage
from bench.systems import load_system
from bench.workload import Work

RUN = "spring"
IDLE_PAUSE = (0.03, 0.1)
BUSY_PAUSE = (0.005, 0.02)
MOST_URGENT = 5000


@dataclass(frozen=True, slots=True)
class Filled:
    """A queue filled while the workers are frozen, then drained."""

    enqueue_per_s: float
    drain_per_s: float
    bytes_waiting: float  # a message
    bytes_finished: float
    enqueue_cpu_us: Cpu
    drain_cpu_us: Cpu
    messages_per_request: float
    producer_mb: float  # peaks
    worker_mb: float
    redis_mb: float


@dataclass(frozen=True, slots=True)
class Flow:
    """Enqueued and drained at the same time, from a file of recipients to outcomes on record."""

    end_to_end_per_s: float
    cpu_us: Cpu
    worker_mb: float


@dataclass(frozen=True, slots=True)
class Delays:
    """Milliseconds from the call that enqueues a single message to its arrival at the provider."""

    idle: tuple[float, ...]  # empty = sends no single messages
    urgent: tuple[float, ...]  # while a campaign is sent at full speed; empty = cannot be urgent


def fill_and_drain(setting: Setting, home: Path, recipients: int, lanes: int = 1) -> Filled:
    """Fill a queue, then drain it."""
    with Stage(setting, home) as stage:
        work = stage.write(RUN, recipients, lanes)
        empty = settled_bytes(stage.client)
        stage.hold_workers()
        before = stage.cpu()
        filled = stage.finish(stage.begin(work))
        between, full = stage.cpu(), stored_bytes(stage.client)
        stage.release_workers()
        done = stage.wait_until_recorded(work)
        after, finished = stage.cpu(), settled_bytes(stage.client)
        _check(stage, work)
        tally = stage.provider.tally()
        drained = work.recipients - tally.first_batch
        return Filled(
            enqueue_per_s=work.recipients / (filled.ended - filled.began),
            drain_per_s=drained / (done - tally.first),
            bytes_waiting=(full - empty) / work.recipients,
            bytes_finished=(finished - empty) / work.recipients,
            enqueue_cpu_us=between.since(before, filled.cpu).per_message(work.recipients),
            drain_cpu_us=after.since(between, 0).per_message(work.recipients),
            messages_per_request=work.recipients / tally.requests,
            producer_mb=filled.rss_mb,
            worker_mb=stage.worker_peak_mb(),
            redis_mb=stage.server_peak_mb(),
        )


def flow(setting: Setting, home: Path, recipients: int) -> Flow:
    """Enqueue and drain at the same time."""
    with Stage(setting, home) as stage:
        work = stage.write(RUN, recipients)
        producer = stage.begin(work)
        before = stage.cpu()
        done = stage.wait_until_recorded(work)
        after = stage.cpu()
        produced = stage.finish(producer)
        _check(stage, work)
        return Flow(
            end_to_end_per_s=work.recipients / (done - produced.began),
            cpu_us=after.since(before, produced.cpu).per_message(work.recipients),
            worker_mb=stage.worker_peak_mb(),
        )


def delays(setting: Setting, home: Path, recipients: int, probes: int) -> Delays:
    """Send single messages while nothing else happens, and urgent ones during a campaign.

    Args:
        recipients: of that campaign.
        probes: single messages while nothing else happens; urgent ones are sent as long as the
            campaign takes.
    """
    if not load_system(setting.system).can_probe:
        return Delays((), ())
    with Stage(setting, home) as stage:
        idle = stage.finish(stage.begin_probes("idle", probes, IDLE_PAUSE))
        quiet = _delays(stage, idle, idle.ended)
        if not stage.system.can_be_urgent:
            return Delays(quiet, ())
        stage.provider.forget()
        work = stage.write(RUN, recipients)
        prober = stage.begin_probes("urgent", MOST_URGENT, BUSY_PAUSE, urgent=True)
        producer = stage.begin(work)
        done = stage.wait_until_recorded(work)
        prober.signal(signal.SIGTERM)
        campaign, urgent = stage.finish(producer), stage.finish(prober)
        return Delays(quiet, _delays(stage, urgent, done, campaign.began))


def _delays(stage: Stage, produced: Produced, until: float, since: float = 0) -> tuple[float, ...]:
    """Delays of the probes that were sent between two moments."""
    came = stage.arrivals(produced.sent.keys())
    return tuple(
        round((came[id_] - sent) * 1000, 3)
        for id_, sent in produced.sent.items()
        if since <= sent <= until
    )


def _check(stage: Stage, work: Work) -> None:
    """Every message came exactly once, and every outcome is on record.

    Raises:
        BenchError: not so; a rate of messages that got lost or doubled is worth nothing.
    """
    tally = stage.provider.tally()
    if (tally.messages, tally.distinct, tally.doubled) != (work.recipients, work.recipients, 0):
        raise BenchError(f"Of {work.recipients} messages not each came exactly once: {tally}.")
    if not stage.system.balances(stage.client, work):
        raise BenchError("Not every message has exactly one outcome on record.")
