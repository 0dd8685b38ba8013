"""The order of states, held against the provider reference written out here once more."""

import pytest

from chatapps.webhooks import Rank, rank_of

RANKS = {
    ("unknown", None): 0,
    ("ok", None): 0,
    ("something_new", None): 0,
    ("queued", None): 10,
    ("accepted", None): 10,
    ("sent", None): 20,
    ("sent", "delivered_to_operator"): 20,
    ("delivered", "delivered_to_operator"): 30,
    ("delivered", None): 35,
    ("delivered", "delivered_to_carrier"): 35,
    ("undelivered", None): 40,
    ("undelivered", "rejected_by_operator"): 40,
    ("undelivered", "undelivered_to_recipient"): 40,
    ("undelivered", "delivered_to_recipient"): 40,
    ("rejected", None): 40,
    ("failed", None): 40,
    ("error", None): 40,
    ("delivered", "delivered_to_recipient"): 50,
    ("read", None): 60,
    ("read", "delivered_to_operator"): 60,
}


@pytest.mark.parametrize(("status", "rank"), RANKS.items())
def test_a_status_has_the_rank_of_the_reference(status: tuple[str, str | None], rank: int) -> None:
    assert rank_of(*status) == rank


def test_every_rank_is_reached_and_has_words() -> None:
    assert {Rank(rank) for rank in RANKS.values()} == set(Rank)
    assert len({rank.meaning for rank in Rank}) == len(Rank)


def test_given_to_the_operator_is_no_proof() -> None:
    assert not rank_of("delivered", "delivered_to_operator").is_proof
    assert rank_of("delivered", "delivered_to_recipient").is_proof
    assert rank_of("read").is_proof


def test_only_one_rank_is_a_failure() -> None:
    assert [rank for rank in Rank if rank.is_failure] == [Rank.FAILED]
