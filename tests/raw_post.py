"""A request to a raw route, without a server in between."""

import asyncio
from collections.abc import Mapping

from sendmany.api.http_protocol import RawRoute


async def post(route: RawRoute, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
    """Status and body of its answer."""
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    refused = route.check(b"POST", raw)
    if refused is not None:
        return refused, route.refuse(refused)
    answer: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
    route.take(body, lambda status, content: answer.set_result((status, content)))
    return await answer
