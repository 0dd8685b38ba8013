"""Checks of the Redis server: version, persistence, eviction, limits. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from sendmany.doctor.finding import Check, note, ok, problem

LEAST_ENTRIES: Final = 128
LEAST_VALUE: Final = 64
_LOST: Final = "without it a restart loses messages"
_OLDEST: Final = {"valkey": (7, 2), "redis": (7, 0)}


def check_server(info: Mapping[str, Any], config: Mapping[str, str]) -> Iterator[Check]:
    """Check the server's own figures. Pure.

    Args:
        info: reply of `INFO`; managed servers may show less.
        config: reply of `CONFIG GET`, likewise.
    """
    yield _version(info)
    yield _append_only(info)
    yield _eviction(config.get("maxmemory-policy") or info.get("maxmemory_policy"))
    yield _listpack(config)


def _version(server: Mapping[str, Any]) -> Check:
    name = "valkey" if "valkey_version" in server else "redis"
    if f"{name}_version" not in server:
        return note("redis", "the server does not show its version (INFO is not allowed)")
    version = str(server[f"{name}_version"])
    oldest = _OLDEST[name]
    found = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    words = f"{name.capitalize()} {version}"
    if found < oldest:
        least = ".".join(map(str, oldest))
        return problem("redis", words, f"at least {name.capitalize()} {least} is needed")
    return ok("redis", words)


def _append_only(persistence: Mapping[str, Any]) -> Check:
    if "aof_enabled" not in persistence:
        return note("append-only file", f"the server does not say whether it is on: {_LOST}")
    if int(persistence["aof_enabled"]):
        return ok("append-only file", "on")
    return problem("append-only file", f"off: {_LOST}", "set appendonly yes")


def _eviction(policy: str | None) -> Check:
    if policy is None:
        return note("eviction", "the server does not show maxmemory-policy: it must be noeviction")
    if policy == "noeviction":
        return ok("eviction", policy)
    return problem(
        "eviction",
        f"{policy}: a full Redis throws messages away",
        "set maxmemory-policy noeviction",
    )


def _listpack(config: Mapping[str, str]) -> Check:
    if "hash-max-listpack-entries" not in config:
        return note("listpack limits", "the server does not show them (CONFIG is not allowed)")
    entries = int(config.get("hash-max-listpack-entries", 0))
    value = int(config.get("hash-max-listpack-value", 0))
    words = f"entries {entries}, value {value}"
    if entries >= LEAST_ENTRIES and value >= LEAST_VALUE:
        return ok("listpack limits", words)
    return problem(
        "listpack limits",
        f"{words}: idempotency keys take many times the memory",
        f"set hash-max-listpack-entries {LEAST_ENTRIES} and hash-max-listpack-value {LEAST_VALUE}",
    )
