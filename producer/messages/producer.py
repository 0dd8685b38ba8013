"""The producer API for services: single messages are checked, deduplicated by key, and stored before the
call returns.

with Producer.from_settings() as producer:
    producer.enqueue({"user": …, "type": "text", …}, key="order-1001")

async with AsyncProducer.from_settings() as producer:
    await producer.enqueue({"user": …, "type": "text", …}, key="order-1001")
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from types import TracebackType

from chatapps.messages import MessageError, Problem
from config.celery_app import hint_drain
from config.settings import Settings, load_settings
from producer.errors import FORGOTTEN, BadTag, KeyConflict
from producer.messages.enqueue import Enqueuer
from producer.messages.item import TOO_MANY_TAGS, AnyMessage, Enqueued, Item
from producer.messages.write_coalescer import MessageWrites
from producer.wake import SendWakeUp
from store.client import AsyncStore, Store
from store.lanes.lane import Priority
from store.plans import carry_out, carry_out_async
from store.purposes import Purpose
from store.queue.enqueue import Taken

__all__ = ["AsyncProducer", "Enqueued", "Item", "KeyConflict", "Producer"]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Producer:
    """Stores messages and wakes the workers. Create one and keep it; threads may share it.

    Args:
        send_wake_up: sends a Celery wake-up; the default uses the configured broker.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        send_wake_up: SendWakeUp = hint_drain,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._store = store
        self._settings = settings
        self._enqueuer = Enqueuer(settings, send_wake_up, clock)

    @classmethod
    def from_settings(cls) -> "Producer":
        """A producer for the configured Redis and broker."""
        settings = load_settings()
        store = Store.connect(settings.store_url, key_prefix=settings.key_prefix)
        return cls(store, settings)

    def enqueue(
        self,
        message: AnyMessage,
        *,
        key: str | None = None,
        sub_account: str | None = None,
        priority: Priority = Priority.NORMAL,
        expires_at: datetime | None = None,
        send_at: datetime | None = None,
        purpose: Purpose | None = None,
        tag: str | None = None,
    ) -> Enqueued:
        """Store one message for one person. After the return it cannot be lost.

        Args:
            expires_at: it is not sent from then on.
            send_at: it is not sent before; at most 30 days ahead.
            purpose: what it is for; the registered category of its template cannot be lowered. None:
                that category, else utility.
            tag: kind of message, to list those of a day by; at most 100 a day, sub-account and priority.

        Raises:
            MessageError: the message breaks a rule of the provider, or the person was forgotten and
                opted out of its purpose; names the place and the rule.
            BadTiming: its times are invalid.
            BadPurpose: the purpose is authentication, but the template is not registered as such.
            BadTag: the tag is malformed, or there are 100 others today.
            KeyConflict: the key was used for another message.
            SettingsError: the sub-account is not configured.
            StoreRefused: today's notifications of this priority were cancelled.
            StoreFull: nothing was stored.
            StoreUnavailable: nothing was stored, or the answer was lost: with a key, repeat the call.
        """
        item = Item(message, key, expires_at, send_at, purpose, tag)
        (answer,) = self.enqueue_many([item], sub_account=sub_account, priority=priority)
        return _taken(answer)

    def enqueue_many(
        self,
        items: Iterable[Item],
        *,
        sub_account: str | None = None,
        priority: Priority = Priority.NORMAL,
    ) -> list[Enqueued]:
        """Store many messages; a key known with another body gives `Taken.CONFLICT`, one tag too many
        `Taken.TAG_REFUSED`.

        Every message is checked before the first is stored. A failure of the store in the middle leaves
        whole groups of 500 stored; with keys, a repeat adds the missing ones.
        """
        account = self._settings.sub_account_id(sub_account)
        return carry_out(self._store, self._enqueuer.enqueue(items, account, priority))

    def close(self) -> None:
        """Close the connections."""
        self._store.close()

    def __enter__(self) -> "Producer":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AsyncProducer:
    """The producer for an event loop: messages enqueued at the same time share a call.

    Args:
        send_wake_up: sends a Celery wake-up; may block; called in a thread.
    """

    def __init__(
        self,
        store: AsyncStore,
        settings: Settings,
        send_wake_up: SendWakeUp = hint_drain,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._store = store
        self._settings = settings
        self._enqueuer = Enqueuer(settings, send_wake_up, clock)
        self._writes = MessageWrites(store, self._enqueuer)

    @classmethod
    def from_settings(cls) -> "AsyncProducer":
        """A producer for the configured Redis and broker."""
        settings = load_settings()
        store = AsyncStore.connect(settings.store_url, key_prefix=settings.key_prefix)
        return cls(store, settings)

    async def enqueue(
        self,
        message: AnyMessage,
        *,
        key: str | None = None,
        sub_account: str | None = None,
        priority: Priority = Priority.NORMAL,
        expires_at: datetime | None = None,
        send_at: datetime | None = None,
        purpose: Purpose | None = None,
        tag: str | None = None,
    ) -> Enqueued:
        """As `Producer.enqueue`."""
        account = self._settings.sub_account_id(sub_account)
        item = Item(message, key, expires_at, send_at, purpose, tag)
        packed = await carry_out_async(self._store, self._enqueuer.pack([item], account))
        return _taken(await self._writes.add(packed[0], account, priority))

    async def enqueue_many(
        self,
        items: Iterable[Item],
        *,
        sub_account: str | None = None,
        priority: Priority = Priority.NORMAL,
    ) -> list[Enqueued]:
        """As `Producer.enqueue_many`."""
        account = self._settings.sub_account_id(sub_account)
        plan = self._enqueuer.enqueue(items, account, priority)
        return await carry_out_async(self._store, plan)

    async def close(self) -> None:
        """Close the connections."""
        await self._store.close()

    async def __aenter__(self) -> "AsyncProducer":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


def _taken(answer: Enqueued) -> Enqueued:
    if answer.taken is Taken.CONFLICT:
        raise KeyConflict(answer.id)
    if answer.taken is Taken.TAG_REFUSED:
        raise BadTag(TOO_MANY_TAGS)
    if answer.taken is Taken.FORGOTTEN:
        raise MessageError(Problem("user", FORGOTTEN))
    return answer
