"""Campaigns on a cluster of three masters, one of which is killed."""

import contextlib
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from redis.crc import key_slot

from sendmany.local.stack import Sandbox
from store.errors import StoreUnavailable
from store.keys import lane_keys
from store.lanes.lane import LaneStatus
from store.states import State
from tests.acceptance.command import SENDMANY, environment
from tests.acceptance.house import SMALL, open_house, until
from tests.integration.servers import cluster, running

N = 2000


def test_each_message_of_a_campaign_goes_out_once(tmp_path: Path) -> None:
    with (
        cluster(tmp_path / "cluster") as url,
        running("embedded", tmp_path / "broker") as broker,
        open_house(
            tmp_path / "house",
            Sandbox(),
            SMALL,
            ("SENDMANY_BROKER_URL", broker),
            redis_url=url,
        ) as house,
    ):
        lanes = [house.launch(N, f"Spring {n}") for n in range(2)]
        until(lambda: all(house.has_ended(lane) for lane in lanes))
        for lane in lanes:
            assert house.check(lane).counts[State.ACCEPTED] == N
            assert len(house.taken(lane)) == N
        told = subprocess.run(
            [SENDMANY, "doctor"],
            env=environment() | house.local.environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert (
            sum(line.startswith("ok       redis of 127.0.0.1:") for line in told.splitlines()) == 3
        )


@pytest.mark.timing
@pytest.mark.long
def test_sending_goes_on_when_a_master_is_killed(tmp_path: Path) -> None:
    with (
        cluster(tmp_path / "cluster", replicas=True) as url,
        running("embedded", tmp_path / "broker") as broker,
        open_house(
            tmp_path / "house",
            Sandbox(),
            ("SENDMANY_SUB_ACCOUNTS__SANDBOX__MESSAGES_PER_SECOND", "500"),
            ("SENDMANY_BROKER_URL", broker),
            redis_url=url,
        ) as house,
    ):
        lane = house.launch(5 * N)
        until(lambda: house.count(lane, State.ACCEPTED) > N)
        slot = key_slot(lane_keys(lane).meta.encode())
        masters: list[Any] = [server.client for server in house.store.servers()]
        (master,) = [one for one in masters if one.execute_command("CLUSTER COUNTKEYSINSLOT", slot)]
        os.kill(master.info("server")["process_id"], signal.SIGKILL)
        before = house.ledger()["distinct"]
        until(lambda: house.ledger()["distinct"] > before + 1000, 60)

        def stands() -> bool:
            with contextlib.suppress(StoreUnavailable):  # the replica is being promoted
                return house.report(lane).lane.status in (LaneStatus.FINISHED, LaneStatus.HALTED)
            return False

        until(stands, 60)
        if house.report(lane).lane.status is LaneStatus.HALTED:
            return  # the replica lacked the last writes: the operator is asked
        assert house.check(lane).counts == {State.ACCEPTED: 5 * N}
        assert house.taken(lane) == dict.fromkeys(range(5 * N), 1)
