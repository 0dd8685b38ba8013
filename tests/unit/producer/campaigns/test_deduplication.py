"""Who is in a campaign already, remembered in little room."""

import random
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producer.campaigns.deduplication import SeenRecipients
from tests.examples import examples

UK = 447_700_900_000
NEAR = st.integers(UK, UK + 300)
FAR = st.sampled_from([UK, UK + (1 << 16), 12_025_550_100, 999_999_999_999_999, 10_000_000])
OTHERS = st.sampled_from([b"GB.1349120865530274", b"0447700900001", b"", b"44x", b"US:2025550100"])
RECIPIENTS = st.one_of(NEAR.map(lambda n: b"%d" % n), FAR.map(lambda n: b"%d" % n), OTHERS)


@given(st.lists(st.lists(RECIPIENTS, max_size=60), max_size=8))
def test_everybody_is_let_through_once_and_in_order(chunks: list[list[bytes]]) -> None:
    seen, known = SeenRecipients(), set[bytes]()
    for chunk in chunks:
        fresh = list(dict.fromkeys(r for r in chunk if r not in known))
        known.update(chunk)
        assert seen.drop_duplicates([r + b"\tAda" for r in chunk]) == [r + b"\tAda" for r in fresh]


@given(st.sets(NEAR | FAR), st.sets(OTHERS), st.lists(RECIPIENTS))
@settings(max_examples=examples(50))
def test_who_was_in_before_is_not_let_through(
    numbers: set[int], others: set[bytes], chunk: list[bytes]
) -> None:
    seen = SeenRecipients()
    seen.add_numbers(numbers)
    seen.add_others(others)
    known = {b"%d" % n for n in numbers} | others
    assert seen.drop_duplicates(chunk) == list(dict.fromkeys(r for r in chunk if r not in known))


@pytest.mark.parametrize("step", [1, 3, 13, 17])
def test_a_block_that_grows_crowded_forgets_nobody(step: int) -> None:
    numbers = list(range(UK, UK + 65_536 * 2, step))
    random.Random(7).shuffle(numbers)
    lines = [b"%d" % n for n in numbers]
    seen = SeenRecipients()
    assert seen.drop_duplicates(lines) == lines
    assert seen.drop_duplicates(lines) == []
    assert seen.drop_duplicates([b"%d" % (n + 65_536 * 2) for n in numbers[:50]]) != []


@pytest.mark.parametrize(("span", "most"), [(200_000, 3.0), (10**8, 12.0)])
def test_a_number_takes_a_few_bytes(span: int, most: float) -> None:
    rng = random.Random(3)
    lines = [b"%d" % n for n in sorted({UK + rng.randrange(span) for _ in range(60_000)})]
    tracemalloc.start()
    seen = SeenRecipients()
    seen.drop_duplicates(lines)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used / len(lines) < most
