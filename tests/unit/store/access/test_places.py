"""Places that tokens share."""

import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from store.access.places import NoPlace, Places
from store.access.tokens import Token


def token(id: str) -> Token:
    return Token(id, "", frozenset(), frozenset())


def take_all(places: Places, id: str, held: ExitStack) -> int:
    """Number of places that one token can hold."""
    for n in range(1000):
        try:
            held.enter_context(places.place_for(token(id)))
        except NoPlace:
            return n
    raise AssertionError


@pytest.mark.parametrize(
    ("most", "each"), [(8, [4, 2, 1, 1, 0]), (100, [50, 25, 13, 6, 3]), (1, [1])]
)
def test_each_token_may_have_as_many_as_it_leaves_free(most: int, each: list[int]) -> None:
    places = Places(most)
    with ExitStack() as held:
        assert [take_all(places, str(n), held) for n in range(len(each))] == each
    with ExitStack() as held:  # all are given back
        assert take_all(places, "another", held) == each[0]


def test_threads_may_share_them() -> None:
    places, before = Places(1000), sys.getswitchinterval()

    def take_often(who: int) -> None:
        for _ in range(3000):
            with places.place_for(token(f"t{who}")):
                pass

    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(take_often, range(8)))
    finally:
        sys.setswitchinterval(before)
    assert (places._free, places._taken) == (1000, {})
