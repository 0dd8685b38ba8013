"""Keys: all of a lane on one shard, none of two lanes the same."""

import inspect
import re
from collections.abc import Iterator
from dataclasses import astuple, fields
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.crc import key_slot

from store import keys as module
from store.client import Store
from store.keys import (
    CALLING,
    PEOPLE_SHARDS,
    TABLE,
    LaneKeys,
    People,
    counted_marketing,
    dispatchers,
    lane_keys,
    lanes_called,
    lifted,
    limiter,
    permit,
    row_of,
    shard_of,
    suppressed,
    unmarketed,
    unreachable,
    wake_list,
    windows,
)
from store.lanes.lane import Priority
from store.lanes.open import notification_lane, open_campaign
from tests.conformance import given as known

LANES = ["spring-a1b2c3", "n-a1b2c3-u250615", "n-a1b2c3-b250616"]


def every_key(keys: LaneKeys) -> list[str]:
    """One of each, numbered ones with a number."""
    named = [keys.claimed_batch("b"), keys.in_doubt_batch("b"), keys.retry("b"), keys.done("b")]
    numbered = [
        keys.outcome(5000),
        keys.attempt_log(5000),
        keys.long_ids(5000),
        keys.numbers_of(5000),
        f"{keys.values}5",
        f"{keys.cells}5f0a",
    ]
    return [*astuple(keys), *named, *numbered, *keys.seen(20254, [0xABC])]


@pytest.mark.parametrize("lane", LANES)
def test_all_keys_of_a_lane_are_on_one_shard(lane: str) -> None:
    assert len({key_slot(key.encode()) for key in every_key(lane_keys(lane))}) == 1


def test_notification_lanes_of_a_sub_account_share_their_shard_and_nothing_else() -> None:
    one, other = lane_keys(LANES[1]), lane_keys(LANES[2])
    assert key_slot(one.meta.encode()) == key_slot(other.meta.encode())
    shared = {*every_key(one)} & {*every_key(other)}
    assert shared == {one.family_base, *one.seen(20254, [0xABC])}


def test_a_limiter_and_its_permits_are_on_one_shard() -> None:
    assert key_slot(limiter("My&Shop.1").encode()) == key_slot(permit("My&Shop.1", "op").encode())


def test_the_keys_of_dispatchers_are_on_one_shard() -> None:
    keys = [
        key(served) for key in (dispatchers, wake_list) for served in ("", "urgent", "normal-bulk")
    ]
    assert len(set(keys)) == 6
    assert len({key_slot(key.encode()) for key in (*keys, CALLING)}) == 1


def test_no_two_keys_of_a_lane_are_the_same() -> None:
    keys = every_key(lane_keys("spring-a1b2c3"))
    assert len(set(keys)) == len(keys) - 1  # `base` and `family_base` of a campaign


def test_a_thousand_messages_share_a_string() -> None:
    keys = lane_keys("spring-a1b2c3")
    assert keys.outcome(0) == keys.outcome(999) != keys.outcome(1000)


def test_a_notification_lane_is_named_after_its_day() -> None:
    assert notification_lane("a1b2c3", Priority.URGENT, "250615") == LANES[1]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(min_size=1, max_size=60))
def test_any_name_makes_a_lane_id_that_can_travel(store: Store, name: str) -> None:
    lane, _ = open_campaign(store, known.plan(name))
    assert re.fullmatch(r"[a-z0-9-]{1,24}", lane)
    assert not lane.startswith("n-")


@pytest.mark.parametrize("shard", range(PEOPLE_SHARDS))
def test_all_that_a_sub_account_knows_of_people_of_a_shard_is_in_one_slot(shard: int) -> None:
    keys = [
        suppressed("shop", shard),
        lifted("shop", shard),
        windows("shop", "whatsapp", shard),
        unreachable("shop", shard),
        *unmarketed("shop", shard),
        *counted_marketing("shop", shard),
    ]
    assert len(set(keys)) == len(keys)
    assert len({key_slot(key.encode()) for key in keys}) == 1


