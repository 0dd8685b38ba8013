"""Enqueues messages, written once as plans for blocking and async callers.

    choose the lane of the day → store (one script) → announce the lane → wake a worker

Only storing counts. The later steps are best-effort: if they fail the sweep finds the messages, and a
stored message is never reported as failed.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import structlog

from config.settings import Settings
from producer.forgotten import ForgottenPeople
from producer.messages.item import NO_TEMPLATES, Enqueued, Item, key_digest, pack_item
from producer.policies import notification_policies
from producer.wake import SendWakeUp
from store.client import Call, first
from store.errors import StoreError, StoreRefused
from store.lanes.lane import Priority, announce
from store.lanes.open import notification_lane, opened_notifications
from store.migrations.schema import read_schema
from store.plans import Plan, ask
from store.purposes import Purpose
from store.queue.enqueue import NewMessage, Taken, enqueue_messages, find_keys
from store.reports.waiting import now_ms
from store.templates import Registry, read_registry
from store.workers.presence import wake_workers

log = structlog.get_logger(__name__)

AT_ONCE = 500
"""Messages per call to the store …"""
BYTES_AT_ONCE = 2 * 1024 * 1024
"""… and their bytes, roughly: the lane is locked meanwhile."""


DAY_SECONDS = 86_400
REGISTRY_KEPT = timedelta(minutes=1)


class Order(NamedTuple):
    """A message with its sub-account and priority."""

    message: NewMessage
    account: str
    priority: Priority


@dataclass(frozen=True, slots=True)
class Enqueuer:
    """Makes the plans. Its only state is the lanes it has opened.

    Args:
        send_wake_up: sends a Celery wake-up; may block.
        clock: names the day's lane. Redis' clock decides if the two differ.
    """

    settings: Settings
    send_wake_up: SendWakeUp
    clock: Callable[[], datetime]
    opened: dict[str, int] = field(default_factory=dict)  # lane → jobs accepted by it
    forgotten: ForgottenPeople = field(init=False)
    registries: dict[str, tuple[datetime, Registry]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "forgotten", ForgottenPeople(self.settings))

    def enqueue(
        self, items: Iterable[Item], account: str, priority: Priority
    ) -> Plan[list[Enqueued]]:
        """Check everything, then store it group by group.

        Raises:
            MessageError, BadTiming, BadPurpose, BadTag: an item is invalid; nothing is stored.
            StoreRefused: today's lane was cancelled; groups before this one are stored.
            StoreError: groups before this one are stored.
        """
        packed = yield from self.pack(items, account)
        answers: list[Enqueued] = []
        for group in groups(packed):
            answers += yield from self.put(group, account, priority)
        return answers

    def pack(self, items: Iterable[Item], account: str) -> Plan[list[NewMessage]]:
        """Check all items; times are checked by Redis' clock."""
        items = list(items)
        now = (yield from ask(now_ms())) if any(item.timed for item in items) else 0
        claimed = any(item.purpose is Purpose.AUTHENTICATION for item in items)
        registry = (yield from self.registry(account)) if claimed else NO_TEMPLATES
        return [pack_item(item, now, registry) for item in items]

    def registry(self, account: str) -> Plan[Registry]:
        """The registered templates of a sub-account, at most a minute old."""
        now = self.clock()
        read_at, registry = self.registries.get(account, (None, NO_TEMPLATES))
        if read_at is None or now - read_at >= REGISTRY_KEPT:
            registry = yield from ask(read_registry(account))
            self.registries[account] = now, registry
        return registry

    def put_each(self, orders: Sequence[Order]) -> Plan[list[Enqueued | StoreError]]:
        """Store messages of several lanes; those not known to be stored get the error.

        A lane that is closed (StoreRefused) does not affect the others. After any other error nothing
        more is tried: an unavailable store would be waited for again and again.
        """
        answers: dict[int, Enqueued | StoreError] = {}
        failure: StoreError = StoreError("not tried")
        for (account, priority), places in _by_lane(orders).items():
            messages = [orders[place].message for place in places]
            stored, error = yield from self._put_all(messages, account, priority)
            answers.update(zip(places, stored, strict=False))
            if error is None:
                continue
            answers.update(dict.fromkeys(places[len(stored) :], error))
            if not isinstance(error, StoreRefused):
                failure = error
                break
        return [answers.get(place, failure) for place in range(len(orders))]

    def _put_all(
        self, messages: Sequence[NewMessage], account: str, priority: Priority
    ) -> Plan[tuple[list[Enqueued], StoreError | None]]:
        """Store messages of one lane, up to the first error."""
        stored: list[Enqueued] = []
        for group in groups(messages):
            try:
                stored += yield from self.put(group, account, priority)
            except StoreError as error:
                return stored, error
        return stored, None

    def put(
        self, group: Sequence[NewMessage], account: str, priority: Priority
    ) -> Plan[list[Enqueued]]:
        """Store at most `AT_ONCE` messages, and wake a worker."""
        refused = yield from self._refused(group, account)
        if refused:
            rest = [one for place, one in enumerate(group) if place not in refused]
            answers = iter((yield from self.put(rest, account, priority)) if rest else [])
            nothing = Enqueued("", Taken.FORGOTTEN)
            return [nothing if place in refused else next(answers) for place in range(len(group))]
        lane, taken = yield from self._store(group, account, priority)
        if any(how is Taken.NEW for how, _ in taken):
            yield from self._best_effort(lane, priority)
        return [Enqueued(id_, how) for how, id_ in taken]

    def _refused(self, group: Sequence[NewMessage], account: str) -> Plan[set[int]]:
        """Positions of messages that forgotten people must not get."""
        if not (yield from self.forgotten.look()):
            return set()
        registry = yield from self.registry(account)
        return self.forgotten.refused([one.line for one in group], account, registry)

    def _store(
        self, group: Sequence[NewMessage], account: str, priority: Priority
    ) -> Plan[tuple[str, list[tuple[Taken, str]]]]:
        lane = ""
        for ask_redis in (False, True):  # a past day's lane is closed
            now = (yield from _redis_clock()) if ask_redis else self.clock()
            lane = yield from self._lane(account, priority, now)
            day = int(self.clock().timestamp()) // DAY_SECONDS
            call = enqueue_messages(lane, group, day=day, next_index=self.opened[lane])
            taken = yield from ask(call)
            if taken is not None:
                self.opened[lane] = _index_after(taken) or self.opened[lane]
                return lane, taken
            del self.opened[lane]
        raise StoreRefused(f"the notification lane {lane} takes no messages")

    def _lane(self, account: str, priority: Priority, now: datetime) -> Plan[str]:
        lane = _lane_of(account, priority, now)
        if lane not in self.opened:
            yield from ask(read_schema())  # an older version must not write to newer data
            policies = notification_policies(self.settings)
            yield from opened_notifications(lane, account, priority, policies)
            self.opened[lane] = 0
        return lane

    def _best_effort(self, lane: str, priority: Priority) -> Plan[None]:
        try:
            yield from ask(announce(lane, priority))
            if (yield from ask(wake_workers(for_=priority))):
                yield self.send_wake_up
        except StoreError as error:
            log.warning("workers_not_woken", lane=lane, error=str(error))


