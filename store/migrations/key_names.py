"""Layout 3: keys have the names of what they hold.

Before, a lane's retry batches were `waves` and `w:<batch>`, claimed batches `flights` and `f:<batch>`,
batches in doubt `parked` and `p:<batch>`; times of breaker events were `…:told`, and the registry of
workers was under `sm:{drains}`, where all expires by itself but the wake-ups.
"""

from collections.abc import Callable, Iterator

from store.client import Call, Store, command, script_call, text
from store.keys import breaker_events, lane_keys
from store.migrations.scan import every_lane, names_like

_WORKERS = "sm:{drains}"
_EVENTS = "sm:breakers:{*}:told"


def rename_keys(store: Store, go_on: Callable[[], None]) -> None:
    """Rename the keys of all lanes and breakers; drop wake-ups."""
    for lane in every_lane(store):
        for old, new in _names(store, lane):
            store.run(_rename(old, new))
            go_on()
    for key in names_like(store, _EVENTS):
        sub_account = key.partition("{")[2].partition("}")[0]
        store.run(_rename(key, breaker_events(sub_account)))
    for key in names_like(store, f"{_WORKERS}*"):
        store.run(command("UNLINK", key, parse=int))


def _names(store: Store, lane: str) -> Iterator[tuple[str, str]]:
    """Old and new names; the index of the batches comes last, so that a repeat finds the rest."""
    keys = lane_keys(lane)
    for index, prefix, new_index, new_prefix in (
        ("waves", "w", keys.retries, keys.retry_prefix),
        ("flights", "f", keys.claimed_batches, keys.claimed_prefix),
        ("parked", "p", keys.in_doubt, keys.in_doubt_prefix),
    ):
        old = f"{keys.base}:{index}"
        for batch in store.run(_members(old)):
            yield f"{keys.base}:{prefix}:{batch}", f"{new_prefix}{batch}"
        yield old, new_index


def _members(key: str) -> Call[list[str]]:
    return command("ZRANGE", key, 0, -1, parse=lambda reply: [text(one) for one in reply])


def _rename(old: str, new: str) -> Call[int]:
    return script_call("rename_key", (old, new), (), int)
