"""Measures the limit of the provider itself, so that it is not taken for a system's limit."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import uvloop

from bench.meter import cpu_seconds
from bench.provider_process import Provider
from bench.raw_http import ANSWER_LIMIT, batch_request, read_answer
from bench.workload import HEADER, NAMES, content, number
from chatapps.rendering.compiled import compile_content
from chatapps.rendering.job_line import pack_line

BATCH = 1000
CONNECTIONS = 4
REQUESTS = 100  # per connection


@dataclass(frozen=True, slots=True)
class Ceiling:
    """Throughput of the provider with a client that does nothing but post."""

    per_s: float
    cpu_us: float  # per message, of the provider


def measure_ceiling(home: Path) -> Ceiling:
    """Post the same batch repeatedly."""
    provider = Provider(home / "ceiling.log", latency_ms=0)
    try:
        before = cpu_seconds([provider.child.pid])
        seconds = uvloop.run(_post_all(urlsplit(provider.url)))
        used = cpu_seconds([provider.child.pid]) - before
        n = provider.total()
    finally:
        provider.stop()
    return Ceiling(per_s=n / seconds, cpu_us=round(used / n * 1e6, 2))


async def _post_all(url: SplitResult) -> float:
    request, began = batch_request(_body()), time.monotonic()
    await asyncio.gather(*(_post(url, request) for _ in range(CONNECTIONS)))
    return time.monotonic() - began


async def _post(url: SplitResult, request: bytes) -> None:
    reader, writer = await asyncio.open_connection(url.hostname, url.port, limit=ANSWER_LIMIT)
    for _ in range(REQUESTS):
        writer.write(request)
        await read_answer(reader)
    writer.close()


def _body() -> bytes:
    renderer = compile_content(content("{{name}}"), HEADER).renderer("ceiling")
    lines = (pack_line(number(index)[1:], [NAMES[index % len(NAMES)]]) for index in range(BATCH))
    return renderer.render("ceiling", [(index, 1, line) for index, line in enumerate(lines)])
