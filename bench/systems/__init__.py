"""The systems that are held against each other; each does the same work in its own way."""

from importlib import import_module
from typing import Protocol

import redis

from bench.site import Site
from bench.workload import Work
from sendmany.local.processes import Child

MODULES = {
    "celery": "bench.systems.celery_each",
    "celery-batches": "bench.systems.celery_batch",
    "sendmany": "bench.systems.sendmany",
    "bare-loop": "bench.systems.bare_loop",
}
NAMES = tuple(MODULES)


class System(Protocol):
    """What the bench asks of a system."""

    can_probe: bool  # sends single messages
    can_be_urgent: bool  # can send one before all that wait

    def start_workers(self, site: Site, processes: int) -> Child:
        """Start so many processes that send, in one session: schedulers share time among sessions."""

    def enqueue(self, site: Site, work: Work) -> None:
        """Put every message of the work into the queue. Workers may be sending meanwhile."""

    def enqueue_one(self, site: Site, run: str, index: int, *, urgent: bool) -> str:
        """Put one message into the queue; returns its id without the attempt."""

    def recorded(self, client: redis.Redis, work: Work) -> int:
        """Messages of the work whose outcome is on record."""

    def balances(self, client: redis.Redis, work: Work) -> bool:
        """Whether each message of the work has one outcome, the right one."""


def load_system(name: str) -> System:
    """The system of this name. Only its own libraries are imported, so that memory can be compared."""
    system: System = import_module(MODULES[name]).SYSTEM
    return system
