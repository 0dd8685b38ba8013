"""A call to the store as a value: the command and the parser of its reply.

Each operation is written once, as a function that builds a `Call`; the blocking `Store` of producers and
the `AsyncStore` of workers both run it. Errors of redis-py become errors of the store here.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

import redis
import redis.asyncio
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.exceptions import (
    AskError,
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
from redis.sentinel import Sentinel

from config.addresses import parse_cluster, parse_sentinels
from config.sections import SettingsError
from store.cluster import AsyncClusterClient, ClusterClient
from store.errors import StoreError, StoreFault, StoreFull, StoreRefused, StoreUnavailable
from store.scripts import Script, load_scripts

T = TypeVar("T")
K = TypeVar("K")
Argument = str | bytes | int | float
SOCKET_TIMEOUT = 15.0
CONNECT_TIMEOUT = 5.0
_TIMEOUTS: dict[str, Any] = {
    "socket_timeout": SOCKET_TIMEOUT,
    "socket_connect_timeout": CONNECT_TIMEOUT,
}
_AWAY = (
    ConnectionError, TimeoutError, BusyLoadingError, ReadOnlyError, ClusterDownError, TryAgainError,
)  # fmt: skip
_CUT_OFF = (OSError, EOFError, RuntimeError)
"""Errors that redis-py lets through when the connection breaks; uvloop raises RuntimeError for a closed
transport."""
_PASSING = ("MISCONF", "NOREPLICAS", "BUSY ", "UNBLOCKED")
"""Prefixes of transient refusals: a full disk, missing replicas, a long script, a failover."""

_REFUSED = "REFUSED"
"""Prefix of what scripts refuse themselves."""


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One script call or one plain command."""

    script: str | None
    keys: tuple[str, ...]  # as built by store.keys, without the store's prefix
    args: tuple[Argument, ...]
    parse: Callable[[Any], T | Call[T]]  # returns the result, or the next call


def script_call(
    name: str, keys: Sequence[str], args: Sequence[Argument], parse: Callable[[Any], T | Call[T]]
) -> Call[T]:
    """A call of the script with this name."""
    return Call(name, tuple(keys), tuple(args), parse)


def command(*words: Argument, parse: Callable[[Any], T]) -> Call[T]:
    """A call of one plain Redis command on a key: reads, and writes that free memory."""
    keys = tuple(word for word in words[1:2] if isinstance(word, str))
    return Call(None, keys, words, parse)


def command_of_keys(name: str, keys: Sequence[str], parse: Callable[[Any], T]) -> Call[T]:
    """A call of one plain Redis command on several keys of a slot: MGET, EXISTS."""
    return Call(None, tuple(keys), (name, *keys), parse)


def ask_server(*words: Argument, parse: Callable[[Any], T]) -> Call[T]:
    """A call of one plain Redis command without keys: INFO, CONFIG GET …"""
    return Call(None, (), words, parse)


def first(call: Call[K], then: Callable[[K], T | Call[T]]) -> Call[T]:
    """A call followed by another one. A script touches no key that is not among its KEYS; so the keys
    are read first, and the script checks that they still hold.

    Args:
        then: takes the result of `call` and returns the next call, or the result.
    """

    def parse(reply: Any) -> T | Call[T]:
        answer = call.parse(reply)
        return first(answer, then) if isinstance(answer, Call) else then(answer)

    return Call(call.script, call.keys, call.args, parse)


def in_turn(calls: Sequence[Call[K]], combine: Callable[[list[K]], T]) -> Call[T]:
    """Calls in sequence, as one: they touch several slots."""

    def step(at: int, answers: list[K]) -> Call[T] | T:
        if at == len(calls):
            return combine(answers)
        return first(calls[at], lambda answer: step(at + 1, [*answers, answer]))

    begun = step(0, [])
    assert isinstance(begun, Call), "there is at least one"
    return begun


def best_effort(name: str, key: str, *words: Argument, parse: Callable[[Any], T]) -> Call[T]:
    """A small write that no count depends on; it succeeds when memory is full, too."""
    return script_call("write_best_effort", (key,), (name, *words), parse)


