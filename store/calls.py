"""A call to the store as a value: what to send and how to read the answer.

Each operation is written once, as a function that builds a `Call`; the blocking `Store` of producers
and the `AsyncStore` of workers both run it. Errors of redis-py become errors of the store here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    ClusterDownError,
    ConnectionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TimeoutError,
    TryAgainError,
)
from redis.retry import Retry

from config.sections import SettingsError
from store.errors import StoreError, StoreFull, StoreRefused, StoreUnavailable
from store.scripts import Script, load_scripts

T = TypeVar("T")
Argument = str | bytes | int | float
SOCKET_TIMEOUT = 15.0
CONNECT_TIMEOUT = 5.0
_AWAY = (
    ConnectionError, TimeoutError, BusyLoadingError, ReadOnlyError, ClusterDownError, TryAgainError,
)  # fmt: skip
_CUT_OFF = (OSError, EOFError, RuntimeError)
"""What redis-py lets through when the connection breaks at an awkward moment; uvloop's word for a
transport that is closed is a RuntimeError."""
_PASSING = ("MISCONF", "NOREPLICAS", "BUSY ", "UNBLOCKED")
"""Starts of refusals that pass: a full disk, missing replicas, a long script, a failover."""


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One script call or one plain command."""

    script: str | None
    keys: tuple[str, ...]
    args: tuple[Argument, ...]
    parse: Callable[[Any], T]


def script_call(
    name: str, keys: Sequence[str], args: Sequence[Argument], parse: Callable[[Any], T]
) -> Call[T]:
    """A call of the script with this name."""
    return Call(name, tuple(keys), tuple(args), parse)


def command(*words: Argument, parse: Callable[[Any], T]) -> Call[T]:
    """A call of one plain Redis command: reads, and writes that take nothing."""
    return Call(None, (), words, parse)


def hint(name: str, key: str, *words: Argument, parse: Callable[[Any], T]) -> Call[T]:
    """A small write that no count depends on; it is done where memory is full, too."""
    return script_call("write_hint", (key,), (name, *words), parse)


class Store:
    """Runs calls against Redis and waits for the answer."""

    def __init__(self, client: redis.Redis, scripts: dict[str, Script] | None = None) -> None:
        self.client = client
        self._scripts = scripts or load_scripts()

    @classmethod
    def connect(cls, url: str) -> Store:
        """Connect lazily; nothing is sent yet. Raises SettingsError if the URL makes no sense."""
        with _readable():
            return cls(
                redis.Redis.from_url(
                    url,
                    socket_timeout=SOCKET_TIMEOUT,
                    socket_connect_timeout=CONNECT_TIMEOUT,
                    retry=Retry(NoBackoff(), 0),
                )
            )

    def run(self, call: Call[T]) -> T:
        """Send one call and read its answer.

        Raises:
            StoreUnavailable, StoreFull, StoreRefused: as the classes say.
        """
        with translated():
            reply = self._send(call)
        return call.parse(reply)

    def load(self) -> None:
        """Load every script, so that a missing or broken one is noticed at the start."""
        with translated():
            for script in self._scripts.values():
                self.client.script_load(script.source)

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def _send(self, call: Call[Any]) -> Any:
        send: Callable[..., Any] = self.client.execute_command
        if call.script is None:
            return send(*call.args)
        script = self._scripts[call.script]
        try:
            return send("EVALSHA", script.sha, *_words(call))
        except NoScriptError:
            return send("EVAL", script.source, *_words(call))


