"""Celery's consumer, changed to survive any error of closing a lost broker connection."""

from typing import Any

import structlog
from celery.worker.consumer import Consumer

log = structlog.get_logger(__name__)


def _is_watched_no_more(child: Any) -> bool:
    return getattr(child, "_sentinel_poll", child) is None


class SteadyConsumer(Consumer):
    """Reconnects where the original ends the worker.

    kombu (5.7.0) returns unacknowledged messages while it closes a channel, and acknowledges tasks that
    end later over their own channel. If the server has died meanwhile, it has no client left for that,
    and its AttributeError is not among the errors that Celery treats as a lost connection: the worker
    ends with code
    1. Messages are wake-ups, so nothing is lost with them.
    """

    restart_count = 0
    """Counts the first start as a restart. Otherwise the worker ends with code 1 when, at the start of
    its loop, one of its first children has died; this way the pool replaces the child."""
    connection_errors: tuple[type[BaseException], ...]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.connection_errors = (*self.connection_errors, AttributeError)

    def loop_args(self) -> tuple[Any, ...]:
        """Arguments of the loop. A child that died just when the broker connection was lost stays in the
        pool unwatched, and ends the worker with a ValueError when all children are watched again; so it
        is replaced first."""
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
            log.warning("broker_connection_close_failed", error=repr(error))
