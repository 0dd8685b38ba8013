"""The process that fills queues: takes its order on the command line, and prints its measurements.

It prints two lines: `{}` when it is about to begin, and the measurements when it is done.
"""

import os
import random
import signal
import sys
import time

import msgspec

from bench.meter import peak_mb
from bench.site import Site
from bench.systems import System, load_system
from bench.workload import Work


class Enqueue(msgspec.Struct, tag=True, frozen=True):
    """Enqueue a whole run."""

    system: str
    site: Site
    work: Work


class Probe(msgspec.Struct, tag=True, frozen=True):
    """Enqueue single messages with pauses between them; SIGTERM ends it early."""

    system: str
    site: Site
    run: str
    most: int
    pause: tuple[float, float]  # s, least and greatest
    urgent: bool


class Produced(msgspec.Struct, frozen=True):
    """Measurements. Times in s of the monotonic clock, which all processes share."""

    began: float
    ended: float
    cpu: float  # s
    rss_mb: float
    sent: dict[str, float] = {}  # probes: id without the attempt → time of the enqueue


class Stop:
    """Set by a signal to end the process."""

    asked = False

    def ask(self, _number: int, _frame: object) -> None:
        """Handle a signal."""
        self.asked = True


def produce(system: System, order: Enqueue | Probe, stop: Stop) -> Produced:
    """Carry out the order."""
    began, cpu = time.monotonic(), time.process_time()
    sent = {}
    if isinstance(order, Enqueue):
        system.enqueue(order.site, order.work)
    else:
        sent = _probe(system, order, stop)
    return Produced(
        began=began,
        ended=time.monotonic(),
        cpu=time.process_time() - cpu,
        rss_mb=peak_mb([os.getpid()]),
        sent=sent,
    )


def _probe(system: System, order: Probe, stop: Stop) -> dict[str, float]:
    sent: dict[str, float] = {}
    for index in range(order.most):
        if stop.asked:
            break
        now = time.monotonic()
        sent[system.enqueue_one(order.site, order.run, index, urgent=order.urgent)] = now
        time.sleep(random.uniform(*order.pause))
    return sent


def main() -> None:
    """Read the order, carry it out, print the measurements."""
    order = msgspec.json.decode(sys.argv[1], type=Enqueue | Probe)
    system, stop = load_system(order.system), Stop()
    signal.signal(signal.SIGTERM, stop.ask)
    print("{}", flush=True)
    print(msgspec.json.encode(produce(system, order, stop)).decode())


if __name__ == "__main__":
    main()
