"""Keys: all of a lane on one shard, none of two lanes the same."""

import re
from dataclasses import astuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.crc import key_slot

from store.calls import Store
from store.keys import (
    CALLING,
    REPLIES,
    LaneKeys,
    drains,
    lane_keys,
    lifted,
    limiter,
    permit,
    suppressed,
    wake_list,
    windows,
)
from store.lanes import Priority
from store.opening import notification_lane, open_campaign
from tests.conformance import given as known

LANES = ["spring-a1b2c3", "n-a1b2c3-u250615", "n-a1b2c3-b250616"]


def every_key(keys: LaneKeys) -> list[str]:
    """One of each, numbered ones with a number."""
    named = [keys.flight("b"), keys.park("b"), keys.wave("b"), keys.done("b")]
    numbered = [keys.outcome(5000), keys.trail(5000), keys.long_ids(5000), keys.numbers_of(5000)]
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


def test_the_keys_of_drain_loops_are_on_one_shard() -> None:
    keys = [key(served) for key in (drains, wake_list) for served in ("", "urgent", "normal-bulk")]
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


def test_all_that_is_known_of_people_is_on_one_shard_so_that_one_call_can_screen_a_batch() -> None:
    keys = [
        suppressed("*"),
        suppressed("shop"),
        lifted("shop"),
        windows("shop", "whatsapp"),
        REPLIES,
    ]
    assert len(set(keys)) == len(keys)
    assert len({key_slot(key.encode()) for key in keys}) == 1