class Store:
    """Runs calls against Redis and waits for the answer.

    Args:
        key_prefix: prefix of every key.
    """

    def __init__(
        self,
        client: redis.Redis,
        scripts: dict[str, Script] | None = None,
        *,
        key_prefix: str = "",
    ) -> None:
        self.client = client
        self._scripts = scripts or load_scripts()
        self._key_prefix = key_prefix

    @classmethod
    def connect(cls, url: str, *, key_prefix: str = "") -> Store:
        """Connect lazily; nothing is sent yet. Raises SettingsError if the URL is invalid."""
        retry = Retry(NoBackoff(), 0)
        client = _client(redis.Redis, Sentinel, ClusterClient, url, {**_TIMEOUTS, "retry": retry})
        return cls(client, key_prefix=key_prefix)

    def run(self, call: Call[T]) -> T:
        """Send one call and read its answer.

        Raises:
            StoreUnavailable, StoreFull, StoreRefused, StoreFault: as the classes say.
        """
        while True:
            with translated():
                reply = self._send(call)
            answer = call.parse(reply)
            if not isinstance(answer, Call):
                return answer
            call = answer

    def load(self) -> None:
        """Load every script, so that a missing or broken one is noticed at start."""
        for server in self.servers():
            with translated():
                for script in self._scripts.values():
                    server.client.script_load(script.source)

    @property
    def address(self) -> str:
        """HOST:PORT of the server; empty for a socket."""
        options = self.client.connection_pool.connection_kwargs
        return f"{options['host']}:{options['port']}" if "host" in options else ""

    def servers(self) -> list[Store]:
        """A store of each server, for what is asked of servers and not of keys; of a cluster, one of
        each master. They are closed with this one.

        Raises:
            StoreUnavailable: the cluster does not answer.
        """
        client: Any = self.client
        if not isinstance(client, ClusterClient):
            return [self]
        with translated():
            masters = client.masters()
        return [Store(one, self._scripts, key_prefix=self._key_prefix) for one in masters]

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def _send(self, call: Call[Any]) -> Any:
        send: Callable[..., Any] = self.client.execute_command
        words = _words(call, self._key_prefix)
        if call.script is None:
            return send(*words)
        script = self._scripts[call.script]
        try:
            return send("EVALSHA", script.sha, *words)
        except NoScriptError:
            return send("EVAL", script.source, *words)


class AsyncStore:
    """Runs calls against Redis from an event loop.

    Args:
        key_prefix: prefix of every key.
    """

    def __init__(
        self,
        client: redis.asyncio.Redis,
        scripts: dict[str, Script] | None = None,
        *,
        key_prefix: str = "",
    ) -> None:
        self.client = client
        self._scripts = scripts or load_scripts()
        self._key_prefix = key_prefix

    @classmethod
    def connect(cls, url: str, *, key_prefix: str = "", max_connections: int = 64) -> AsyncStore:
        """Connect lazily; nothing is sent yet. Raises SettingsError if the URL is invalid."""
        retry = redis.asyncio.retry.Retry(NoBackoff(), 0)
        options = {**_TIMEOUTS, "retry": retry, "max_connections": max_connections}
        client = _client(redis.asyncio.Redis, AsyncSentinel, AsyncClusterClient, url, options)
        return cls(client, key_prefix=key_prefix)

    async def run(self, call: Call[T]) -> T:
        """Send one call and read its answer.

        Raises:
            StoreUnavailable, StoreFull, StoreRefused, StoreFault: as the classes say.
        """
        while True:
            with translated():
                reply = await self._send(call)
            answer = call.parse(reply)
            if not isinstance(answer, Call):
                return answer
            call = answer

    async def run_all(self, calls: Sequence[Call[T]]) -> list[T]:
        """Send many calls in one round trip and read their answers. Not atomic.

        Raises:
            StoreUnavailable, StoreFull, StoreRefused, StoreFault: as the classes say, if any fails.
        """
        pipeline = self.client.pipeline(transaction=False)
        for call in calls:
            words = _words(call, self._key_prefix)
            if call.script is None:
                pipeline.execute_command(*words)
            else:
                pipeline.execute_command("EVALSHA", self._scripts[call.script].sha, *words)
        with translated():
            replies = await pipeline.execute(raise_on_error=False)
            for place, reply in enumerate(replies):
                if isinstance(reply, NoScriptError):
                    replies[place] = await self._send(calls[place])
                elif isinstance(reply, Exception):
                    raise reply
        answers = [call.parse(reply) for call, reply in zip(calls, replies, strict=True)]
        return [await self.run(one) if isinstance(one, Call) else one for one in answers]

    async def load(self) -> None:
        """Load the scripts that the server does not know, so that a broken one is noticed at start."""
        scripts = list(self._scripts.values())
        for server in await self.servers():
            with translated():
                known = await server.client.script_exists(*(script.sha for script in scripts))
                for script, there in zip(scripts, known, strict=True):
                    if not there:
                        await server.client.script_load(script.source)

    async def servers(self) -> list[AsyncStore]:
        """As `Store.servers`."""
        client: Any = self.client
        if not isinstance(client, AsyncClusterClient):
            return [self]
        with translated():
            masters = await client.masters()
        return [AsyncStore(one, self._scripts, key_prefix=self._key_prefix) for one in masters]

    async def close(self) -> None:
        """Close the connections."""
        await self.client.aclose()

    async def _send(self, call: Call[Any]) -> Any:
        send: Callable[..., Awaitable[Any]] = self.client.execute_command
        words = _words(call, self._key_prefix)
        if call.script is None:
            return await send(*words)
        script = self._scripts[call.script]
        try:
            return await send("EVALSHA", script.sha, *words)
        except NoScriptError:
            return await send("EVAL", script.source, *words)


