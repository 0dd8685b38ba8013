"""Waking the workers: by the store if a loop is running, else by a Celery task, by name."""

from collections.abc import Callable

import structlog

from store.client import Store
from store.errors import StoreError
from store.lanes.lane import Lane, Priority, announce
from store.workers.presence import wake_workers

log = structlog.get_logger(__name__)
SendWakeUp = Callable[[], None]
"""Sends one dispatch task; given by the composition root, so that producers need not know Celery."""


def wake(store: Store, send_wake_up: SendWakeUp, priority: Priority) -> None:
    """See that such lanes are looked at soon.

    A hint: what concerns them is stored already, and a worker finds it within seconds without being
    woken. So a store that is away now fails no call.
    """
    try:
        if store.run(wake_workers(for_=priority)):
            send_wake_up()
    except StoreError as error:
        log.warning("no worker was woken", error=str(error))


def call_workers(store: Store, lane: Lane, send_wake_up: SendWakeUp) -> None:
    """See that what is in the lane is sent soon; a hint, too."""
    try:
        store.run(announce(lane.id, lane.priority))
    except StoreError as error:
        log.warning("no worker was woken", error=str(error))
    else:
        wake(store, send_wake_up, lane.priority)
