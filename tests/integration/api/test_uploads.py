"""Uploads and exports over a real socket, on a real server: in pieces, in bounded memory."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from fastapi import FastAPI

from config.sections import SubAccount
from config.settings import Settings
from sendmany.api.errors import handle_errors
from sendmany.api.routes.campaigns.campaigns import campaigns_router
from sendmany.api.status import status_router
from store.access.tokens import Scope, Token
from store.client import AsyncStore, Store
from store.errors import UnknownLane
from store.lanes.lane import LaneStatus, find_lane
from store.reports.recount import recount
from tests.integration.api.given import served
from tests.integration.worker.rig import until

CALLER = Token("t1", "tests", frozenset(Scope), frozenset())
FORM = {"Content-Type": "multipart/form-data; boundary=xyz"}
MESSAGE = {"type": "text", "content": {"text": "Hello {{name}}"}}
HEAD = (
    b'--xyz\r\nContent-Disposition: form-data; name="campaign"\r\n\r\n'
    + json.dumps({"name": "Spring", "message": MESSAGE}).encode()
    + b'\r\n--xyz\r\nContent-Disposition: form-data; name="recipients"; filename="r.csv"\r\n\r\n'
    + b"msisdn,name,note\n"
)
END = b"\r\n--xyz--\r\n"
NOTE = b"x" * 400
"""Of a column that the message does not use: it makes the file large and nothing else."""
LARGE = 200_000
MOST_GROWTH = 40 * 1024 * 1024


def rows(n: int, first: int = 0) -> bytes:
    return b"".join(
        b"+493023125%06d,Guest %d,%b\n" % (i % 1_000_000, i, NOTE) for i in range(first, first + n)
    )


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def stored(store: Store) -> int:
    try:
        return find_lane(store, "Spring").next_index
    except UnknownLane:
        return 0


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[httpx.AsyncClient]:
    """The routes behind a real socket, and a client of them."""

    def needs(scope: Scope) -> Callable[[], Token]:
        return lambda: CALLER

    store, app = AsyncStore.connect(url), FastAPI()
    settings = Settings(sub_accounts={"shop": SubAccount()})
    app.include_router(campaigns_router(store, settings, needs, lambda: None))
    app.include_router(status_router(store, settings, needs))
    handle_errors(app)
    async with served(app) as port:
        base = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=base, timeout=60, trust_env=False) as http:
            yield http
    await store.close()


async def test_rows_are_stored_while_the_file_is_being_uploaded(server: str, store: Store) -> None:
    held = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield HEAD + rows(3000)
        await held.wait()
        yield rows(10, 3000) + END

    async with opened(server) as http:
        upload = asyncio.create_task(http.post("/v1/campaigns", content=body(), headers=FORM))
        await until(lambda: stored(store) >= 2000)
        lane = find_lane(store, "Spring")
        assert (lane.status, lane.loaded) == (LaneStatus.LOADING, False)
        assert not upload.done()
        shown = (await http.get("/v1/campaigns/Spring")).json()
        assert shown["file"]["resumable"]
        held.set()
        answer = await upload
    assert (answer.status_code, answer.json()["recipients"]) == (201, 3010)


async def test_an_upload_whose_caller_goes_away_goes_on_when_it_is_sent_again(
    server: str, store: Store
) -> None:
    people = rows(20_000)

    async def cut() -> AsyncIterator[bytes]:
        yield HEAD + people[: len(people) // 2]
        await asyncio.Event().wait()

    async with opened(server) as http:
        upload = asyncio.create_task(http.post("/v1/campaigns", content=cut(), headers=FORM))
        await until(lambda: stored(store) >= 5000)
        upload.cancel()
        await asyncio.wait({upload})
        before = find_lane(store, "Spring")
        assert (before.status, before.next_index < 20_000) == (LaneStatus.LOADING, True)
        again = await http.post("/v1/campaigns", content=HEAD + people + END, headers=FORM)
    assert again.status_code == 200, again.text
    assert (again.json()["recipients"], again.json()["duplicates"]) == (20_000, 0)
    assert recount(store, before.id).balanced


async def test_two_uploads_of_the_same_at_once_double_nothing(server: str, store: Store) -> None:
    body = HEAD + rows(20_000) + END
    async with opened(server) as http:
        answers = await asyncio.gather(
            *(http.post("/v1/campaigns", content=body, headers=FORM) for _ in range(3))
        )
    assert {answer.status_code for answer in answers} <= {200, 201, 409}
    lane = find_lane(store, "Spring")
    assert (lane.next_index, lane.duplicates) == (20_000, 0)
    assert lane.loaded
    assert recount(store, lane.id).balanced


async def test_a_large_upload_and_its_export_stay_within_bounds(server: str, store: Store) -> None:
    async def body(n: int) -> AsyncIterator[bytes]:
        yield HEAD
        for first in range(0, n, 500):
            yield rows(500, first)
        yield END

    async with opened(server) as http:
        await http.post("/v1/campaigns", content=body(5000), headers=FORM)
        store.client.flushall()
        before, start, most = resident(), time.perf_counter(), 0
        upload = asyncio.create_task(http.post("/v1/campaigns", content=body(LARGE), headers=FORM))
        while not upload.done():
            most = max(most, resident())
            await asyncio.wait({upload}, timeout=0.05)
        took = time.perf_counter() - start
        assert upload.result().json()["recipients"] == LARGE
        assert most - before < MOST_GROWTH

        before, most, length = resident(), 0, 0
        async with http.stream("GET", "/v1/campaigns/Spring/export") as answer:
            async for block in answer.aiter_bytes():
                length += block.count(b"\n")
                most = max(most, resident())
        assert length == LARGE + 1
        assert most - before < MOST_GROWTH
    print(f"{LARGE / took:,.0f} rows/s, {LARGE * 430 / took / 1e6:.0f} MB/s")


async def test_a_slow_store_holds_the_caller_back(server: str, store: Store) -> None:
    """A body that cannot be stored is not read: it stays with the caller."""
    taken = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal taken
        yield HEAD
        for first in range(0, 40_000, 500):
            yield rows(500, first)
            taken = first
        yield END

    async with opened(server) as http:
        await http.get("/v1/campaigns")
        upload = None
        try:
            upload = asyncio.create_task(http.post("/v1/campaigns", content=body(), headers=FORM))
            await until(lambda: stored(store) >= 1000)
            store.client.client_pause(1500, all=False)
            await asyncio.wait({upload}, timeout=1)
            assert taken < 40_000 - 500
        finally:
            store.client.client_unpause()
        assert (await upload).json()["recipients"] == 40_000
