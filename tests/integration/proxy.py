"""A proxy in front of a server that loses replies: the server has done its work, and the caller never
learns of it.

It speaks unix sockets and knows of the protocol only what it needs: a request that names the script to
be struck, and that each request has one reply. Of scripts that are sent together the last one counts.
The server is given all scripts first, so that each call names its script and is run the first time.
"""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Thread
from types import TracebackType

from store.client import Store
from store.scripts import load_scripts

CHUNK = 1 << 16


class ReplyDropper:
    """Closes the connection instead of passing on some replies. A context manager.

    Args:
        server: URL of the server, `unix://…`.
        home: a directory for its own socket.
    """

    def __init__(self, server: str, home: Path) -> None:
        self._server = server.removeprefix("unix://")
        self._socket = home / "proxy.sock"
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._names = {script.sha.encode(): name for name, script in load_scripts().items()}
        self._strikes: Callable[[str], bool] = lambda _: False
        self._open: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}  # of clients
        self.dropped: list[str] = []  # scripts whose replies were lost

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"unix://{self._socket}"

    def drop(self, script: str, nth: int = 1) -> None:
        """Lose the n-th reply of this script from now on, and no other one."""
        seen = 0

        def strikes(name: str) -> bool:
            nonlocal seen
            seen += name == script
            return name == script and seen == nth

        self._strikes = strikes

    def drop_some(self, share: float, seed: int) -> None:
        """Lose this share of the replies of whatever scripts, at random: a fixed turn might hit the same
        script of a loop each time. A script loses at most two in a row: a claim that loses more waits
        for its lease."""
        rng, in_a_row = random.Random(seed), Counter[str]()

        def strikes(name: str) -> bool:
            struck = in_a_row[name] < 2 and rng.random() < share
            in_a_row[name] = in_a_row[name] + 1 if struck else 0
            return struck

        self._strikes = strikes

    def drop_nothing(self) -> None:
        """Let everything through."""
        self._strikes = lambda _: False

    def __enter__(self) -> "ReplyDropper":
        with closing(Store.connect(f"unix://{self._server}")) as store:
            store.load()
        self._thread.start()
        listening = asyncio.start_unix_server(self._accept, str(self._socket))
        self._listening = asyncio.run_coroutine_threadsafe(listening, self._loop).result(5)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open[writer] = asyncio.create_task(self._serve(reader, writer))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError):
                await self._pass_on(reader, writer)
        finally:
            del self._open[writer]
            await _end(writer)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_unix_connection(self._server)
        request = _Request(self._names)
        replies = asyncio.create_task(self._replies(from_server, writer, request))
        try:
            while data := await reader.read(CHUNK):
                request.take(data)
                to_server.write(data)
                await to_server.drain()
        finally:
            replies.cancel()
            await asyncio.gather(replies, return_exceptions=True)
            await _end(to_server)

    async def _replies(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: "_Request"
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                name = request.answered()
                if name and self._strikes(name):
                    self.dropped.append(name)
                    break
                writer.write(data)
                await writer.drain()
        writer.close()

    async def _close(self) -> None:
        """End every connection, also those that are not served yet. Tasks are not cancelled: one that
        opens a connection at that moment would leave it open."""
        self._listening.close()
        while rest := asyncio.all_tasks() - {asyncio.current_task()}:
            for writer in self._open:
                writer.close()
            await asyncio.wait(rest, return_when=asyncio.FIRST_COMPLETED)


async def _end(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


class _Request:
    """A pending request of a client: the script it named, if any."""

    HEAD = 2000  # bytes at the start of a request in which the scripts are named

    def __init__(self, names: dict[bytes, str]) -> None:
        self._names = names
        self._head = b""

    def take(self, data: bytes) -> None:
        """Some bytes of the request."""
        self._head = (self._head + data)[: self.HEAD]

    def answered(self) -> str:
        """The first bytes of the reply are there; which script is it of?"""
        head, self._head = self._head, b""
        words = head.split(b"\r\n")
        named = [words[at + 2] for at, word in enumerate(words[:-2]) if word == b"EVALSHA"]
        return self._names.get(named[-1], "") if named else ""
