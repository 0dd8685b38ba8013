"""Many receipts of one message, one answer: how it stands on each channel, and over all.

Pure, and the same whatever the order and the number of times the receipts come in.
"""

from collections.abc import Iterable, Sequence

import msgspec

from chatapps.webhooks.person import channel_of
from chatapps.webhooks.receipts import Receipt


def better(one: Receipt, other: Receipt) -> Receipt:
    """The receipt that says more of the two, for one channel.

    The higher rank; of the same rank the earlier one, which tells when that was first reached.
    """
    if one.rank != other.rank:
        return one if one.rank > other.rank else other
    return min(one, other, key=_age)


def standings(receipts: Iterable[Receipt]) -> dict[str, Receipt]:
    """How one message stands on each of its channels: the best receipt of each."""
    best: dict[str, Receipt] = {}
    for receipt in receipts:
        known = best.get(receipt.channel)
        best[receipt.channel] = receipt if known is None else better(known, receipt)
    return best


def overall(receipts: Iterable[Receipt], channels: Sequence[str] = ()) -> Receipt | None:
    """How one message stands: the best of its channels, where only the last one may say no.

    Args:
        receipts: all of one message, on whatever channels, in any order.
        channels: the channels the message tries, in their order. Without them the last channel is
            the one whose receipts start last.

    Returns:
        The receipt that decides. None while nothing can be said: there is none, or every channel that
        was tried has failed and another one will be.
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
    """Earlier is less; those without a time come last. The text settles ties, always alike."""
    return (
        receipt.timestamp is None,
        receipt.timestamp or 0,
        str(msgspec.to_builtins(receipt)),
    )
