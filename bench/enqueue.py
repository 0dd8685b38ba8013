"""Cost of enqueuing single messages for a service.

`python -m bench.enqueue` prints JSON: for each variant, µs of CPU time of this process per message (on a
busy machine the best round is most meaningful), and messages per second of wall time. The messages are
templates of about 350 bytes for different people, against the embedded server.

    dicts, bytes   forms of input; `keyed`: with an idempotency key each
    uncommon       messages that the fast parser leaves to the models (a fallback to SMS)
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench.messages import CONTENT
from config.sections import SubAccount
from config.settings import Settings
from producer import AsyncProducer, Item, Producer
from sendmany.local.embedded_redis import EmbeddedServer
from store.client import AsyncStore, Store

TARGET: Final = 60_000  # messages a second, `enqueue_many`
SETTINGS: Final = Settings(sub_accounts={"shop": SubAccount()})


class Cost(NamedTuple):
    """Cost of one variant."""

    best_us: float  # CPU of this process
    median_us: float
    per_s: float  # wall time, median


def message(i: int) -> dict[str, Any]:
    """A template for the i-th person."""
    content = json.dumps(CONTENT["content"]).replace("{{name}}", f"Guest {i}")
    user = {"msisdn": f"+447700{900000 + i % 1000}"}
    return {"user": user, "type": "template", "content": json.loads(content)}


def uncommon(i: int) -> dict[str, Any]:
    """The same with a fallback."""
    made = message(i)
    made["channels"] = [{"channel": "WhatsApp", "fallbackAfter": 60}, {"channel": "SMS"}]
    made["content"]["fallbackText"] = f"Your trip is at 9, Guest {i}"
    return made


def ways(n: int) -> dict[str, list[Item]]:
    """The items of one round of each variant."""
    dicts = [message(i) for i in range(n)]
    return {
        "dicts": [Item(one) for one in dicts],
        "dicts, keyed": [Item(one, f"order-{i}") for i, one in enumerate(dicts)],
        "bytes": [Item(json.dumps(one).encode()) for one in dicts],
        "uncommon": [Item(uncommon(i)) for i in range(n)],
    }


def measure(call: Callable[[], object], n: int, rounds: int) -> Cost:
    """Run the call, each time for n messages."""
    cpu, wall = list[float](), list[float]()
    for _ in range(rounds):
        cpu_before, before = time.process_time(), time.perf_counter()
        call()
        cpu.append((time.process_time() - cpu_before) / n * 1e6)
        wall.append((time.perf_counter() - before) / n)
    middle = sorted(cpu)[rounds // 2]
    return Cost(round(min(cpu), 2), round(middle, 2), round(1 / sorted(wall)[rounds // 2]))


@contextmanager
def _server() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as home:
        server = EmbeddedServer(Path(home))
        server.start()
        try:
            yield server.url
        finally:
            server.stop()


def many(url: str, n: int, rounds: int) -> dict[str, Cost]:
    """`enqueue_many`, each variant on an empty server."""
    found = {}
    for name, items in ways(n).items():
        store = Store.connect(url)
        producer = Producer(store, SETTINGS, lambda: None)

        def once(
            items: list[Item] = items, store: Store = store, mine: Producer = producer
        ) -> None:
            store.client.flushall()
            mine.enqueue_many(items)

        found[name] = measure(once, n, rounds)
        producer.close()
    return found


async def _at_once(url: str, n: int) -> None:
    async with AsyncProducer(AsyncStore.connect(url), SETTINGS, lambda: None) as producer:
        await asyncio.gather(*(producer.enqueue(message(i)) for i in range(n)))


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(prog="python -m bench.enqueue", description=__doc__)
    arguments.add_argument("--messages", type=int, default=10_000)
    arguments.add_argument("--rounds", type=int, default=7)
    chosen = arguments.parse_args()
    n, rounds = chosen.messages, chosen.rounds
    with _server() as url:
        found = many(url, n, rounds)
        found["single, asyncio, 1,000 at once"] = measure(
            lambda: asyncio.run(_at_once(url, 1000)), 1000, rounds
        )
    report = {name: cost._asdict() for name, cost in found.items()}
    print(json.dumps({"target_per_s": TARGET, "ways": report}, indent=2))


if __name__ == "__main__":
    main()
