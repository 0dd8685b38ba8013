"""The Celery application object and the names of its queues and tasks.

Celery messages are only wake-ups: a lost or repeated one does no harm, because jobs, leases and retries
are kept in the store. So there is no result backend, no ETA and no countdown.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import structlog
from celery import Celery
from celery.signals import worker_init, worker_shutting_down
from kombu import Exchange, Queue

from config.priorities import served_by
from config.settings import Settings, load_settings

log = structlog.get_logger(__name__)

QUEUE = "sendmany"
"""The queue of workers that serve every priority; wake-ups go there."""
DISPATCH_TASK = "sendmany.drain"
SWEEP_TASK = "sendmany.sweep"
ENQUEUE_TASK = "sendmany.enqueue"
ENQUEUE_QUEUE = "sendmany.enqueue"
"""Messages enqueued by other Celery applications; every worker consumes it."""
RETRY_TASK = "sendmany.retry_later"
"""Schedules campaigns that send again; on the same queue."""
UNACKED_SECONDS = 300
"""Visibility timeout, seconds: then a task whose worker is gone is redelivered. The longest task takes
about 10 s."""
TASK_MODULES = ["worker.process.tasks", "sendmany.celery_task"]
"""Modules that workers import; by name, because this package must not import them."""


def create_app(settings: Settings) -> Celery:
    """Build the application; workers and producers pass the same settings."""
    app = Celery("sendmany", broker=settings.celery_url, include=TASK_MODULES)
    app.conf.update(celery_settings(settings))
    return app


def own_queue(settings: Settings) -> str:
    """The queue that a worker with these settings consumes. A dedicated worker must not take wake-ups
    meant for all workers, so it has a queue of its own and a loop that always runs."""
    served = served_by(settings.worker.priorities)
    return f"{QUEUE}.{served}" if served else QUEUE


def celery_settings(settings: Settings) -> dict[str, Any]:
    """Celery's own settings; each guards against a failure that was observed."""
    return {
        "task_default_queue": own_queue(settings),
        "task_queues": [
            _queue(name, settings.broker.queue_type)
            for name in (own_queue(settings), ENQUEUE_QUEUE)
        ],
        "task_create_missing_queue_type": settings.broker.queue_type,
        "broker_use_ssl": settings.broker_use_ssl,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "task_acks_late": True,
        "task_create_missing_queues": True,
        "worker_prefetch_multiplier": 1,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "worker_send_task_events": False,
        "task_send_sent_event": False,
        # A worker outlives its broker, and a lost connection never cancels a request in flight.
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_channel_error_retry": True,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_consumer": "worker.process.consumer:SteadyConsumer",
        # Another Celery application may use the same database. Unacknowledged messages lie in keys of
        # our own, or each application would restore the other's by its own visibility timeout, and both
        # would run twice; and broadcasts (`celery control shutdown`) must not reach both.
        "control_exchange": QUEUE,
        "event_exchange": f"{QUEUE}.events",
        "event_queue_prefix": f"{QUEUE}.events",
        "broker_transport_options": {
            "global_keyprefix": settings.key_prefix,
            "unacked_key": f"{QUEUE}.unacked",
            "unacked_index_key": f"{QUEUE}.unacked_index",
            "unacked_mutex_key": f"{QUEUE}.unacked_mutex",
            "visibility_timeout": UNACKED_SECONDS,
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            "socket_timeout": 15,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 10,
            **settings.broker_options,
        },
    }


def when_started(call: Callable[[], None]) -> None:
    """Call `call` once the worker of this process has parsed its command line."""

    def tell(**_: Any) -> None:
        call()

    worker_init.connect(tell, weak=False)


def when_told_to_stop(note: Callable[[str], None]) -> None:
    """Call `note` with the name of the signal that stops the worker of this process, such as
    `SIGINT`."""

    def tell(sig: str, **_: Any) -> None:
        note(sig)

    worker_shutting_down.connect(tell, weak=False)


def _queue(name: str, kind: str) -> Queue:
    """As other Celery applications declare a queue that they know by name only."""
    # Celery finds quorum queues by this argument, and then does without a global QoS, which they refuse.
    arguments = {"x-queue-type": kind} if kind != "classic" else None
    exchange = Exchange(name, type="direct")
    return Queue(name, exchange, routing_key=name, queue_arguments=arguments)


@cache
def _wake_up_app() -> Celery:
    return create_app(load_settings())


def send_wake_up() -> None:
    """Send one dispatch task; raises any error of the broker or of parsing its URL."""
    _wake_up_app().send_task(DISPATCH_TASK, queue=QUEUE, retry=False)


def ask_for_retries() -> None:
    """Send one task that schedules retries, ignoring errors: the next one does the same."""
    try:
        _wake_up_app().send_task(RETRY_TASK, queue=ENQUEUE_QUEUE, retry=False)
    except Exception as error:
        log.warning("retry_task_not_sent", error=type(error).__name__)


def hint_drain() -> None:
    """Send one dispatch task, ignoring errors. The jobs are stored already, and the timer of a worker
    finds them."""
    try:
        send_wake_up()
    except Exception as error:  # of any client library, or ValueError for a bad URL
        log.warning("wake_up_not_sent", error=type(error).__name__)
