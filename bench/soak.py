"""Memory over hours: campaigns, single messages and receipts, for as long as you like.

`python -m bench.soak --minutes 45 [--json]` starts the embedded server, the sandbox, a receiver and two
workers. Every few seconds a campaign is launched, with single messages beside it; all of them have
receipts, and lanes are removed a tenth of the time after their end. A worker is replaced now and then.
It prints the memory of the processes and of the data in the second and in the last quarter, and what is
left once everything has been removed; exit code 1 if something grows, is left, is lost or goes twice.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from bench.errors import BenchError
from bench.meter import family, resident_mb, stored_bytes
from bench.web_stage import wait_until
from config.celery_app import hint_drain
from producer import Item, Producer
from producer.campaigns.launch import check, run
from sendmany.console.connection import connect
from sendmany.errors import ProcessError
from sendmany.local.demo_files import number, write_files
from sendmany.local.sandbox_check import read_summary
from sendmany.local.stack import Local, LocalPlan, Receiver, Sandbox
from store.client import Store
from store.lanes.lane import list_lanes, read_counts, still_open

CAMPAIGN: Final = 2000
CAMPAIGN_SECONDS: Final = 5.0
SINGLE_SECONDS, SINGLES = 0.25, 5
SAMPLE_SECONDS: Final = 2.0
REPLACEMENTS: Final = 6
GROWTH, GROWTH_MB = 0.10, 6.0
"""More than both is growth."""
SETTLE_SECONDS: Final = 120.0
SECRET: Final = "Bearer of receipts"


@dataclass(slots=True)
class Soak:
    """A run: what was sent, and samples by second."""

    seconds: float
    sent: int = 0
    campaigns: int = 0
    samples: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))

    def quarter(self, what: str, which: int) -> float:
        """Median of a quarter, MB; 0 to 3."""
        begin, end = which * self.seconds / 4, (which + 1) * self.seconds / 4
        found = [mb for at, mb in self.samples[what] if begin <= at < end]
        return round(statistics.median(found), 2) if found else 0.0

    def growth(self) -> list[str]:
        """What has grown from the second quarter to the last one."""
        pairs = {what: (self.quarter(what, 1), self.quarter(what, 3)) for what in self.samples}
        return [
            f"{what}: {before} to {after} MB"
            for what, (before, after) in pairs.items()
            if after > before * (1 + GROWTH) and after > before + GROWTH_MB
        ]


def soak(seconds: float, home: Path) -> dict[str, Any]:
    """Run to the end.

    Raises:
        BenchError: it does not come to its end.
    """
    environment = {
        "SENDMANY_STATE_DIR": str(home),
        "SENDMANY_RETENTION_DAYS": f"{seconds / 10 / 86_400:.6f}",
        "SENDMANY_LOG_LEVEL": "WARNING",
        "SENDMANY_REACTIONS": json.dumps([{"code": n, "action": "none"} for n in (1018, 1051)]),
    }
    plan = LocalPlan(
        home,
        sandbox=Sandbox(latency_ms=20, webhook_patience=0.05),
        receiver=Receiver((SECRET,)),
        environment=tuple(environment.items()),
    )
    this = Soak(seconds)
    with Local(plan) as local:
        store = connect(local.settings())
        try:
            _send(this, local, store, home)
            wait_until(lambda: _all_ended(store), SETTLE_SECONDS)
            summary = read_summary(local.sandbox_url)
            wait_until(lambda: _removed(store), seconds / 10 + SETTLE_SECONDS)
            left = _left(store)
        finally:
            store.close()
    return {
        "minutes": round(seconds / 60, 1),
        "messages": this.sent,
        "campaigns": this.campaigns,
        "lost": this.sent + summary.duplicates - summary.taken,
        "twice": summary.duplicates,
        "mb": {what: [this.quarter(what, n) for n in range(4)] for what in this.samples},
        "grown": this.growth(),
        "left": left,
    }


def _send(this: Soak, local: Local, store: Store, home: Path) -> None:
    producer = Producer(store, local.settings(), hint_drain)
    launch, second = write_files(CAMPAIGN, home, lambda: None), local.start_worker()
    began = time.monotonic()
    due = {"campaign": 0.0, "single": 0.0, "sample": 0.0, "worker": this.seconds / REPLACEMENTS}
    while (at := time.monotonic() - began) < this.seconds:
        local.see_that_all_run()
        if at >= due["campaign"]:
            due["campaign"] = at + CAMPAIGN_SECONDS
            run(store, check(replace(launch, name=f"soak {this.campaigns}")), hint_drain)
            this.sent, this.campaigns = this.sent + CAMPAIGN, this.campaigns + 1
        if at >= due["single"]:
            due["single"] = at + SINGLE_SECONDS
            producer.enqueue_many(_items(this.sent))
            this.sent += SINGLES
        if at >= due["sample"]:
            due["sample"] = at + SAMPLE_SECONDS
            _sample(this, at, local, store)
        if at >= due["worker"]:
            due["worker"] = at + this.seconds / REPLACEMENTS
            second.stop(10)
            second = local.start_worker()
        time.sleep(0.02)
    second.stop(10)


def _items(first: int) -> list[Item]:
    content = {"type": "text", "content": {"text": "Your code is 1234"}}
    return [
        Item({"user": {"msisdn": number(n % 1_000_000)}, **content}, key=f"soak-{n}")
        for n in range(first, first + SINGLES)
    ]


def _sample(this: Soak, at: float, local: Local, store: Store) -> None:
    assert local.server is not None
    children = {"worker": local.worker, "web": local.web, "server": local.server.child}
    for what, child in children.items():
        if child is not None:
            this.samples[what].append((at, resident_mb(family(child.pid))))
    this.samples["data"].append((at, stored_bytes(store.client) / 1e6))


def _all_ended(store: Store) -> bool:
    """True when nothing waits."""
    counts = [store.run(read_counts(lane.id)) for lane in list_lanes(store, newest=10_000)]
    return not any(map(still_open, counts))


def _removed(store: Store) -> bool:
    """True when all campaigns have been removed."""
    return all(lane.kind != "campaign" for lane in list_lanes(store, newest=10_000))


def _left(store: Store) -> list[str]:
    """Keys of removed campaigns that nothing removes."""
    found = [name.decode() for name in store.client.scan_iter("sm:{soak-*")]
    return [name for name in found if store.client.ttl(name) == -1]


def main() -> int:
    """Run it; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="bench.soak",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=45)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    options = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="soak-"))
    try:
        found = soak(options.minutes * 60, home)
    except (BenchError, ProcessError) as error:
        print(f"soak: {error} The logs are in {home}.", file=sys.stderr)
        return 1
    shutil.rmtree(home)
    if options.json:
        print(json.dumps(found))
    else:
        table = Table("MB", "first quarter", "second", "third", "last")
        for what, quarters in found["mb"].items():
            table.add_row(what, *(f"{mb:,.1f}" for mb in quarters))
        Console().print(table)
        print({name: value for name, value in found.items() if name != "mb"})
    return int(any(found[name] for name in ("grown", "left", "lost", "twice")))


if __name__ == "__main__":
    sys.exit(main())
