"""Redis comes back from an older copy of its data: the lane halts until an operator decides."""

import shutil
from pathlib import Path

from structlog.typing import EventDict

from sendmany.local.embedded_redis import EmbeddedServer
from store.client import Store
from store.keys import MISSING, lane_keys
from store.lanes.lane import LaneStatus, missing_lanes, move_lane, read_revision
from store.states import State
from tests.integration.worker.rig import Rig
from worker.revision_check import check_revision, watch_lanes
from worker.revisions import Revisions


class Backup:
    """A copy of a server's data, taken while it runs, and put back while it does not."""

    def __init__(self, server: EmbeddedServer, home: Path) -> None:
        self.server, self.home, self.copy = server, home, home.with_name("copy")
        shutil.copytree(home / "appendonlydir", self.copy)

    def restore(self, rig: Rig) -> None:
        rig.store.client.close()
        self.server.stop()
        shutil.rmtree(self.home / "appendonlydir")
        shutil.copytree(self.copy, self.home / "appendonlydir")
        self.server.start()


def new_rig(server: EmbeddedServer) -> Rig:
    rig = Rig(Store.connect(server.url), server.url)
    rig.configure(worker={"sweep_seconds": 0.02})
    return rig


async def test_a_lane_from_an_older_copy_halts_until_that_is_accepted(
    own_server: EmbeddedServer, tmp_path: Path, logs: list[EventDict]
) -> None:
    rig = new_rig(own_server)
    lane = rig.campaign(3000)
    await rig.deliver(lane)
    backup = Backup(own_server, tmp_path / "redis")
    await rig.deliver(lane)
    assert rig.counts(lane) == {State.ACCEPTED: 2000, State.QUEUED: 1000}
    known = rig.revisions.known(lane)
    backup.restore(rig)
    assert rig.counts(lane) == {State.ACCEPTED: 1000, State.QUEUED: 2000}

    await rig.drain_until(lambda: any(entry["event"] == "lane_halted" for entry in logs))
    assert rig.lane(lane).status is LaneStatus.HALTED
    assert len(rig.provider.posts) == 2
    assert rig.counts(lane) == {State.ACCEPTED: 1000, State.QUEUED: 2000}
    reason = rig.lane(lane).reason
    assert "older copy" in reason
    assert f"has seen {known}" in reason

    assert rig.store.run(move_lane(lane, "resume")) == (False, LaneStatus.HALTED)
    assert rig.store.run(move_lane(lane, "accept")) == (True, LaneStatus.SENDING)
    await rig.drain_until(lambda: rig.lane(lane).status.ended)
    assert rig.counts(lane) == {State.ACCEPTED: 3000}
    assert len(rig.provider.posts) == 4
    await rig.close()


async def test_a_lane_that_is_gone_is_reported(
    own_server: EmbeddedServer, tmp_path: Path, logs: list[EventDict]
) -> None:
    rig = new_rig(own_server)
    rig.campaign(1, "Before")
    backup = Backup(own_server, tmp_path / "redis")
    lane = rig.campaign(2000)
    await rig.deliver(lane)
    await watch_lanes(rig.tools)
    backup.restore(rig)
    await rig.drain_until(lambda: rig.store.client.ttl(MISSING) > 0)
    assert rig.store.run(missing_lanes()) == {lane: 1000}
    assert [entry["lane"] for entry in logs if entry["event"] == "lane_lost"] == [lane]
    await rig.close()


async def test_a_batch_claimed_from_an_older_copy_does_not_go_out(rig: Rig) -> None:
    lane = rig.campaign(10)
    batch = await rig.claim(lane)
    rig.revisions.note(lane, 99)  # another worker of this host has seen more
    await rig.delivery().deliver(batch)
    assert rig.provider.posts == []
    assert rig.lane(lane).status is LaneStatus.HALTED
    assert rig.counts(lane) == {State.QUEUED: 10}


async def test_a_lane_that_had_ended_and_is_back_does_not_go_out_again(rig: Rig) -> None:
    lane = rig.campaign(10)
    rig.revisions.note(lane, 99, ended=True)
    await rig.drain_until(lambda: rig.lane(lane).status is LaneStatus.HALTED)
    assert rig.provider.posts == []
    assert rig.counts(lane) == {State.QUEUED: 10}


async def test_accepting_jumps_over_what_any_worker_has_seen(rig: Rig) -> None:
    lane = rig.campaign(10)
    rig.revisions.note(lane, 99)
    await watch_lanes(rig.tools)
    rig.store.run(move_lane(lane, "accept"))
    assert rig.store.run(read_revision(lane))[1] > 1_000_000
    rig.revisions.note(lane, 5000)
    await watch_lanes(rig.tools)
    assert rig.lane(lane).status is LaneStatus.SENDING


async def test_a_lane_that_ends_is_watched_no_more(rig: Rig) -> None:
    lane = rig.campaign(10)
    await rig.deliver(lane)
    assert rig.revisions.known(lane) > 0
    assert rig.revisions.unfinished() == []
    other = rig.campaign(10, "Other")
    rig.revisions.note(other, 1)
    rig.store.run(move_lane(other, "cancel"))
    await rig.sweep()
    await watch_lanes(rig.tools)
    assert rig.revisions.unfinished() == []


async def test_a_worker_that_starts_again_still_notices(rig: Rig, tmp_path: Path) -> None:
    path = tmp_path / "state" / "journals.json"
    lane = rig.campaign(10)
    rig.revisions = Revisions(path)
    rig.revisions.note(lane, 99)
    await watch_lanes(rig.tools)  # writes the file
    rig.store.client.hset(lane_keys(lane).meta, "status", "sending")
    rig.revisions = Revisions(path)
    await rig.drain_until(lambda: rig.lane(lane).status is LaneStatus.HALTED)


async def test_a_worker_that_asked_before_it_was_accepted_does_not_halt_it_again(rig: Rig) -> None:
    lane = rig.campaign(10)
    assert not await check_revision(rig.tools, lane, known=99, revision=1)
    rig.store.run(move_lane(lane, "accept"))
    assert await check_revision(rig.tools, lane, known=99, revision=1)
    assert rig.lane(lane).status is LaneStatus.SENDING
