"""The store that the suite of scripts runs on finds what a cluster would not bear."""

import pytest

from store.client import Store, script_call
from store.errors import StoreFault
from store.keys import ASIDE, LANES, inbox, inbox_figures
from store.scripts import Script, load_scripts
from tests.conformance import given
from tests.conformance.declared_keys import DeclaredKeysStore


@pytest.fixture
def with_script(store: DeclaredKeysStore) -> Store:
    """A store with one more script, which touches the key that its argument names."""
    source = "#!lua\nreturn redis.call('EXISTS', ARGV[1])"
    store._scripts = {**load_scripts(), "touch": Script("touch", source, "no sha")}
    return store


def test_a_script_that_touches_a_key_it_has_not_declared_is_refused(with_script: Store) -> None:
    assert with_script.run(script_call("touch", (inbox(0),), (inbox(0),), int)) == 0
    with pytest.raises(StoreFault, match=r"access (a key|at least one of the keys)"):
        with_script.run(script_call("touch", (inbox(0),), (inbox_figures(0),), int))


def test_keys_of_two_slots_are_no_call(with_script: Store) -> None:
    with pytest.raises(AssertionError, match="touch"):
        with_script.run(script_call("touch", (ASIDE, LANES), (ASIDE,), int))


def test_a_lane_goes_its_whole_way_within_its_keys(store: DeclaredKeysStore) -> None:
    lane, claim = given.claimed_batch(store, 3)
    assert len(claim.jobs) == 3
    assert given.balanced(store, lane)
