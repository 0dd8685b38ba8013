"""Which thousands of a lane a batch lies in."""

from store.receipts.sent_batches import MOST_THOUSANDS, thousands_of


def test_a_batch_that_is_scattered_too_widely_is_not_remembered() -> None:
    assert thousands_of([1999, 2000, 1001]) == (1, 2)
    assert len(thousands_of(range(0, MOST_THOUSANDS * 1000, 500))) == MOST_THOUSANDS
    assert thousands_of(range(0, MOST_THOUSANDS * 1000 + 1, 500)) == ()
