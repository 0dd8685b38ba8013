"""The integration for Celery applications: the task `sendmany.enqueue`, which they send by its name; and
the task of the sweep that schedules retries.

A weaker guarantee than the other integrations: the broker may lose a task it has accepted, and only a
worker's log reports an invalid message. A message without a key gets the id of its task as its key, so
that a repeated task does not send it twice.
"""

import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

import structlog
from pydantic import ValidationError
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from chatapps.messages import MessageError
from config.celery_app import ENQUEUE_TASK, RETRY_TASK, hint_drain
from config.sections import SettingsError
from config.settings import load_settings
from producer import (
    BadPurpose,
    BadTag,
    BadTiming,
    Enqueued,
    KeyConflict,
    Priority,
    Producer,
    Purpose,
)
from producer.campaigns.retry_later import retry_later
from sendmany.api.schemas.messages import MessageIn, path_of
from store.access.audit import ACTOR, Actor
from store.client import Store
from store.errors import StoreFault, StoreFull, StoreRefused, StoreUnavailable
from worker.process.tasks import app

log = structlog.get_logger(__name__)

PASSING: Final = (StoreUnavailable, StoreFull, StoreFault)
PATIENCE: Final = 8.0
"""Seconds of retries within the task; the broker may be the same unavailable Redis."""
LONGEST_WAIT: Final = 60


@cache
def _producer() -> Producer:
    """One per process; created in the child, not before the fork."""
    return Producer.from_settings()


@app.task(
    name=ENQUEUE_TASK,
    bind=True,
    acks_late=True,
    autoretry_for=PASSING,
    max_retries=None,
    retry_backoff=2,
    retry_backoff_max=LONGEST_WAIT,
    retry_jitter=True,
)
def enqueue(self: Any, /, **given: Any) -> None:
    """Store one message for one person.

    Args:
        given: JSON: `message`, and optionally `key`, `sub_account`, `priority`, `expires_at`,
            `send_at`, `purpose`, `tag`, as in `POST /v1/messages`.
    """
    take(_producer(), given, task=str(self.request.id))


_given_up: Final[set[str]] = set()
"""Campaigns that this process could not schedule again."""


@app.task(name=RETRY_TASK)
def schedule_retries(*_: object, **__: object) -> None:
    """Schedule the campaigns that send again; losing it or running it twice does no harm."""
    settings = load_settings()
    store = Store.connect(settings.store_url, key_prefix=settings.key_prefix)
    before = ACTOR.set(Actor("worker"))
    try:
        retry_later(store, settings, hint_drain, _given_up)
    except StoreUnavailable as error:
        log.warning("retries_not_scheduled", error=str(error))
    finally:
        ACTOR.reset(before)
        store.close()


def take(
    producer: Producer,
    given: Mapping[str, Any],
    task: str,
    sleep: Callable[[float], None] = time.sleep,
) -> Enqueued | None:
    """Store the message of a task; None if it is refused, which only the log reports.

    Raises:
        StoreUnavailable, StoreFull, StoreFault: not within `PATIENCE`; retry the task later.
    """
    try:
        wanted = MessageIn.model_validate(given)
        if wanted.expires_in is not None:
            raise BadTiming("expires_in", "is not for tasks, which may wait: use expires_at")
        return _store(producer, wanted, task, sleep)
    except ValidationError as error:
        log.error("message_refused", task=task, problems=_places(error))
    except SettingsError:  # its text quotes the task's sub-account
        log.error("message_refused", task=task, problems="sub_account: is not configured")
    except (MessageError, BadTiming, BadPurpose, BadTag, KeyConflict, StoreRefused) as error:
        log.error("message_refused", task=task, problems=str(error))
    return None


def _store(
    producer: Producer, wanted: MessageIn, task: str, sleep: Callable[[float], None]
) -> Enqueued:
    retrying = Retrying(
        retry=retry_if_exception_type(PASSING),
        stop=stop_after_delay(PATIENCE),
        wait=wait_random_exponential(0.2, 2),
        sleep=sleep,
        reraise=True,
    )
    answer: Enqueued = retrying(
        producer.enqueue,
        wanted.message,
        key=wanted.key or f"celery:{task}",
        sub_account=wanted.sub_account,
        priority=Priority(wanted.priority),
        expires_at=wanted.expires_at,
        send_at=wanted.send_at,
        purpose=Purpose(wanted.purpose) if wanted.purpose else None,
        tag=wanted.tag,
    )
    return answer


def _places(error: ValidationError) -> str:
    """The invalid places and their rules, without the values."""
    return "; ".join(
        f"{path_of(one['loc'])}: {one['msg']}"
        for one in error.errors(include_input=False, include_url=False, include_context=False)
    )
