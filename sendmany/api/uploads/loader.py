"""Loads a recipient file in a thread while the event loop receives it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final, TypeVar

import anyio
from anyio import from_thread, to_thread
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from producer.files.stream import ArrivingFile

T = TypeVar("T")
PIECES: Final = 4
"""Pieces of a body queued for the thread; then receiving waits."""


class UploadCut(Exception):
    """The rest of the file will not arrive."""


async def load_while_receiving(
    pieces: AsyncIterator[bytes], load: Callable[[ArrivingFile], T]
) -> T:
    """Run `load` in a thread on a file that arrives in pieces; returns its result.

    The file ends only when `pieces` ends: an exception of `pieces` ends `load` with UploadCut, and is
    raised here. If `load` raises first, the rest is not received.
    """
    send, receive = anyio.create_memory_object_stream[bytes](PIECES)
    whole = asyncio.Event()
    file = ArrivingFile(lambda: from_thread.run(_next_piece, receive, whole))
    thread = asyncio.create_task(
        to_thread.run_sync(load, file, limiter=anyio.CapacityLimiter(1)), name="load an upload"
    )
    pump = asyncio.create_task(_pump(pieces, send, whole), name="receive an upload")
    try:
        await asyncio.wait({pump, thread}, return_when=asyncio.FIRST_COMPLETED)
    finally:  # one has ended, or this task was cancelled
        with anyio.CancelScope(shield=True):
            pump.cancel()
            await asyncio.wait({pump})
            send.close()
            await asyncio.wait({thread})
            receive.close()
    return _result(thread, pump)


async def _pump(
    pieces: AsyncIterator[bytes], send: MemoryObjectSendStream[bytes], whole: asyncio.Event
) -> None:
    """Pass the pieces on when there is room."""
    async for piece in pieces:
        if piece:  # an empty one would read as the end
            await send.send(piece)
    whole.set()


async def _next_piece(receive: MemoryObjectReceiveStream[bytes], whole: asyncio.Event) -> bytes:
    """For the thread: the next piece; empty at the end of the file."""
    try:
        return await receive.receive()
    except anyio.EndOfStream:
        if whole.is_set():
            return b""
        raise UploadCut from None


def _result(thread: asyncio.Task[T], pump: asyncio.Task[None]) -> T:
    """The thread's result or exception; the reason of an interruption takes precedence."""
    if isinstance(thread.exception(), UploadCut) and not pump.cancelled():
        pump.result()
    return thread.result()
