"""Three sentinels, a master and a replica: the master dies during a campaign and comes back later."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import redis

from sendmany.local.embedded_redis import EmbeddedServer, find_server
from sendmany.local.processes import start
from sendmany.local.stack import Sandbox
from store.lanes.lane import LaneStatus, Policies
from store.states import State
from tests.acceptance.command import sendmany
from tests.acceptance.house import SMALL, House, open_house, until
from tests.integration.servers import free_port

N = 12_000
HOLD = Policies(on_unconfirmed="hold", on_server_error="hold")
MASTER = "mymaster"
SENTINEL = """\
port {port}
bind 127.0.0.1
dir {home}
sentinel monitor mymaster 127.0.0.1 {master} 2
sentinel down-after-milliseconds mymaster 2000
sentinel failover-timeout mymaster 4000
"""


class Group:
    """A master, its replica, and three sentinels that watch them."""

    def __init__(self, home: Path, stack: ExitStack) -> None:
        self.ports = [free_port(), free_port()]
        self.servers = [self._server(home / str(port), port, stack) for port in self.ports]
        self._client(self.ports[1], stack).replicaof("127.0.0.1", str(self.ports[0]))
        asked = [self._sentinel(home, self.ports[0], stack) for _ in range(3)]
        self.sentinels = [self._client(port, stack) for port in asked]
        places = ",".join(f"127.0.0.1:{port}" for port in asked)
        self.url = f"redis+sentinel://{places}/{MASTER}/0"
        until(lambda: all(self._is_ready(one) for one in self.sentinels))

    def master(self) -> int:
        """The port of the master that the first sentinel names."""
        found: Any = self.sentinels[0].sentinel_get_master_addr_by_name(MASTER)
        return int(found[1])

    def roles(self) -> list[str]:
        """`master` or `slave` of each server."""
        found = []
        for port in self.ports:
            with redis.Redis(port=port) as client:
                found.append(str(client.info("replication")["role"]))
        return found

    def kill_master(self) -> EmbeddedServer:
        """Kill it, unannounced."""
        server = self.servers[self.ports.index(self.master())]
        assert server.child is not None
        server.child.signal(signal.SIGKILL)
        assert server.child.wait(5)
        return server

    @staticmethod
    def _server(home: Path, port: int, stack: ExitStack) -> EmbeddedServer:
        options = {"port": str(port), "bind": "127.0.0.1", "repl-diskless-sync-delay": "0"}
        server = EmbeddedServer(home, options=options)
        server.start()
        stack.callback(server.stop)
        return server

    @staticmethod
    def _sentinel(home: Path, master: int, stack: ExitStack) -> int:
        port = free_port()
        folder = home / f"sentinel-{port}"
        folder.mkdir()
        file = folder / "sentinel.conf"
        file.write_text(SENTINEL.format(port=port, home=folder, master=master))
        child = start([str(find_server()), str(file), "--sentinel"], folder / "log")
        stack.callback(child.stop, 5)
        return port

    @staticmethod
    def _client(port: int, stack: ExitStack) -> redis.Redis:
        client = redis.Redis(port=port, decode_responses=True)
        stack.callback(client.close)
        return client

    @staticmethod
    def _is_ready(sentinel: redis.Redis) -> bool:
        try:
            found: Any = sentinel.sentinel_master(MASTER)
        except redis.RedisError:
            return False
        return bool(found["num-other-sentinels"] == 2 and found["num-slaves"] == 1)


@contextmanager
def group(home: Path) -> Iterator[Group]:
    """A running group."""
    home.mkdir()
    with ExitStack() as stack:
        yield Group(home, stack)


def go_on_if_told(house: House, lane: str, home: Path) -> bool:
    """True when the lane has ended; one that lost its last writes is told to go on."""
    if house.report(lane).lane.status is LaneStatus.HALTED:
        url = house.local.environment["SENDMANY_REDIS_URL"]
        told = sendmany(home, "campaign", "resume", lane, "--accept", redis_url=url)
        assert told.code == 0, told.err
    return house.has_ended(lane)


def answers(house: House) -> bool:
    """True when the master that the sentinels name answers."""
    try:
        return bool(house.store.client.ping())
    except redis.RedisError:
        return False


def test_a_campaign_outlives_its_master_and_the_old_one_comes_back_as_a_replica(
    tmp_path: Path,
) -> None:
    sweeps = ("SENDMANY_WORKER__SWEEP_SECONDS", "0.5")
    lease = ("SENDMANY_WORKER__LEASE_SECONDS", "3")
    not_too_fast = ("SENDMANY_WORKER__MAX_IN_AIR", "4")
    with (
        group(tmp_path / "servers") as servers,
        open_house(
            tmp_path / "house",
            Sandbox(latency_ms=200),
            *(SMALL, sweeps, lease, not_too_fast),
            redis_url=servers.url,
        ) as house,
    ):
        lane = house.launch(N, policies=HOLD)
        until(lambda: house.report(lane).sent >= 2000)
        first = servers.master()
        dead = servers.kill_master()
        until(lambda: servers.master() != first and answers(house))
        dead.start()
        until(lambda: go_on_if_told(house, lane, tmp_path))
        until(lambda: sorted(servers.roles()) == ["master", "slave"])
        found, taken = house.report(lane), house.taken(lane)
        assert found.sent + found.counts.get(State.UNCONFIRMED, 0) == N
        assert found.counts.get(State.UNCONFIRMED, 0) <= 1000  # requests in the air at its death
        assert set(range(N)) - set(taken) <= {
            one.index for one in house.outcomes(lane) if one.state is State.UNCONFIRMED
        }
        shown = sendmany(tmp_path, "campaign", "show", lane, redis_url=servers.url)
        assert shown.code == 0, shown.err
