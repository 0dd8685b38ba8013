"""Waking the workers: by the store if a loop is running, else by a Celery task, by name."""

from collections.abc import Callable

from store.calls import Store
from store.drains import wake_drain
from store.lanes import Priority

SendDrain = Callable[[], None]
"""Sends one drain task; given by the composition root, so that producers need not know Celery."""


def wake(store: Store, send_drain: SendDrain, priority: Priority) -> None:
    """See that somebody looks at such lanes soon. A lost wake-up costs seconds, never a message."""
    if store.run(wake_drain(for_=priority)):
        send_drain()
