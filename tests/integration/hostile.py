"""A provider on a port of its own that answers well, or fails in one of the ways of real outages."""

import asyncio
import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path


class Outage(StrEnum):
    """Ways in which requests fail."""

    NONE = "none"
    RESET = "reset"  # the request is read, then the connection is reset
    HANG = "hang"  # no answer ever
    DRIP = "drip"  # the answer comes byte by byte, and never ends
    NO_CONTENT = "204"
    MOVED = "301"
    FOUND = "302"
    CAPTIVE = "captive"  # a page for people, with a 200
    CUT = "cut"  # half of the answer, then the connection ends
    NAMELESS = "nameless"  # an answer that names no message


DRIP_SECONDS = 0.2
PAGE = b"<!DOCTYPE html><html><body>Please log in</body></html>"


class HostileProvider:
    """Counts what it is sent by message id; `taken` are those that it answered for.

    Args:
        latency: seconds before each answer.
    """

    def __init__(self, latency: float = 0.05) -> None:
        self.latency = latency
        self.outage = Outage.NONE
        self.fails_after: int | None = None  # messages taken; then `failing` begins
        self.failing = Outage.NONE
        self.taken: list[str] = []
        self.lost: list[str] = []  # sent during an outage
        self.connections: set[asyncio.StreamWriter] = set()
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections.add(writer)
        ended = (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError)
        with suppress(*ended):
            while await self._exchange(reader, writer):
                pass
        writer.close()
        self.connections.discard(writer)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        if not head.startswith("POST "):
            await self._send(writer, 404, b'{"code":1300}')
            return True
        fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
        body = await reader.readexactly(int(fields["content-length"]))
        ids = [message["clientMessageId"] for message in json.loads(body)["messages"]]
        if self.fails_after is not None and len(self.taken) >= self.fails_after:
            self.outage, self.fails_after = self.failing, None
        if self.outage is not Outage.NONE:
            self.lost.extend(ids)
            return await self._fail(writer, ids)
        self.taken.extend(ids)
        await asyncio.sleep(self.latency)
        await self._send(writer, 200, answer(ids))
        return True

    async def _fail(self, writer: asyncio.StreamWriter, ids: list[str]) -> bool:
        match self.outage:
            case Outage.HANG:
                await asyncio.sleep(60)
            case Outage.DRIP:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                for _ in range(500):
                    writer.write(b" ")
                    await writer.drain()
                    await asyncio.sleep(DRIP_SECONDS)
            case Outage.NO_CONTENT:
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
                return True
            case Outage.MOVED | Outage.FOUND:
                start = b"HTTP/1.1 %s Moved\r\n" % self.outage.value.encode()
                writer.write(
                    start + b"Location: https://elsewhere.test/\r\nContent-Length: 0\r\n\r\n"
                )
                return True
            case Outage.CAPTIVE:
                await self._send(writer, 200, PAGE)
                return True
            case Outage.CUT:
                writer.write(_head(200, 1000) + answer(ids)[:100])
                await writer.drain()
            case Outage.NAMELESS:
                await self._send(writer, 200, answer([]))
                return True
            case _:
                await asyncio.sleep(self.latency)
                writer.transport.abort()
        return False

    async def _send(self, writer: asyncio.StreamWriter, status: int, body: bytes) -> None:
        writer.write(_head(status, len(body)) + body)
        await writer.drain()


def answer(ids: list[str]) -> bytes:
    """The provider takes them all."""
    items = [{"clientMessageId": id_, "umid": None, "status": {"state": "queued"}} for id_ in ids]
    counts = {"acceptedCount": len(ids), "rejectedCount": 0}
    return json.dumps({**counts, "messages": items}).encode()


def _head(status: int, length: int) -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, length)


@contextmanager
def serving(provider: HostileProvider, certificate: Path | None = None) -> Iterator[None]:
    """Serve on a port of its own, in a thread; with TLS if there is a certificate."""
    loop, ready, done = asyncio.new_event_loop(), threading.Event(), asyncio.Event()

    async def serve() -> None:
        context = None
        if certificate is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(certificate)
        server = await asyncio.start_server(provider.serve, "127.0.0.1", 0, ssl=context)
        scheme = "https" if certificate else "http"
        provider.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ready.set()
        await done.wait()
        server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in provider.connections:
            writer.transport.abort()
        await asyncio.sleep(0.01)  # a transport is closed in the next round of the loop

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(10)
        loop.close()


def self_signed(folder: Path) -> Path:
    """Key and certificate that no one else has signed, in one file."""
    file = folder / "self-signed.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
            *("-subj", "/CN=127.0.0.1", "-keyout", str(file), "-out", str(folder / "cert.pem")),
        ],
        check=True,
        capture_output=True,
    )
    with file.open("a") as whole:
        whole.write((folder / "cert.pem").read_text())
    return file
