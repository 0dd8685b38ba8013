"""Enqueueing single messages: checked, held to their idempotency key, stored before the call returns."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from chatapps.job_lines import escape_value
from chatapps.messages import Message, MessageError, Problem, read_message
from config.celery_app import send_drain
from config.settings import Settings, load_settings
from producer.wake import SendDrain, wake
from store.calls import Store
from store.errors import StoreRefused
from store.intake import NewMessage, Taken, enqueue_messages
from store.lanes import Policies, Priority, announce, notification_lane, open_notifications
from store.waiting import now_ms

AT_ONCE = 500
"""Messages that go to the store in one call."""
AnyMessage = Message | Mapping[str, Any] | bytes | str


@dataclass(frozen=True, slots=True)
class Item:
    """One message on its way in."""

    message: AnyMessage
    key: str | None = None  # idempotency key: the same key goes in once


@dataclass(frozen=True, slots=True)
class Enqueued:
    """What became of one message at the door."""

    id: str  # `<lane>.<index>`; where the key was known, of the message that had it first
    taken: Taken


class KeyConflict(ValueError):
    """The idempotency key was used for another message."""


class Producer:
    """The way in for services: stores messages and wakes the workers.

    Args:
        send_drain: sends a Celery wake-up; the default uses the configured broker.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        send_drain: SendDrain = send_drain,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._settings = settings
        self._send_drain = send_drain
        self._clock = clock
        self._open: set[str] = set()

    @classmethod
    def from_settings(cls) -> "Producer":
        """A producer for the configured Redis and broker."""
        settings = load_settings()
        return cls(Store.connect(settings.redis_url), settings)

    def enqueue(
        self,
        message: AnyMessage,
        *,
        key: str | None = None,
        sub_account: str | None = None,
        priority: Priority = Priority.NORMAL,
    ) -> Enqueued:
        """Store one message for one person. When this returns, it is not lost any more.

        Raises:
            MessageError: the message breaks a rule of the provider; names the place and the rule.
            KeyConflict: the key was used for another message.
            SettingsError: the sub-account is not configured.
            StoreUnavailable, StoreFull: nothing was stored.
        """
        (answer,) = self.enqueue_many(
            [Item(message, key)], sub_account=sub_account, priority=priority
        )
        if answer.taken is Taken.CONFLICT:
            raise KeyConflict(f"the idempotency key was used for another message, {answer.id}")
        return answer

    def enqueue_many(
        self,
        items: Iterable[Item],
        *,
        sub_account: str | None = None,
        priority: Priority = Priority.NORMAL,
    ) -> list[Enqueued]:
        """Store many messages; a key that is known with another body shows as `Taken.CONFLICT`.

        Every message is checked before the first is stored. A failure of the store in the middle
        leaves whole groups of 500 stored; with keys, sending all of it again adds what is missing.
        """
        account = self._settings.sub_account_id(sub_account)
        checked = [_new_message(item) for item in items]
        answers: list[Enqueued] = []
        for group in _groups(checked):
            lane, taken = self._store_group(account, priority, group)
            answers.extend(Enqueued(id_, how) for how, id_ in taken)
            self._store.run(announce(lane, priority))
        if answers:
            wake(self._store, self._send_drain, priority)
        return answers

    def _store_group(
        self, account: str, priority: Priority, group: list[NewMessage]
    ) -> tuple[str, list[tuple[Taken, str]]]:
        for today in (self._clock, self._redis_clock):  # the lane of a day that is over is closed
            lane = self._lane(account, priority, today())
            taken = self._store.run(enqueue_messages(lane, group))
            if taken is not None:
                return lane, taken
            self._open.discard(lane)
        raise StoreRefused(f"the notification lane {lane} takes no messages")

    def _redis_clock(self) -> datetime:
        return datetime.fromtimestamp(self._store.run(now_ms()) / 1000, UTC)

    def _lane(self, account: str, priority: Priority, now: datetime) -> str:
        digest = hashlib.blake2s(account.encode(), digest_size=3).hexdigest()
        lane = notification_lane(digest, priority, now.strftime("%y%m%d"))
        if lane not in self._open:
            policies = self._settings.policies
            open_notifications(
                self._store,
                lane,
                account,
                priority,
                Policies(
                    policies.notification_on_unknown,
                    policies.on_server_error,
                    policies.settle_after,
                ),
            )
            self._open.add(lane)
        return lane


def _new_message(item: Item) -> NewMessage:
    message = item.message if isinstance(item.message, Message) else read_message(item.message)
    if message.client_message_id is not None:
        raise MessageError(Problem("clientMessageId", "is given by sendmany: use a key"))
    if message.dlr_callback_url is not None:
        raise MessageError(Problem("dlrCallbackUrl", "is not for messages: settings say where to"))
    body = message.emit_json()
    key = hashlib.blake2b(item.key.encode(), digest_size=16).digest() if item.key else b""
    return NewMessage(
        line=_recipient(message) + b"\t" + body,
        key_digest=key,
        body_digest=hashlib.blake2b(body, digest_size=8).digest(),
    )


def _recipient(message: Message) -> bytes:
    """How the outcome will name the person: digits of an international number, or another id."""
    user = message.user
    if user.msisdn and not user.country:
        return user.msisdn.lstrip("+").encode()
    if user.msisdn:
        return f"{user.country}:{user.msisdn}".encode()
    return escape_value(user.channel_user_id or user.line_user_id or "")


def _groups(messages: list[NewMessage]) -> Iterator[list[NewMessage]]:
    iterator = iter(messages)
    while group := list(islice(iterator, AT_ONCE)):
        yield group
