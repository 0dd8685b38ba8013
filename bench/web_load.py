"""Generates load on a web process, in a process of its own: raw HTTP over persistent connections.

`python -m bench.web_load FILE` (a `Load` as JSON) prints one JSON line, `Answered`. Each connection
sends its next request after the answer to the last one.
"""

import asyncio
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count, islice
from pathlib import Path
from typing import cast

import msgspec
import uvloop

from bench.errors import BenchError

MARK = b"@@@@@@@@@@"
"""Placeholder for the number of the request in a body, ten digits wide."""
SHORT_MARK = b"######"
"""The same, six digits wide."""
WARM_UP = 0.5  # s; answers of this time do not count


class Load(msgspec.Struct, frozen=True):
    """Requests, target and duration."""

    host: str
    port: int
    path: str
    authorization: str
    bodies: list[str]  # in turns
    every: int  # requests with the same number
    connections: int
    seconds: float
    most: int | None = None  # requests; None: as many as fit into the time


class Answered(msgspec.Struct, frozen=True):
    """Counts of the answers."""

    total: int  # warm-up included
    counted: int
    seconds: float  # of counting
    statuses: dict[str, int]  # of all answers
    p50_ms: float
    p99_ms: float
    cpu_seconds: float


class Caller(asyncio.Protocol):
    """One connection: a request, its answer, the next request."""

    def __init__(self, requests: Iterator[bytes], answered: Callable[[int, float], bool]) -> None:
        self._requests = requests
        self._answered = answered
        self._buffer = b""
        self._sent = 0.0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, body = self._buffer.partition(b"\r\n\r\n")
        if not end or len(body) < _length(head):
            return
        self._buffer = b""
        if self._answered(int(head[9:12]), time.perf_counter() - self._sent):
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)

    def _send(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self._transport.close()
            return
        self._sent = time.perf_counter()
        self._transport.write(request)


class Tally:
    """Counts answers, from the end of the warm-up until the time is over."""

    def __init__(self, seconds: float, warm_up: float = WARM_UP) -> None:
        self.begin = time.perf_counter() + warm_up
        self.end = self.begin + seconds
        self.statuses: Counter[int] = Counter()
        self.took: list[float] = []

    def answered(self, status: int, seconds: float) -> bool:
        """Count an answer; False when no more are wanted."""
        now = time.perf_counter()
        self.statuses[status] += 1
        if self.begin <= now < self.end:
            self.took.append(seconds)
        return now < self.end


async def call(load: Load) -> Answered:
    """Send requests and count the answers."""
    requests = islice(_requests(load), load.most)
    tally = Tally(load.seconds, 0 if load.most else WARM_UP)
    loop = asyncio.get_running_loop()
    callers = [
        (
            await loop.create_connection(
                lambda: Caller(requests, tally.answered), load.host, load.port
            )
        )[1]
        for _ in range(load.connections)
    ]
    await asyncio.wait_for(asyncio.gather(*(caller.ended for caller in callers)), load.seconds + 60)
    took = sorted(tally.took)
    if not took:
        raise BenchError("No answer came.")
    used = resource.getrusage(resource.RUSAGE_SELF)
    return Answered(
        total=tally.statuses.total(),
        counted=len(took),
        seconds=load.seconds,
        statuses={str(status): n for status, n in tally.statuses.items()},
        p50_ms=round(took[len(took) // 2] * 1000, 2),
        p99_ms=round(took[len(took) * 99 // 100] * 1000, 2),
        cpu_seconds=round(used.ru_utime + used.ru_stime, 2),
    )


def _requests(load: Load) -> Iterator[bytes]:
    head = (
        f"POST {load.path} HTTP/1.1\r\nHost: bench\r\nAuthorization: {load.authorization}\r\n"
        "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    )
    bodies = [body.encode() for body in load.bodies]
    whole = [(head % len(body)).encode() + body for body in bodies]
    for i in count():
        number = i // load.every
        request = whole[i % len(whole)].replace(MARK, b"%010d" % number)
        yield request.replace(SHORT_MARK, b"%06d" % (number % 1_000_000))


def _length(head: bytes) -> int:
    return int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])


def main() -> None:
    """Send and print."""
    load = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Load)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(msgspec.json.encode(runner.run(call(load))).decode())


if __name__ == "__main__":
    main()
