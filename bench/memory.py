"""Memory of a campaign's message in Redis, queued and finished.

    python -m bench.memory --messages 100000

Starts an embedded server, enqueues a campaign of people with one short value each, claims and settles
all of it as accepted, and prints bytes a message as JSON. Buffers of clients and the AOF do not count.
Then the same for more expensive messages: recipients with a user id, and retried messages, whose
attempts are kept in an attempt log.
"""

import argparse
import json
import tempfile
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sendmany.local.embedded_redis import EmbeddedServer
from store.client import Store, ask_server, text
from store.lanes.lane import finish_loading
from store.lanes.open import CampaignPlan, open_campaign
from store.queue.enqueue import Place, enqueue_rows
from store.queue.settlement import Settlement, attempt_log_entries, claim_batch, settle_batch
from store.records.job_section import Job
from store.records.outcome import Origin, head, number_field, runs, umid_field
from store.reports.lane_report import report
from store.states import State

CHUNK = 1000
NOW = 1_750_000_000
FIRST_NUMBER = 493023125000000  # Berlin 23125 is reserved for fiction
KINDS = {"queue": "jobs", "s": "seen numbers", "o": "outcomes", "v": "kept values"}


Redriven = Callable[[Sequence[Job]], Sequence[Job]]
"""The jobs of a batch that were not accepted at once."""
RETRIED: dict[str, Redriven] = {
    "a whole batch was retried": lambda jobs: jobs,
    "1 in 20 was retried": lambda jobs: jobs[::20],
}


def measure(messages: int, home: Path) -> dict[str, object]:
    """Run each campaign on a server of its own; returns the results."""
    with server_in(home / "usual") as store:
        empty = used_memory(store)
        lane = load(store, messages)
        waiting, where_waiting = used_memory(store) - empty, by_kind(store)
        send(store, lane)
        finished, where_finished = used_memory(store) - empty, by_kind(store)
        assert report(store, lane).sent == messages
        version_ = text(store.run(ask_server("INFO", "server", parse=version)))
    return {
        "messages": messages,
        "server": version_,
        "bytes_per_waiting_message": round(waiting / messages, 1),
        "bytes_per_finished_message": round(finished / messages, 1),
        "waiting": per_message(where_waiting, messages),
        "finished": per_message(where_finished, messages),
        "finished, the rest": the_rest(messages, home),
    }


def the_rest(messages: int, home: Path) -> dict[str, float]:
    """Bytes of a finished message of the more expensive kinds."""
    found: dict[str, float] = {}
    cases = {"its values kept": no_one, "named by a user id": no_one, **RETRIED}
    for name, retried in cases.items():
        with server_in(home / name) as store:
            empty = used_memory(store)
            keep = name == "its values kept"
            lane = load(store, messages, user_ids=retried is no_one and not keep, keep=keep)
            send(store, lane, retried)
            found[name] = round((used_memory(store) - empty) / messages, 1)
    return found


def no_one(jobs: Sequence[Job]) -> Sequence[Job]:
    """No job is retried."""
    return ()


@contextmanager
def server_in(home: Path) -> Iterator[Store]:
    """A fresh server with scripts loaded."""
    server = EmbeddedServer(home)
    server.start()
    try:
        store = Store.connect(server.url)
        store.load()
        yield store
        store.close()
    finally:
        server.stop()


def load(store: Store, messages: int, *, user_ids: bool = False, keep: bool = False) -> str:
    """Enqueue a campaign, chunk by chunk."""
    plan = CampaignPlan("Memory", "shop", b"{}", "digest", "source")
    lane, _ = open_campaign(store, plan)
    for first in range(0, messages, CHUNK):
        last = min(messages, first + CHUNK)
        person = b"GB.%d" if user_ids else b"%d"
        line = person + b"\tGuest %d"
        lines = [line % (FIRST_NUMBER + i, i % 1000) for i in range(first, last)]
        kept = [line.partition(b"\t")[2] for line in lines] if keep else ()
        end = Place(last, last, last)
        store.run(enqueue_rows(lane, Place(first), end, lines, 0, kept=kept))
    store.run(finish_loading(lane))
    return lane


def send(store: Store, lane: str, retried: Redriven = no_one) -> None:
    """Claim and settle everything, each message with a umid."""
    batch = 0
    while True:
        batch += 1
        claim = store.run(
            claim_batch(
                lane, f"b{batch}", owner="bench", most=CHUNK, most_bytes=1 << 21, lease_ms=60_000
            )
        )
        if not claim.jobs:
            return
        what = accepted(claim.jobs)
        entry = f"1 api 2000 {NOW} b{batch}"
        what.attempt_logs = list(attempt_log_entries(retried(claim.jobs), entry))
        store.run(settle_batch(lane, f"b{batch}", len(claim.jobs), "bench", what))
        store.client.delete(*store.client.keys(f"sm:{{{lane}}}:done:*"))  # expire after 10 minutes


def accepted(jobs: list[Job]) -> Settlement:
    """The settlement of a batch that the provider accepts whole."""
    start = head(State.ACCEPTED, 1, Origin.NONE, 0, NOW, NOW)
    records = runs(
        (job.index, start + number_field(job.recipient) + umid_field(str(uuid.uuid4())))
        for job in jobs
    )
    return Settlement({State.ACCEPTED: len(jobs)}, records)


def used_memory(store: Store) -> int:
    """Bytes in use, without the buffers of clients and the AOF."""
    is_ = store.client.info("memory")
    return int(is_["used_memory"]) - int(is_["mem_clients_normal"]) - int(is_["mem_aof_buffer"])


def by_kind(store: Store) -> Counter[str]:
    """Bytes by kind of key."""
    sizes: Counter[str] = Counter()
    for key in store.client.scan_iter(count=1000):
        kind = KINDS.get(text(key).rpartition("}:")[2].split(":")[0], "other")
        sizes[kind] += store.run(ask_server("MEMORY", "USAGE", key, "SAMPLES", 0, parse=int))
    return sizes


def per_message(sizes: Counter[str], messages: int) -> dict[str, float]:
    """Bytes per message, of each kind."""
    return {kind: round(size / messages, 2) for kind, size in sizes.most_common()}


def version(reply: dict[str, object]) -> str:
    """Name and version of the server."""
    if "valkey_version" in reply:
        return f"valkey {reply['valkey_version']}"
    return f"redis {reply['redis_version']}"


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sendmany-bench-") as home:
        print(json.dumps(measure(arguments.messages, Path(home)), indent=2))


if __name__ == "__main__":
    main()
