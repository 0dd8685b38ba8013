"""Clients of a Redis Cluster: each command goes to the master that has the slot of its first key.

A route is a generator, written once for blocking callers and for event loops: it yields what to send
where, and receives the reply or the error. redis-py's own cluster client repeats a command after a lost
reply, and merges replies of several nodes; here a lost connection is the caller's to handle, as with one
server. Only refusals are repeated, which prove that nothing has run.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Generator, Sequence
from typing import Any, NamedTuple

import redis
import redis.asyncio
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from redis.exceptions import (
    AskError,
    ClusterDownError,
    ConnectionError,
    MovedError,
    TimeoutError,
    TryAgainError,
)

Place = tuple[str, int]
PATIENCE = 5.0
"""Seconds for which a refused command is repeated: a slot moves, or a master is being replaced."""
PAUSE_SECONDS = 0.05
LEAST_AGE = 0.1
"""Seconds between two readings of the slots by one client."""
_OF_ANY_SERVER = frozenset({"PING", "TIME", "INFO", "CONFIG GET"})
_BROKEN = (ConnectionError, TimeoutError, OSError, EOFError, RuntimeError)


class Send(NamedTuple):
    """A step of a route: send this, and give back the reply."""

    place: Place
    words: Sequence[Any]
    asking: bool = False


Step = Send | float  # or seconds to wait
Route = Generator[Step, Any, Any]


class Slots:
    """Which master has which slot; read again when a reply or a broken connection says so."""

    def __init__(self, seeds: Sequence[Place]) -> None:
        self._seeds = tuple(seeds)
        self._owners: list[Place | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        self._known: set[Place] = set()  # replicas, too
        self._stale = True
        self._read_at = float("-inf")

    def masters(self) -> list[Place]:
        """The masters that have slots, in order."""
        return sorted({place for place in self._owners if place is not None})

    def owner(self, words: Sequence[Any]) -> Place | None:
        """Where a command goes, as far as is known."""
        if words[0] in _OF_ANY_SERVER:
            return next(iter(self.masters()), None)
        key = words[3] if words[0] in ("EVAL", "EVALSHA") else words[1]
        return self._owners[key_slot(key if isinstance(key, bytes) else str(key).encode())]

    def route(self, words: Sequence[Any]) -> Route:
        """The steps of one command.

        Raises:
            ClusterDownError, TryAgainError: it was refused for too long.
        """
        until = time.monotonic() + PATIENCE
        other: Send | None = None
        while True:
            yield from self.refresh()
            try:
                step, other = other or self._to_owner(words), None
                return (yield step)
            except AskError as told:  # MOVED is one
                other = Send((told.host or step.place[0], told.port), words, True)
                if isinstance(told, MovedError):
                    other, self._stale = other._replace(asking=False), True
                if time.monotonic() > until:
                    raise ClusterDownError("a slot keeps moving") from told
            except (ClusterDownError, TryAgainError):
                self._stale = True
                if time.monotonic() > until:
                    raise
                yield PAUSE_SECONDS
            except _BROKEN:
                self._stale = True
                raise

    def _to_owner(self, words: Sequence[Any]) -> Send:
        place = self.owner(words)
        if place is None:
            raise ClusterDownError("no master has the slot")
        return Send(place, words)

    def refresh(self) -> Route:
        """The steps of reading the slots, if they have changed. The first node that answers is believed.

        Raises:
            ConnectionError, …: no node answers.
        """
        if not self._stale or time.monotonic() < self._read_at + LEAST_AGE:
            return
        places = [*random.sample(sorted(self._known), len(self._known)), *self._seeds]
        for at, place in enumerate(places, 1):
            try:
                found = yield Send(place, ("CLUSTER", "SLOTS"))
            except _BROKEN:
                if at == len(places):
                    raise
            else:
                self._take(found, place)
                return

    def _take(self, found: Any, asked: Place) -> None:
        owners: list[Place | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        known = set()
        for start, end, *nodes in found:
            places = [(_text(host) or asked[0], int(port)) for host, port, *_ in nodes]
            owners[start : end + 1] = [places[0]] * (end + 1 - start)
            known.update(places)
        self._owners, self._known = owners, known
        self._stale, self._read_at = False, time.monotonic()

    def note_broken(self) -> None:
        """A node did not answer: the next command reads the slots again."""
        self._stale = True


class ClusterClient:
    """The part of `redis.Redis` that `Store` uses.

    Args:
        open_client: makes the client of one node.
    """

    def __init__(self, seeds: Sequence[Place], open_client: Callable[[Place], redis.Redis]) -> None:
        self._slots = Slots(seeds)
        self._open = open_client
        self._clients: dict[Place, redis.Redis] = {}

    def execute_command(self, *words: Any) -> Any:
        """Send one command; raises errors of redis-py."""
        return self._walk(self._slots.route(words))

    def masters(self) -> list[redis.Redis]:
        """A client of each master."""
        self._walk(self._slots.refresh())
        return [self._client(place) for place in self._slots.masters()]

    def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            client.close()

    def _client(self, place: Place) -> redis.Redis:
        if place not in self._clients:
            self._clients[place] = self._open(place)
        return self._clients[place]

    def _walk(self, route: Route) -> Any:
        proceed: Callable[[], Step] = lambda: next(route)  # noqa: E731
        while True:
            try:
                step = proceed()
            except StopIteration as end:
                return end.value
            try:
                reply = self._take(step)
            except Exception as error:
                proceed = _throwing(route, error)
            else:
                proceed = _sending(route, reply)

    def _take(self, step: Step) -> Any:
        if isinstance(step, float):
            return time.sleep(step)
        client: Any = self._client(step.place)
        if not step.asking:
            return client.execute_command(*step.words)
        pipeline = client.pipeline(transaction=False)
        pipeline.execute_command("ASKING")
        pipeline.execute_command(*step.words)
        return _answer(pipeline.execute(raise_on_error=False))


class AsyncClusterClient:
    """The part of `redis.asyncio.Redis` that `AsyncStore` uses.

    Args:
        open_client: makes the client of one node.
    """

    def __init__(
        self, seeds: Sequence[Place], open_client: Callable[[Place], redis.asyncio.Redis]
    ) -> None:
        self._slots = Slots(seeds)
        self._open = open_client
        self._clients: dict[Place, redis.asyncio.Redis] = {}

    async def execute_command(self, *words: Any) -> Any:
        """Send one command; raises errors of redis-py."""
        return await self._walk(self._slots.route(words))

    def pipeline(self, transaction: bool = False) -> "ClusterPipeline":
        """Commands that are sent in one round trip to each node."""
        return ClusterPipeline(self)

    async def masters(self) -> list[redis.asyncio.Redis]:
        """A client of each master."""
        await self._walk(self._slots.refresh())
        return [self._client(place) for place in self._slots.masters()]

    async def send_all(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        """Replies, or errors of single commands, in order.

        Raises:
            ConnectionError, …: a node does not answer.
        """
        await self._walk(self._slots.refresh())
        by_place: dict[Place | None, list[int]] = {}
        for at, words in enumerate(commands):
            by_place.setdefault(self._slots.owner(words), []).append(at)
        replies: list[Any] = [ClusterDownError("no master has the slot")] * len(commands)
        parts = [(place, places) for place, places in by_place.items() if place is not None]
        sent = [self._send_part(place, [commands[at] for at in ats]) for place, ats in parts]
        for (_, ats), found in zip(
            parts, await asyncio.gather(*sent, return_exceptions=True), strict=True
        ):
            if isinstance(found, BaseException):
                self._slots.note_broken()
                raise found
            for at, reply in zip(ats, found, strict=True):
                replies[at] = reply
        for at, reply in enumerate(replies):
            if isinstance(reply, (AskError, ClusterDownError, TryAgainError)):
                self._slots.note_broken()
                replies[at] = await self.execute_command(*commands[at])
        return replies

    async def aclose(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            await client.aclose()

    async def _send_part(self, place: Place, commands: Sequence[Sequence[Any]]) -> list[Any]:
        pipeline: Any = self._client(place).pipeline(transaction=False)
        for words in commands:
            pipeline.execute_command(*words)
        replies: list[Any] = await pipeline.execute(raise_on_error=False)
        return replies

    def _client(self, place: Place) -> redis.asyncio.Redis:
        if place not in self._clients:
            self._clients[place] = self._open(place)
        return self._clients[place]

    async def _walk(self, route: Route) -> Any:
        proceed: Callable[[], Step] = lambda: next(route)  # noqa: E731
        while True:
            try:
                step = proceed()
            except StopIteration as end:
                return end.value
            try:
                reply = await self._take(step)
            except Exception as error:
                proceed = _throwing(route, error)
            else:
                proceed = _sending(route, reply)

    async def _take(self, step: Step) -> Any:
        if isinstance(step, float):
            return await asyncio.sleep(step)
        client: Any = self._client(step.place)
        if not step.asking:
            send: Callable[..., Awaitable[Any]] = client.execute_command
            return await send(*step.words)
        pipeline = client.pipeline(transaction=False)
        pipeline.execute_command("ASKING")
        pipeline.execute_command(*step.words)
        return _answer(await pipeline.execute(raise_on_error=False))


class ClusterPipeline:
    """The part of redis-py's pipeline that `AsyncStore` uses. Not atomic."""

    def __init__(self, client: AsyncClusterClient) -> None:
        self._client = client
        self._commands: list[tuple[Any, ...]] = []

    def execute_command(self, *words: Any) -> None:
        """Add a command."""
        self._commands.append(words)

    async def execute(self, raise_on_error: bool = False) -> list[Any]:
        """Send them; an error of a single command stands in its place."""
        return await self._client.send_all(self._commands)


def _answer(replies: list[Any]) -> Any:
    if isinstance(replies[-1], Exception):
        raise replies[-1]
    return replies[-1]


def _text(host: bytes | str | None) -> str:
    return host.decode() if isinstance(host, bytes) else host or ""


def _sending(route: Route, reply: Any) -> Callable[[], Step]:
    return lambda: route.send(reply)


def _throwing(route: Route, error: Exception) -> Callable[[], Step]:
    return lambda: route.throw(error)
