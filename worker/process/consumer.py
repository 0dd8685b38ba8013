"""Celery's consumer, made to outlive its broker whatever closing a lost connection raises."""

from typing import Any

import structlog
from celery.worker.consumer import Consumer

log = structlog.get_logger(__name__)


def _is_watched_no_more(child: Any) -> bool:
    return getattr(child, "_sentinel_poll", child) is None


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

    def loop_args(self) -> tuple[Any, ...]:
        """What the loop begins with. A child whose death was noticed in the moment in which the broker
        went away is left in the pool, watched no more, and ends the worker with a ValueError when all of
        them are watched anew: it is replaced first."""
        pool: Any = getattr(self.pool, "_pool", None)  # a pool without children has none
        if any(_is_watched_no_more(child) for child in getattr(pool, "_pool", ())):
            self.pool.maintain_pool()
            for child in pool._pool:
                if _is_watched_no_more(child):  # not dead after all, or not yet
                    del child._sentinel_poll
        arguments: tuple[Any, ...] = super().loop_args()
        return arguments

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Clean up after a lost connection; the caller then connects again."""
        try:
            super().on_connection_error_after_connected(exc)
        except Exception as error:
            log.warning("a lost broker connection did not close well", error=repr(error))
