"""Minimal HTTP/1.1 client that returns the status only.

A full client takes ten times as long, and its CPU time slows the sandbox's answers.
"""

import asyncio
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from httptools import HttpParserError, HttpResponseParser

ANSWER_SECONDS = 5.0


class _Place(NamedTuple):
    """A parsed address."""

    host: str
    port: int
    tls: bool
    named: str  # value of the Host header
    path: str


class _Connection(NamedTuple):
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class HttpPost:
    """Keeps connections open, one per concurrent post."""

    def __init__(self, answer_seconds: float = ANSWER_SECONDS) -> None:
        self._answer_seconds = answer_seconds
        self._idle: dict[tuple[str, int, bool], list[_Connection]] = {}

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """Post once; returns the status.

        Raises:
            OSError: no connection, no answer in time, or an invalid one.
            ValueError: the address is invalid.
        """
        place = _place(url)
        async with asyncio.timeout(self._answer_seconds):
            connection = await self._connect(place)
            try:
                status, stays = await _exchange(connection, _request(place, headers, body))
            except BaseException:
                connection.writer.close()
                raise
        if stays:
            self._idle[place[:3]].append(connection)
        else:
            connection.writer.close()
        return status

    async def close(self) -> None:
        """Close idle connections."""
        for connections in self._idle.values():
            for connection in connections:
                connection.writer.close()
            connections.clear()
        await asyncio.sleep(0)  # lets the transports close

    async def _connect(self, place: _Place) -> _Connection:
        idle = self._idle.setdefault(place[:3], [])
        while idle:
            connection = idle.pop()
            if not connection.reader.at_eof():
                return connection
            connection.writer.close()
        ssl = True if place.tls else None
        return _Connection(*await asyncio.open_connection(place.host, place.port, ssl=ssl))


class _Answer:
    """An answer, parsed incrementally."""

    def __init__(self) -> None:
        self._parser = HttpResponseParser(self)
        self.status = 0
        self.is_complete = False
        self.stays = False  # the connection can be reused

    def feed(self, data: bytes) -> None:
        """Feed the next bytes.

        Raises:
            ConnectionAbortedError: it is not HTTP.
        """
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            raise ConnectionAbortedError("not HTTP") from error

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        self.stays = self._parser.should_keep_alive()  # only known here

    def on_message_complete(self) -> None:
        self.is_complete = True


async def _exchange(connection: _Connection, request: bytes) -> tuple[int, bool]:
    """Returns the status, and True when the connection can be reused."""
    connection.writer.write(request)
    answer = _Answer()
    while not answer.is_complete:
        data = await connection.reader.read(65536)
        if not data and not answer.status:
            raise ConnectionResetError("closed without an answer")
        if not data:
            return answer.status, False
        answer.feed(data)
    return answer.status, answer.stays


@lru_cache(maxsize=64)
def _place(url: str) -> _Place:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("no http or https address")
    tls = parts.scheme == "https"
    path = parts.path or "/"
    return _Place(
        parts.hostname,
        parts.port or (443 if tls else 80),
        tls,
        parts.netloc.rpartition("@")[2],
        f"{path}?{parts.query}" if parts.query else path,
    )


def _request(place: _Place, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [f"POST {place.path} HTTP/1.1", f"Host: {place.named}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body
