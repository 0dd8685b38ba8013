"""Layout 2: data of people lie in shards, and each receiving process has an inbox.

Before, all of it was under two tags: `sm:{people}:suppressed:<scope>`, `…:lifted:<scope>`,
`…:windows:<sub-account>:<channel>`, `…:unmarketed:<sub-account>:<0|1>`, `…:replies`, and `sm:{inbox}`,
`…:aside`, `…:figures`. A part is copied, then deleted: a body of the inbox may be applied twice, which
is harmless.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from store.client import Argument, Call, Store, command, script_call, text
from store.keys import (
    ASIDE,
    PEOPLE,
    inbox,
    inbox_figures,
    lifted,
    shard_of,
    suppressed,
    unmarketed,
    windows,
)
from store.migrations.scan import names_like, page_of_scan

_AT_ONCE = 1000
_PEOPLE = "sm:{people}:"
_INBOX = "sm:{inbox}"


def spread_people_and_inboxes(store: Store, go_on: Callable[[], None]) -> None:
    """Move the data under the old keys."""
    for key in names_like(store, f"{_PEOPLE}*"):
        kind, _, rest = key.removeprefix(_PEOPLE).partition(":")
        if kind == "replies":
            _move_replies(store)
        elif kind in _READERS:
            for part in _READERS[kind](store, key):
                _keep(store, kind, rest, part)
                go_on()
        store.run(command("UNLINK", key, parse=int))
    for key, new in ((_INBOX, inbox(0)), (f"{_INBOX}:aside", ASIDE)):
        while bodies := store.run(_bodies(key)):
            store.run(_adopt(new, "stream", [body for _, body in bodies]))
            store.run(command("XDEL", key, *(id_ for id_, _ in bodies), parse=int))
            go_on()
        store.run(command("UNLINK", key, parse=int))
    figures = store.run(command("HGETALL", f"{_INBOX}:figures", parse=dict))
    if figures:
        store.run(_adopt(inbox_figures(0), "hash", _flat(figures.items())))
        store.run(command("UNLINK", f"{_INBOX}:figures", parse=int))


def _keep(store: Store, kind: str, rest: str, part: Sequence[tuple[str, Any]]) -> None:
    """Copy some people to their shards."""
    shards: dict[int, list[tuple[str, Any]]] = {}
    for one in part:
        shards.setdefault(shard_of(one[0]), []).append(one)
    for shard, some in shards.items():
        if kind == "suppressed":
            store.run(_adopt(suppressed(rest, shard), "hash", _flat(some)))
        elif kind == "lifted":
            store.run(_adopt(lifted(rest, shard), "zset", _flat(some)))
        elif kind == "windows":
            sub_account, _, channel = rest.rpartition(":")
            store.run(_adopt(windows(sub_account, channel, shard), "zset", _flat(some)))
        else:
            sub_account, _, period = rest.rpartition(":")
            key = unmarketed(sub_account, shard)[int(period)]
            store.run(_adopt(key, "set", [who for who, _ in some]))
            store.run(command("EXPIRE", key, 14 * 86_400, "NX", parse=int))
    what = {"suppressed": rest, "unmarketed": rest.rpartition(":")[0]}.get(kind)
    if part and what is not None:
        now = store.run(command("TIME", parse=lambda reply: int(reply[0]) * 1000))
        store.run(_adopt(PEOPLE, "hash", [f"{kind}:{what}", now]))


def _move_replies(store: Store) -> None:
    found = store.run(command("HGETALL", f"{_PEOPLE}replies", parse=dict))
    pairs = [(f"replied:{text(name)}", at) for name, at in found.items()]
    if pairs:
        store.run(_adopt(PEOPLE, "hash", _flat(pairs)))


def _hash(store: Store, key: str) -> Iterator[list[tuple[str, Any]]]:
    return _scanned(store, key, "HSCAN", _pairs)


def _zset(store: Store, key: str) -> Iterator[list[tuple[str, Any]]]:
    return _scanned(store, key, "ZSCAN", _pairs)


def _set(store: Store, key: str) -> Iterator[list[tuple[str, Any]]]:
    return _scanned(store, key, "SSCAN", lambda found: [(text(who), None) for who in found])


_READERS = {"suppressed": _hash, "lifted": _zset, "windows": _zset, "unmarketed": _set}


def _scanned(
    store: Store, key: str, verb: str, read: Callable[[Any], list[tuple[str, Any]]]
) -> Iterator[list[tuple[str, Any]]]:
    """The content of a key, part by part."""
    cursor = 0
    while True:
        cursor, found = store.run(command(verb, key, cursor, "COUNT", _AT_ONCE, parse=page_of_scan))
        people = iter(read(found))
        while part := list(islice(people, _AT_ONCE)):  # a small key comes whole
            yield part
        if not cursor:
            return


def _pairs(found: Any) -> list[tuple[str, Any]]:
    if isinstance(found, dict):
        return [(text(who), value) for who, value in found.items()]
    if found and isinstance(found[0], (list, tuple)):
        return [(text(who), value) for who, value in found]
    return [(text(who), value) for who, value in zip(found[::2], found[1::2], strict=True)]


def _bodies(key: str) -> Call[list[tuple[str, bytes]]]:
    """Entries of an old stream, the oldest first."""

    def parse(reply: Any) -> list[tuple[str, bytes]]:
        return [(text(id_), fields[b"body"]) for id_, fields in reply]

    return command("XRANGE", key, "-", "+", "COUNT", _AT_ONCE, parse=parse)


def _flat(pairs: Any) -> list[Argument]:
    return [word for pair in pairs for word in pair]


def _adopt(key: str, kind: str, words: Sequence[Argument]) -> Call[int]:
    return script_call("adopt", (key,), (kind, *words), int)
