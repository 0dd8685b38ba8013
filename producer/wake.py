"""Wakes the workers: through the store if a dispatcher runs, else by a Celery task."""

from collections.abc import Callable

import structlog

from store.client import Store
from store.errors import StoreError
from store.lanes.lane import Lane, Priority, announce
from store.workers.presence import wake_workers

log = structlog.get_logger(__name__)
SendWakeUp = Callable[[], None]
"""Sends one dispatch task; passed in, so that producers do not depend on Celery."""


def wake(store: Store, send_wake_up: SendWakeUp, priority: Priority) -> None:
    """Make workers check lanes of this priority soon.

    Best-effort: the jobs are stored already, and a worker finds them within seconds. So an unavailable
    store fails no call.
    """
    try:
        if store.run(wake_workers(for_=priority)):
            send_wake_up()
    except StoreError as error:
        log.warning("workers_not_woken", error=str(error))


def call_workers(store: Store, lane: Lane, send_wake_up: SendWakeUp) -> None:
    """Announce the lane and wake workers; best-effort, too."""
    try:
        store.run(announce(lane.id, lane.priority))
    except StoreError as error:
        log.warning("workers_not_woken", error=str(error))
    else:
        wake(store, send_wake_up, lane.priority)
