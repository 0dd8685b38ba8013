"""The limit of the machine: a loop without guarantees, limits and retries.

Rows wait as elements of one list; outcomes lie in hashes of 100, since a small hash is stored tightly.
"""

import os
from itertools import islice
from pathlib import Path

import redis

from bench.site import Site
from bench.workload import Work, rows
from chatapps.rendering.job_line import escape_value
from sendmany.local.processes import Child, python, start

AT_ONCE = 1000
PER_BUCKET = 100
RUN = "run"
QUEUE = "queue"
CLAIM = Path(__file__).with_name("bare_claim.lua").read_text()


def bucket_key(run: str, bucket: int) -> str:
    """The hash with the outcomes of 100 neighbours."""
    return f"o:{run}:{bucket}"


class BareLoop:
    """Processes with one event loop each."""

    can_probe = False
    can_be_urgent = False

    def start_workers(self, site: Site, processes: int) -> Child:
        return start(
            python("bench.systems.bare_worker", str(processes)),
            site.log("worker"),
            env={**os.environ, **site.environment},
        )

    def enqueue(self, site: Site, work: Work) -> None:
        client = redis.Redis.from_url(site.redis_url)
        client.set(RUN, work.run)
        lines = (
            b"%d\t%b\t%b" % (index, number[1:].encode(), escape_value(name))
            for index, (number, name) in enumerate(rows(work))
        )
        while chunk := list(islice(lines, AT_ONCE)):
            client.rpush(QUEUE, *chunk)

    def enqueue_one(self, site: Site, run: str, index: int, *, urgent: bool) -> str:
        raise NotImplementedError

    def recorded(self, client: redis.Redis, work: Work) -> int:
        sizes = client.pipeline(transaction=False)
        for bucket in range(-(-work.recipients // PER_BUCKET)):
            sizes.hlen(bucket_key(work.run, bucket))
        return sum(sizes.execute())

    def balances(self, client: redis.Redis, work: Work) -> bool:
        return self.recorded(client, work) == work.recipients


SYSTEM = BareLoop()
