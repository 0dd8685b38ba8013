"""Minimal HTTP for loops that only post batches."""

import asyncio

from bench.site import API_KEY, PATH

ANSWER_LIMIT = 1 << 20


def batch_request(body: bytes) -> bytes:
    """A whole request that posts a batch."""
    head = (
        f"POST {PATH}/batch HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {API_KEY}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def read_answer(reader: asyncio.StreamReader) -> bytes:
    """The body of the next answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
    return await reader.readexactly(int(length))
