"""A worker that loses a fifth of the replies from its store: what it does is done once all the same."""

import asyncio
import gc
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from sendmany.local.embedded_redis import EmbeddedServer
from store.client import Store
from store.states import State
from tests.integration.proxy import ReplyDropper
from tests.integration.worker.rig import Rig, refuses

SERVED = {"claim_batch", "mark_posting", "settle_batch"}


@pytest.fixture
def proxy(embedded: EmbeddedServer, tmp_path: Path) -> Iterator[ReplyDropper]:
    """The proxy between the worker and its server."""
    with ReplyDropper(embedded.url, tmp_path) as dropper:
        yield dropper


async def close(rig: Rig) -> None:
    """Close the connections; those that were cut off end with the loop's next rounds. Some of these the
    client of Redis has lost sight of: they are closed when they are collected, while there is a loop."""
    await rig.close()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_campaign_goes_out_once_though_a_fifth_of_the_replies_is_lost(
    store: Store, proxy: ReplyDropper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.dispatch.dispatcher.STORE_RETRY_SECONDS", 0.02)
    rig = Rig(store, proxy.url)
    rig.configure(batch={"max_messages": 20})
    rig.provider.otherwise = refuses({7: 1002, 444: 1002})
    lane = rig.campaign(1000)
    store.load()
    proxy.drop_some(0.2, seed=5)
    try:
        await rig.drain_until(lambda: rig.lane(lane).status.ended)
    finally:
        proxy.drop_nothing()
        await close(rig)
    assert rig.counts(lane) == {State.ACCEPTED: 998, State.REJECTED: 2}
    posted = [index for post in rig.provider.posts for index in post.indexes]
    assert sorted(posted) == list(range(1000))
    assert set(proxy.dropped) >= SERVED


@pytest.mark.parametrize("script", sorted(SERVED))
async def test_a_single_reply_that_is_lost_changes_nothing(
    store: Store, proxy: ReplyDropper, script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.dispatch.dispatcher.STORE_RETRY_SECONDS", 0.02)
    rig = Rig(store, proxy.url)
    lane = rig.campaign(30)
    store.load()
    proxy.drop(script)
    try:
        await rig.drain_until(lambda: rig.lane(lane).status.ended)
    finally:
        await close(rig)
    assert proxy.dropped == [script]
    assert rig.counts(lane) == {State.ACCEPTED: 30}
    assert sorted(i for post in rig.provider.posts for i in post.indexes) == list(range(30))