def _words(call: Call[Any], prefix: str) -> tuple[Argument, ...]:
    """Words of a plain command, EVALSHA or EVAL. An unknown script is sent whole: between a SCRIPT LOAD
    and an EVALSHA it might be flushed."""
    if call.script is None:
        if prefix and call.keys:
            named = [prefix + key for key in call.keys]
            return (call.args[0], *named, *call.args[1 + len(named) :])
        return call.args
    keys = [prefix + key for key in call.keys] if prefix else call.keys
    return (len(keys), *keys, *call.args)


_OF_SENTINELS = ("host", "port", "connection_class")
"""Parts of a parsed URL that sentinels or their pool choose."""


def _client(kind: Any, sentinel: Any, cluster: Any, url: str, options: dict[str, Any]) -> Any:
    """A client of a server, of a cluster, or of the master that sentinels name: each new connection asks
    them. Options in the URL win."""
    with _readable():
        if nodes := parse_cluster(url):
            kind.from_url(
                nodes.of_node(nodes.nodes[0]), **options
            ).connection_pool.make_connection()
            return cluster(nodes.nodes, lambda node: kind.from_url(nodes.of_node(node), **options))
        address = parse_sentinels(url)
        parts = urlsplit(address.server if address else url)
        if parts.scheme != "unix" and not re.fullmatch(r"/?[0-9]*/?", parts.path):
            raise ValueError("not the number of a database")  # redis-py would take number 0
        if address is None:
            client = kind.from_url(url, **options)
        else:
            given = parse_url(address.server)  # type: ignore[no-untyped-call]
            of_master = {name: given[name] for name in given if name not in _OF_SENTINELS}
            if address.tls is not None:
                of_master["ssl"] = True
            asked = sentinel(address.sentinels, sentinel_kwargs=address.own)
            client = asked.master_for(address.master, kind, **options | of_master)
        pool = client.connection_pool
        pool.connection_class(**pool.connection_kwargs)  # an unknown option is seen here, not later
        return client


@contextmanager
def _readable() -> Iterator[None]:
    """Turn an error about the URL into SettingsError; its text may hold a part of the password."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise SettingsError(
            "redis_url is no address of a Redis server: it looks like redis://HOST:PORT/NUMBER, "
            "rediss://…, unix:///PATH, redis+cluster://HOST:PORT,HOST:PORT or "
            "redis+sentinel://HOST:PORT,HOST:PORT/MASTER/NUMBER, and special characters "
            "of a password are written as %XX. What follows a ? are options that redis-py knows."
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
    except AskError as error:  # MOVED, too: of a client that knows no cluster
        raise StoreFault(
            "Redis is one server of a cluster: set redis_url to redis+cluster://HOST:PORT,HOST:PORT."
        ) from error
    except ResponseError as error:
        if "cluster support disabled" in str(error):
            raise StoreFault(
                "Redis is no cluster: set redis_url to redis://HOST:PORT/NUMBER."
            ) from error
        if str(error).startswith(_PASSING):
            raise StoreUnavailable(f"Redis cannot serve at the moment: {error}") from error
        if str(error).startswith(_REFUSED):
            raise StoreRefused(str(error)) from error
        raise StoreFault(
            f"Redis refuses a command ({error}): its user needs all rights to our keys, and no other "
            "program may write to them."
        ) from error
    except RedisError as error:
        raise StoreError(f"Redis: {type(error).__name__}") from error


def text(value: bytes | str | None) -> str:
    """A reply as text; None is the empty string."""
    if value is None:
        return ""
    return value.decode() if isinstance(value, bytes) else value