def ids_by_key(account: str, keys: Sequence[str]) -> Call[dict[str, str]]:
    """The ids of messages of a sub-account by the idempotency keys that they were given today or
    yesterday, in UTC. A key that is not known is left out.

    Args:
        keys: at most about 1,000.
    """

    def find(now: int) -> Call[dict[str, str]]:
        lane = _lane_of(account, Priority.NORMAL, datetime.fromtimestamp(now / 1000, UTC))
        found = find_keys(lane, [*map(key_digest, keys)], day=now // 1000 // DAY_SECONDS)
        return first(found, lambda ids: {key: id for key, id in zip(keys, ids, strict=True) if id})

    return first(now_ms(), find)


def lanes_of_day(account: str, day: date) -> list[str]:
    """Ids of the notification lanes of a sub-account on a day in UTC, the most urgent first; none for a
    day of another century, whose lanes would have the same ids."""
    if day.year // 100 != 20:
        return []
    return [_lane_of(account, priority, day) for priority in Priority]


def _lane_of(account: str, priority: Priority, day: date) -> str:
    digest = hashlib.blake2s(account.encode(), digest_size=3).hexdigest()
    return notification_lane(digest, priority, day.strftime("%y%m%d"))


def _index_after(taken: Sequence[tuple[Taken, str]]) -> int:
    """The index after the last new message; 0 if the last one is not new."""
    how, id_ = taken[-1]
    return int(id_.rpartition(".")[2]) + 1 if how is Taken.NEW else 0


def groups(messages: Iterable[NewMessage]) -> Iterator[list[NewMessage]]:
    """The messages in portions of one call each."""
    group, size = list[NewMessage](), 0
    for message in messages:
        length = len(message.line)
        if group and (len(group) == AT_ONCE or size + length > BYTES_AT_ONCE):
            yield group
            group, size = [], 0
        group.append(message)
        size += length
    if group:
        yield group


def _by_lane(orders: Sequence[Order]) -> dict[tuple[str, Priority], list[int]]:
    """Positions of the orders by lane."""
    found: dict[tuple[str, Priority], list[int]] = {}
    for place, order in enumerate(orders):
        found.setdefault((order.account, order.priority), []).append(place)
    return found


def _redis_clock() -> Plan[datetime]:
    return datetime.fromtimestamp((yield from ask(now_ms())) / 1000, UTC)
