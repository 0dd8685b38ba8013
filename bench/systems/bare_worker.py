"""A process of the bare loop: claim a thousand, render, post, read the answer, write outcomes,
repeat."""

import asyncio
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from typing import cast
from urllib.parse import urlsplit

import hiredis
import msgspec
import redis.asyncio
import uvloop

from bench.raw_http import ANSWER_LIMIT, batch_request, read_answer
from bench.site import PROVIDER, REDIS
from bench.systems.bare_loop import AT_ONCE, CLAIM, PER_BUCKET, QUEUE, RUN, bucket_key
from bench.workload import HEADER, content
from chatapps.rendering.compiled import compile_content
from chatapps.rendering.renderer import ContentRenderer, Job

IN_AIR = 16
IDLE_SECONDS = 0.005


class _Status(msgspec.Struct, gc=False):
    state: str


class _Item(msgspec.Struct, gc=False, rename="camel"):
    umid: str
    client_message_id: str
    status: _Status


class _Answer(msgspec.Struct, gc=False):
    messages: list[_Item]


_DECODER = msgspec.json.Decoder(_Answer)
_pack = cast(Callable[[tuple[str, ...]], bytes], hiredis.pack_command)
_CONTENT = compile_content(content("{{name}}"), HEADER)


class Line:
    """One of many alternating loops, each with a connection to the provider of its own."""

    def __init__(
        self, client: redis.asyncio.Redis, turn: asyncio.Lock, host: str, port: int
    ) -> None:
        self._redis = client
        self._turn = turn
        self._claim = client.register_script(CLAIM)
        self._host, self._port = host, port

    async def serve(self) -> None:
        """Send available rows, forever."""
        reader, writer = await asyncio.open_connection(self._host, self._port, limit=ANSWER_LIMIT)
        while True:
            run, rows = await self._claim_some()
            body = _renderer(run).render("bare", [read_row(row) for row in rows])
            writer.write(batch_request(body))
            await self._write(pack_outcomes(run, decode_answer(await read_answer(reader)), _now()))

    async def _claim_some(self) -> tuple[str, list[bytes]]:
        async with self._turn:  # else all of them would poll an empty queue
            while True:
                run, rows = await self._claim(keys=[RUN, QUEUE], args=[AT_ONCE])
                if rows:
                    return run.decode(), rows
                await asyncio.sleep(IDLE_SECONDS)

    async def _write(self, packed: list[bytes]) -> None:
        """Send packed commands together."""
        pool = self._redis.connection_pool
        connection = await pool.get_connection()  # type: ignore[no-untyped-call]
        try:
            await connection.send_packed_command(b"".join(packed))
            for _ in packed:
                await connection.read_response()
        finally:
            await pool.release(connection)


def decode_answer(body: bytes) -> _Answer:
    """Read the stored parts of an answer."""
    return _DECODER.decode(body)


def pack_outcomes(run: str, answer: _Answer, now: int) -> list[bytes]:
    """The commands that write outcomes; redis-py's own pipeline packs them four times slower."""
    buckets: defaultdict[int, list[str]] = defaultdict(list)
    for item in answer.messages:
        bucket, place = divmod(int(item.client_message_id.split(".")[1]), PER_BUCKET)
        buckets[bucket] += (str(place), f"{item.status.state}|{item.umid}|{now}")
    return [_pack(("HSET", bucket_key(run, bucket), *fields)) for bucket, fields in buckets.items()]


def read_row(row: bytes) -> Job:
    """A job from a queued row."""
    index, _, line = row.partition(b"\t")
    return int(index), 1, line


@cache
def _renderer(run: str) -> ContentRenderer:
    return _CONTENT.renderer(run)


def _now() -> int:
    return int(time.time())


async def _serve() -> None:
    client = redis.asyncio.Redis.from_url(os.environ[REDIS], max_connections=2 * IN_AIR)
    provider = urlsplit(os.environ[PROVIDER])
    assert provider.hostname is not None
    assert provider.port is not None
    turn = asyncio.Lock()
    lines = [Line(client, turn, provider.hostname, provider.port) for _ in range(IN_AIR)]
    await asyncio.gather(*(line.serve() for line in lines))


def main() -> None:
    """Serve in as many processes as the command line asks for."""
    for _ in range(int(sys.argv[1]) - 1):
        if os.fork() == 0:
            break
    uvloop.run(_serve())


if __name__ == "__main__":
    main()
