"""A fast provider: accepts batches and single messages, and counts every id.

It implements the HTTP/1.1 that clients with keep-alive need, answers with prepared items, and defers
expensive work: ids are stored as received, and counted on demand.

    POST /api/v1/subaccounts/{id}/messages/batch     a batch
    POST /api/v1/subaccounts/{id}/messages           one message
    GET  /total       messages so far
    GET  /ledger      counts of all ids: messages and repeats
    GET  /arrivals/P  arrivals of messages whose id starts with P
    GET  /forget      reset the counts
"""

import argparse
import asyncio
import json
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import cast
from uuid import UUID

import msgspec
import uvloop

ID = b'"clientMessageId":"'
END_OF_HEAD = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_ITEM = (
    b'{"umid":"%b","clientMessageId":"%%b","user":{"msisdn":"+49*********00"},'
    b'"status":{"state":"queued","timestamp":"2027-01-01T00:00:00.000Z"}}'
)
_BATCH = (
    b'{"batchId":"5b3d0a5e-0000-4000-8000-000000000000","acceptedCount":%d,"rejectedCount":0,'
    b'"messages":[%b]}'
)
_HEAD = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


class Tally(msgspec.Struct, frozen=True):
    """Counts of the provider."""

    messages: int  # received
    distinct: int  # ids without the attempt
    doubled: int  # of these, received more than once
    requests: int
    unreadable: int  # requests without a message
    first: float  # s, monotonic clock: end of the first request
    first_batch: int  # messages in it


@dataclass(slots=True)
class Ledger:
    """Ids of all requests."""

    total: int = 0
    unreadable: int = 0
    _requests: list[tuple[float, bytes]] = field(default_factory=list)

    def note(self, ids: Sequence[bytes], now: float) -> None:
        """Store the ids of a request; counting is deferred."""
        self.total += len(ids)
        self.unreadable += not ids
        self._requests.append((now, b"\n".join(ids)))

    def tally(self) -> Tally:
        """Count how often each message was received, whatever the attempt."""
        lanes: dict[bytes, bytearray] = {}
        for _, ids in self._requests:
            _count(ids, lanes)
        first, ids = self._requests[0] if self._requests else (0.0, b"")
        return Tally(
            messages=self.total,
            distinct=sum(len(places) - places.count(0) for places in lanes.values()),
            doubled=sum(
                len(places) - places.count(0) - places.count(1) for places in lanes.values()
            ),
            requests=len(self._requests),
            unreadable=self.unreadable,
            first=first,
            first_batch=ids.count(b"\n") + 1 if ids else 0,
        )

    def arrivals(self, start: bytes) -> Iterator[tuple[str, float]]:
        """Arrival of each message whose id begins with `start`, by its id without the attempt."""
        for at, ids in self._requests:
            for id_ in ids.split(b"\n"):
                if id_.startswith(start):
                    yield id_.rpartition(b".")[0].decode(), at

    def forget(self) -> None:
        """Reset the counts."""
        self.total = self.unreadable = 0
        self._requests.clear()


class Door(asyncio.Protocol):
    """One connection of a client.

    Args:
        latency: seconds before an answer.
    """

    def __init__(self, ledger: Ledger, latency: float) -> None:
        self._ledger = ledger
        self._latency = latency
        self._came = bytearray()
        self._body_at = 0  # 0: the head is incomplete
        self._needed = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its type

    def data_received(self, data: bytes) -> None:
        self._came += data
        while self._is_whole():
            self._answer()
            del self._came[: self._needed]
            self._body_at = 0

    def _is_whole(self) -> bool:
        if not self._body_at:
            end = self._came.find(END_OF_HEAD)
            if end < 0:
                return False
            length = _LENGTH.search(bytes(self._came[: end + 2]))
            self._body_at = end + len(END_OF_HEAD)
            self._needed = self._body_at + (int(length[1]) if length else 0)
        return len(self._came) >= self._needed

    def _answer(self) -> None:
        now = time.monotonic()
        method, path, _ = bytes(self._came[: self._body_at]).split(b" ", 2)
        if method != b"POST":
            self._transport.write(_response(b"200 OK", self._tell(path)))
            return
        ids = ids_of(bytes(self._came[self._body_at : self._needed]))
        self._ledger.note(ids, now)
        answer = answer_to(ids, single=path.endswith(b"/messages"))
        asyncio.get_running_loop().call_later(self._latency, self._transport.write, answer)

    def _tell(self, path: bytes) -> bytes:
        match path.split(b"/")[1:]:
            case [b"total"]:
                return b"%d" % self._ledger.total
            case [b"ledger"]:
                return msgspec.json.encode(self._ledger.tally())
            case [b"arrivals", start]:
                return json.dumps(dict(self._ledger.arrivals(start))).encode()
            case [b"forget"]:
                self._ledger.forget()
        return b"{}"


def ids_of(body: bytes) -> list[bytes]:
    """Every `clientMessageId` of a request, in order."""
    return [part.partition(b'"')[0] for part in body.split(ID)[1:]]


def answer_to(ids: Sequence[bytes], *, single: bool) -> bytes:
    """The whole HTTP answer: every message is accepted."""
    if not ids:
        return _response(b"400 Bad Request", b'{"code":3012,"message":"no messages"}')
    items = _items(len(ids)) % tuple(ids)
    return _response(b"200 OK", items if single else _BATCH % (len(ids), items))


@lru_cache(maxsize=2000)
def _items(n: int) -> bytes:
    """A format for n items: each has its umid and a slot for its id."""
    return b",".join(_ITEM % str(UUID(int=1 << 100 | place)).encode() for place in range(n))


def _response(status: bytes, body: bytes) -> bytes:
    return _HEAD % (status, len(body)) + body


def _count(ids: bytes, lanes: dict[bytes, bytearray]) -> None:
    for id_ in ids.split(b"\n") if ids else ():
        lane, index, _ = id_.split(b".")
        places, place = lanes.setdefault(lane, bytearray()), int(index)
        if place >= len(places):
            places.extend(bytes(place + 1 - len(places)))
        places[place] = min(255, places[place] + 1)


async def serve(latency: float) -> None:
    """Serve on a free port of this machine until the process is ended; prints its address on stdout."""
    ledger, loop = Ledger(), asyncio.get_running_loop()
    server = await loop.create_server(lambda: Door(ledger, latency), "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    print(json.dumps({"listening": f"http://{host}:{port}"}), flush=True)
    await server.serve_forever()


def main() -> None:
    """Run a provider."""
    parser = argparse.ArgumentParser(prog="bench.provider")
    parser.add_argument("--latency-ms", type=float, default=0)
    uvloop.run(serve(parser.parse_args().latency_ms / 1000))


if __name__ == "__main__":
    main()
