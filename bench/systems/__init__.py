"""The compared systems; each does the same work in its own way."""

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
VARIANTS = {
    "sendmany-plain": "bench.systems.plain",
    "sendmany-policies": "bench.systems.policies",
}
"""Compared only when they are named."""
NAMES = tuple(MODULES)


class System(Protocol):
    """Interface of a system."""

    can_probe: bool  # sends single messages
    can_be_urgent: bool  # can send one before all waiting ones

    def start_workers(self, site: Site, processes: int) -> Child:
        """Start so many sending processes in one session: schedulers share time among sessions."""

    def enqueue(self, site: Site, work: Work) -> None:
        """Enqueue every message of the work. Workers may be sending meanwhile."""

    def enqueue_one(self, site: Site, run: str, index: int, *, urgent: bool) -> str:
        """Enqueue one message; returns its id without the attempt."""

    def recorded(self, client: redis.Redis, work: Work) -> int:
        """Messages of the work with a recorded outcome."""

    def balances(self, client: redis.Redis, work: Work) -> bool:
        """True when each message of the work has one outcome, the right one."""


def load_system(name: str) -> System:
    """The system of this name. Only its own libraries are imported, so that memory can be compared."""
    system: System = import_module((MODULES | VARIANTS)[name]).SYSTEM
    return system