def test_people_are_spread_evenly_by_the_last_digit_and_ids_by_their_last_letter() -> None:
    shards = [shard_of(f"44770090000{digit}") for digit in range(10)]
    assert sorted(shards) == sorted([*range(PEOPLE_SHARDS)] * (10 // PEOPLE_SHARDS))
    assert {shard_of(f"GB.{letter}") for letter in "abcdefghij"} == {*range(PEOPLE_SHARDS)}
    assert shard_of("") == 0


@pytest.mark.parametrize("who", ["447700900001", "GB.1349Z", "ünï-é", ""])
def test_a_name_in_bytes_lies_where_it_lies_as_text(who: str) -> None:
    assert shard_of(who) == shard_of(who.encode())


PAGE = Path(__file__).parents[3] / "docs/reference/redis-keys.md"
SAMPLES = {
    "caller": "command-line",
    "code": 1023,
    "id": "0f8d1c",
    "hour": 490000,
    "served": "urgent", "batch_id": "ab-cd", "process": "host:1", "number": 3, "scope": "*", "shard": 2,
    "sub_account": "My&Shop.1", "portfolio": "Group", "channel": "whatsapp", "op": "op",
    "digest": "0f8d",
    "token": "abcd1234",
}  # fmt: skip
PREFIXES = (
    "base",
    "family_base",
    "outcomes",
    "attempt_logs",
    "ids",
    "numbers",
    "values",
    "cells",
    "retry_prefix",
    "in_doubt_prefix",
    "claimed_prefix",
)


def everything_that_can_be_built() -> Iterator[str]:
    """One key of each builder of the module."""
    yield from (value for value in vars(module).values() if is_key(value))
    yield from (dispatchers(""), wake_list(""), lanes_called("Spring sale"))
    for builder in vars(module).values():
        if not inspect.isfunction(builder) or builder.__module__ != module.__name__:
            continue
        names = inspect.signature(builder).parameters
        if names.keys() <= SAMPLES.keys():
            built = builder(*(SAMPLES[name] for name in names))
            yield from (built,) if isinstance(built, str) else built
    for lane in LANES:
        keys = lane_keys(lane)
        yield from (getattr(keys, one.name) for one in fields(keys) if one.name not in PREFIXES)
        yield from (
            keys.claimed_batch("b"),
            keys.in_doubt_batch("b"),
            keys.retry("b"),
            keys.done("in_doubt:b"),
        )
        yield from (keys.outcome(1), keys.attempt_log(1), keys.long_ids(1), keys.numbers_of(1))
        yield from (f"{keys.values}0", f"{keys.cells}5f0a")
        yield from keys.seen(20254, [0xABC])


def is_key(value: object) -> bool:
    return isinstance(value, str) and value.startswith("sm:") and "<" not in value


def test_every_key_that_can_be_built_is_in_the_table() -> None:
    assert [key for key in everything_that_can_be_built() if row_of(key) is None] == []


def test_every_row_of_the_table_is_of_a_key_that_can_be_built() -> None:
    found = {row_of(key) for key in everything_that_can_be_built()}
    assert [row.pattern for row in TABLE if row not in found] == []


def test_a_key_that_is_new_is_missing_from_the_table() -> None:
    assert row_of("sm:{people-shop-1}:birthdays") is None
    assert row_of("sm:{spring-a1b2c3}:values:7") is None


def test_what_holds_people_is_known_to_hold_them() -> None:
    jobs = lane_keys("spring-a1b2c3")
    kinds = {
        jobs.queue: People.JOBS,
        jobs.outcome(0): People.RECORDS,
        jobs.numbers_of(0): People.NUMBERS,
        jobs.long_ids(0): People.LONG_IDS,
        f"{jobs.values}0": People.VALUES,
        f"{jobs.cells}5f0a": People.CELLS,
        jobs.meta: People.NONE,
        module.inbox(0): People.BODIES,
        suppressed("shop", 1): People.NAMES,
    }
    for key, people in kinds.items():
        row = row_of(key)
        assert row is not None
        assert row.people is people


def test_the_page_of_keys_names_every_row() -> None:
    page = PAGE.read_text("utf-8")
    shown = [row.pattern.replace("sm:{<family>}<rest>", "<lane>") for row in TABLE]
    missing = [pattern for pattern in shown if f"`{pattern}`" not in page]
    assert missing == []
