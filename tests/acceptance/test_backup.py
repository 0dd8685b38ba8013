"""A backup is restored to another server, as docs/how-to/operations.md says."""

import json
import shutil
from pathlib import Path

import pytest
import redis

from sendmany.local.embedded_redis import EmbeddedServer
from sendmany.local.stack import Sandbox
from store.client import Store
from store.lanes.lane import LaneStatus, Policies
from store.reports.lane_report import outcomes
from store.states import State
from tests.acceptance.command import sendmany
from tests.acceptance.house import SHORT_LEASE, SMALL, House, open_house, until

N = 5000
NUMBER = "+447700900003"
SECRET = "a secret of the settings"


def back_up(house: House, way: str, to: Path) -> None:
    """Copy the data of the server while it runs."""
    client = house.store.client
    place = Path(str(client.config_get("dir")["dir"]))
    to.mkdir()
    if way == "AOF":
        client.config_set("auto-aof-rewrite-percentage", "0")
        shutil.copytree(place / "appendonlydir", to / "appendonlydir")
        client.config_set("auto-aof-rewrite-percentage", "100")
        return
    client.bgsave()
    until(lambda: not client.info("persistence")["rdb_bgsave_in_progress"])
    shutil.copy(place / "dump.rdb", to)


def write_aof(home: Path) -> None:
    """Have a server that starts with a snapshot write its log of changes."""
    server = EmbeddedServer(home, options={"appendonly": "no"})
    server.start()
    with redis.Redis.from_url(server.url) as client:
        client.config_set("appendonly", "yes")
        until(lambda: bool(client.info("persistence")["aof_enabled"]))
        until(lambda: not client.info("persistence")["aof_rewrite_in_progress"])
    server.stop()


@pytest.mark.parametrize("way", ["AOF", "RDB"])
def test_a_backup_is_restored_to_another_server(tmp_path: Path, way: str) -> None:
    home, copy = tmp_path / "house", tmp_path / "copy"
    one_by_one = ("SENDMANY_WORKER__MAX_IN_AIR", "1")
    slow, settings = Sandbox(latency_ms=40), {"secret": SECRET}
    with open_house(home, slow, SMALL, SHORT_LEASE, one_by_one) as house:
        lane = house.launch(N, policies=Policies(on_unconfirmed="hold"))
        until(lambda: house.count(lane, State.ACCEPTED) >= 500)
        back_up(house, way, copy)
        until(lambda: house.has_ended(lane))
        url = house.local.environment["SENDMANY_REDIS_URL"]
        forget = ("person", "forget", NUMBER, "--yes", "--json")
        forgotten = sendmany(tmp_path, *forget, redis_url=url, **settings)
        assert json.loads(forgotten.out)["erased"]["messages"] == 1

    if way == "RDB":
        write_aof(copy)
    server = EmbeddedServer(copy)
    server.start()
    try:
        store = Store.connect(server.url)
        had = {one.index for one in outcomes(store, lane) if one.state is State.ACCEPTED}
        store.close()
        assert 500 <= len(had) < N
        with open_house(home, slow, SMALL, SHORT_LEASE, one_by_one, redis_url=server.url) as house:
            until(lambda: house.report(lane).lane.status is LaneStatus.HALTED)
            assert house.ledger()["taken"] == 0, "nothing goes out before a person decides"
            words = ("campaign", "resume", lane, "--accept")
            accepted = sendmany(tmp_path, *words, redis_url=server.url)
            assert accepted.code == 0, accepted.err
            until(lambda: house.has_ended(lane))
            taken = house.taken(lane)
            assert set(taken.values()) == {1}
            assert not had & set(taken)
            assert house.count(lane, State.ACCEPTED) == N - house.count(lane, State.UNCONFIRMED)
            again = sendmany(tmp_path, *forget, redis_url=server.url, **settings)
            assert json.loads(again.out)["erased"]["messages"] == 1
    finally:
        server.stop()
