"""What `sendmany doctor` finds about the Redis server: version, persistence, eviction, limits. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from sendmany.findings import Check, note, ok, problem

LEAST_ENTRIES: Final = 128
LEAST_VALUE: Final = 64
_OLDEST: Final = {"valkey": (7, 2), "redis": (7, 0)}


def look_at_server(
    server: Mapping[str, Any], persistence: Mapping[str, Any], config: Mapping[str, str] | None
) -> Iterator[Check]:
    """What the server says of itself. Pure.

    Args:
        config: None when it does not tell, as managed servers do not.
    """
    yield _version(server)
    yield _append_only(persistence)
    if config is None:
        yield note("redis settings", "the server does not show them (CONFIG is not allowed)")
        return
    yield _eviction(config.get("maxmemory-policy", ""))
    yield _listpack(config)


def _version(server: Mapping[str, Any]) -> Check:
    name = "valkey" if "valkey_version" in server else "redis"
    version = str(server.get(f"{name}_version", "0"))
    oldest = _OLDEST[name]
    found = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    words = f"{name.capitalize()} {version}"
    if found < oldest:
        least = ".".join(map(str, oldest))
        return problem("redis", words, f"at least {name.capitalize()} {least} is needed")
    return ok("redis", words)


def _append_only(persistence: Mapping[str, Any]) -> Check:
    if int(persistence.get("aof_enabled", 0)):
        return ok("append-only file", "on")
    return problem("append-only file", "off: a restart loses messages", "set appendonly yes")


def _eviction(policy: str) -> Check:
    if policy == "noeviction":
        return ok("eviction", policy)
    return problem(
        "eviction",
        f"{policy}: a full Redis throws messages away",
        "set maxmemory-policy noeviction",
    )


def _listpack(config: Mapping[str, str]) -> Check:
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