class AsyncStore:
    """Runs calls against Redis from an event loop."""

    def __init__(
        self, client: redis.asyncio.Redis, scripts: dict[str, Script] | None = None
    ) -> None:
        self.client = client
        self._scripts = scripts or load_scripts()

    @classmethod
    def connect(cls, url: str, *, max_connections: int = 64) -> AsyncStore:
        """Connect lazily; nothing is sent yet. Raises SettingsError if the URL makes no sense."""
        with _readable():
            return cls(
                redis.asyncio.Redis.from_url(
                    url,
                    socket_timeout=SOCKET_TIMEOUT,
                    socket_connect_timeout=CONNECT_TIMEOUT,
                    max_connections=max_connections,
                    retry=redis.asyncio.retry.Retry(NoBackoff(), 0),
                )
            )

    async def run(self, call: Call[T]) -> T:
        """Send one call and read its answer.

        Raises:
            StoreUnavailable, StoreFull, StoreRefused: as the classes say.
        """
        with translated():
            reply = await self._send(call)
        return call.parse(reply)

    async def run_all(self, calls: Sequence[Call[T]]) -> list[T]:
        """Send many calls in one round trip, and read their answers. Not one moment.

        Raises:
            StoreUnavailable, StoreFull, StoreRefused: as the classes say, if any of them fails.
        """
        pipeline = self.client.pipeline(transaction=False)
        for call in calls:
            if call.script is None:
                pipeline.execute_command(*call.args)
            else:
                pipeline.execute_command("EVALSHA", self._scripts[call.script].sha, *_words(call))
        with translated():
            replies = await pipeline.execute(raise_on_error=False)
            for place, reply in enumerate(replies):
                if isinstance(reply, NoScriptError):
                    replies[place] = await self._send(calls[place])
                elif isinstance(reply, Exception):
                    raise reply
        return [call.parse(reply) for call, reply in zip(calls, replies, strict=True)]

    async def load(self) -> None:
        """Load the scripts that the server does not know, so that a broken one is noticed at once."""
        scripts = list(self._scripts.values())
        with translated():
            known = await self.client.script_exists(*(script.sha for script in scripts))
            for script, there in zip(scripts, known, strict=True):
                if not there:
                    await self.client.script_load(script.source)

    async def close(self) -> None:
        """Close the connections."""
        await self.client.aclose()

    async def _send(self, call: Call[Any]) -> Any:
        send: Callable[..., Awaitable[Any]] = self.client.execute_command
        if call.script is None:
            return await send(*call.args)
        script = self._scripts[call.script]
        try:
            return await send("EVALSHA", script.sha, *_words(call))
        except NoScriptError:
            return await send("EVAL", script.source, *_words(call))


def _words(call: Call[Any]) -> tuple[Argument, ...]:
    """What follows the script, named or whole. It is sent whole where the server does not know it: were
    it loaded first and named again, somebody might flush it in between."""
    return (len(call.keys), *call.keys, *call.args)


@contextmanager
def _readable() -> Iterator[None]:
    """Turn a ValueError about the URL into a sentence; its text may hold a part of the password."""
    try:
        yield
    except ValueError as error:
        raise SettingsError(
            "redis_url is no address of a Redis server: it looks like redis://HOST:PORT/NUMBER, "
            "rediss://… or unix:///PATH, and special characters of a password are written as %XX."
        ) from error


@contextmanager
def translated() -> Iterator[None]:
    """Turn errors of redis-py into errors of the store, the cause chained."""
    try:
        yield
    except OutOfMemoryError as error:
        raise StoreFull(
            "Redis is full and takes no new jobs: give it more memory (maxmemory) or wait "
            "until finished lanes expire."
        ) from error
    except AuthenticationError as error:
        raise StoreUnavailable("Redis refuses our password: check redis_url.") from error
    except (*_AWAY, *_CUT_OFF) as error:
        raise StoreUnavailable(
            f"Redis cannot serve at the moment ({type(error).__name__}): is it running, and does "
            "redis_url point to it?"
        ) from error
    except ResponseError as error:
        if str(error).startswith(_PASSING):
            raise StoreUnavailable(f"Redis cannot serve at the moment: {error}") from error
        raise StoreRefused(str(error)) from error
    except RedisError as error:
        raise StoreError(f"Redis: {type(error).__name__}") from error


def text(value: bytes | str | None) -> str:
    """A reply as text; nothing is the empty string."""
    if value is None:
        return ""
    return value.decode() if isinstance(value, bytes) else value
