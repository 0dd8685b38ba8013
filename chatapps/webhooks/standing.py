"""Aggregates the receipts of a message: its status per channel, and overall.

Pure; the order and the repetition of receipts do not matter.
"""

from collections.abc import Iterable, Sequence

import msgspec

from chatapps.webhooks.person import channel_of
from chatapps.webhooks.receipts import Receipt


def better(one: Receipt, other: Receipt) -> Receipt:
    """The receipt of the two with the higher rank, on one channel.

    With equal ranks the earlier one, which tells when the rank was first reached.
    """
    if one.rank != other.rank:
        return one if one.rank > other.rank else other
    return min(one, other, key=_age)


def standings(receipts: Iterable[Receipt]) -> dict[str, Receipt]:
    """The best receipt of each channel of one message."""
    best: dict[str, Receipt] = {}
    for receipt in receipts:
        known = best.get(receipt.channel)
        best[receipt.channel] = receipt if known is None else better(known, receipt)
    return best


def overall(receipts: Iterable[Receipt], channels: Sequence[str] = ()) -> Receipt | None:
    """The receipt that decides about a message: the best of its channels, where only the last one can
    fail it.

    Args:
        receipts: all of one message, in any order.
        channels: the channels the message tries, in their order. Without them the last channel is
            the one whose receipts start last.

    Returns:
        None while undecided: there is no receipt, or every channel tried so far has failed and another
            one follows.
    """
    known = list(receipts)
    last = channel_of(channels[-1]) if channels else _last_channel(known)
    candidates = [
        receipt
        for channel, receipt in standings(known).items()
        if channel == last or not receipt.rank.is_failure
    ]
    return _best(candidates)


def _best(receipts: Sequence[Receipt]) -> Receipt | None:
    best: Receipt | None = None
    for receipt in receipts:
        best = receipt if best is None else better(best, receipt)
    return best


def _last_channel(receipts: Iterable[Receipt]) -> str | None:
    first: dict[str, Receipt] = {}
    for receipt in receipts:
        known = first.get(receipt.channel)
        first[receipt.channel] = receipt if known is None else min(known, receipt, key=_age)
    return max(first.values(), key=_age).channel if first else None


def _age(receipt: Receipt) -> tuple[bool, int, str]:
    """Sort key by time, those without a time last; the texts break ties."""
    return (
        receipt.timestamp is None,
        receipt.timestamp or 0,
        str(msgspec.to_builtins(receipt)),
    )
