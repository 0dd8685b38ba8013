"""Celery's consumer, made to outlive its broker whatever closing a lost connection raises."""

from typing import Any

import structlog
from celery.worker.consumer import Consumer

log = structlog.get_logger(__name__)


class SteadyConsumer(Consumer):
    """Connects again where the original ends the worker.

    kombu (5.7.0) gives unacknowledged messages back while it closes a channel, and acknowledges tasks
    that end later over the channel that they came by. Where the server died meanwhile it finds no
    client any more to do so, and its AttributeError is not one of those that Celery takes for the loss
    of a connection: the worker ends with code 1. Messages are wake-ups, so nothing is lost with them.
    """

    restart_count = 0
    """The first start counts as a restart. Otherwise the worker ends with code 1 when it finds, at the
    start of its loop, that one of its first children has died; as it is, the pool replaces the child."""
    connection_errors: tuple[type[BaseException], ...]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.connection_errors = (*self.connection_errors, AttributeError)

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Clean up after a lost connection; the caller then connects again."""
        try:
            super().on_connection_error_after_connected(exc)
        except Exception as error:
            log.warning("a lost broker connection did not close well", error=repr(error))
