"""Celery's consumer, changed to survive any error of closing a lost broker connection."""

import logging
import re
from typing import Any, ClassVar

import structlog
from celery.worker.consumer import Consumer, consumer

log = structlog.get_logger(__name__)
_texts: Any = consumer  # the stubs lack them
_WITH_CONTENTS = (
    _texts.UNKNOWN_FORMAT,
    _texts.UNKNOWN_TASK_ERROR,
    _texts.INVALID_TASK_ERROR,
    _texts.MESSAGE_DECODE_ERROR,
    "Couldn't convert ETA",
)


def _without_contents(record: logging.LogRecord) -> bool:
    """Shorten log lines in which Celery quotes a whole rejected message, with numbers and texts of
    people. The name of an unknown task stays."""
    if str(record.msg).startswith(_WITH_CONTENTS):
        unknown = record.msg == _texts.UNKNOWN_TASK_ERROR
        args: Any = record.args
        name = re.search(r"\b[a-z_.]{1,99}\b", str(args[0])) if unknown else None
        why = f"there is no task {name[0]}" if name else "it is no task that can be read"
        record.msg, record.args, record.exc_info = f"a message was discarded: {why}", (), None
    return True


for _name in ("consumer.consumer", "strategy"):
    logging.getLogger(f"celery.worker.{_name}").addFilter(_without_contents)


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

    class Blueprint(Consumer.Blueprint):  # type: ignore[misc, valid-type]
        """Without the dozens of queues that Celery declares for ETAs on quorum queues: no task has
        one."""

        default_steps: ClassVar = [
            step
            for step in Consumer.Blueprint.default_steps
            if not step.endswith(":DelayedDelivery")
        ]

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
