"""A replica takes over that lacks the last writes: the lane halts, and says why, until told to go on."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from sendmany.local.embedded_redis import EmbeddedServer
from sendmany.local.stack import Sandbox
from store.lanes.lane import LaneStatus, Policies
from store.states import State
from tests.acceptance.command import sendmany
from tests.acceptance.house import SMALL, House, open_house, until
from tests.integration.servers import free_port

N = 12_000
HOLD = Policies(on_unconfirmed="hold", on_server_error="hold")
NOWHERE = ("127.0.0.1", "1")


class Replica:
    """A replica of the house's server."""

    def __init__(self, house: House, home: Path) -> None:
        assert house.local.server is not None
        self._primary = house.local.server
        self._listening_at = free_port()
        self.server = EmbeddedServer(home)
        house.store.client.config_set("bind", "127.0.0.1")
        house.store.client.config_set("port", str(self._listening_at))
        house.store.client.config_set("repl-diskless-sync-delay", "0")  # nobody else will ask
        self.server.start()
        self.client = redis.Redis.from_url(self.server.url)
        self.client.replicaof("127.0.0.1", str(self._listening_at))

    def follows(self) -> bool:
        """It has all that the primary has."""
        found = self.client.info("replication")
        return bool(found["role"] == "slave" and found["master_link_status"] == "up")

    def cut_off(self) -> None:
        """It stays a replica, and hears of nothing any more."""
        self.client.replicaof(*NOWHERE)

    def take_over(self) -> None:
        """The primary dies; this one is found where it was."""
        assert self._primary.child is not None
        self._primary.child.signal(signal.SIGKILL)
        assert self._primary.child.wait(5)
        self.client.replicaof("NO", "ONE")
        ours, theirs = (one.url.removeprefix("unix://") for one in (self.server, self._primary))
        os.replace(ours, theirs)


@contextmanager
def replica_of(house: House, home: Path) -> Iterator[Replica]:
    replica = Replica(house, home)
    try:
        yield replica
    finally:
        replica.client.close()
        replica.server.stop()


def test_a_replica_that_lacks_the_last_writes_halts_the_lane_until_somebody_decides(
    tmp_path: Path,
) -> None:
    sweeps = ("SENDMANY_WORKER__SWEEP_SECONDS", "0.5")
    lease = ("SENDMANY_WORKER__LEASE_SECONDS", "3")
    not_too_fast = ("SENDMANY_WORKER__MAX_IN_AIR", "4")
    home = tmp_path / "house"
    with (
        open_house(home, Sandbox(latency_ms=200), SMALL, sweeps, lease, not_too_fast) as house,
        replica_of(house, tmp_path / "replica") as replica,
    ):
        assert house.local.worker is not None
        until(replica.follows)  # first: what is sent meanwhile is not sent after the cut
        lane = house.launch(N, policies=HOLD)
        until(lambda: house.report(lane).sent >= 1000)
        replica.cut_off()
        at_the_cut = house.report(lane).sent
        until(lambda: house.report(lane).sent >= at_the_cut + 2000)
        replica.take_over()

        until(lambda: house.report(lane).lane.status is LaneStatus.HALTED)
        assert "older copy" in house.report(lane).lane.reason
        until(lambda: house.count(lane, State.IN_FLIGHT) == 0)
        requests = house.ledger()["requests"]
        assert not house.local.worker.wait(2)
        assert house.ledger()["requests"] == requests  # it halts: nothing goes out

        url = house.local.environment["SENDMANY_REDIS_URL"]
        assert sendmany(tmp_path, "campaign", "resume", lane, redis_url=url).code != 0
        accepted = sendmany(tmp_path, "campaign", "resume", lane, "--accept", redis_url=url)
        assert accepted.code == 0, accepted.err
        until(lambda: house.has_ended(lane))
        found, taken = house.report(lane), house.taken(lane)
        assert found.sent + found.counts.get(State.UNCONFIRMED, 0) == N
        accepted_by_index = {
            one.index for one in house.outcomes(lane) if one.state is State.ACCEPTED
        }
        assert accepted_by_index <= set(taken)
        assert (
            max(taken.values()) <= 2
        )  # what was forgotten went out again, once: that was accepted
        assert house.local.worker.exit_code() is None
