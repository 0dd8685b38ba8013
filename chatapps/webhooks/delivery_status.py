"""Ranks the provider's message statuses (provider docs, message status).

| rank | state, detail                                    |
|------|--------------------------------------------------|
| 0    | `unconfirmed`, `ok`, and states unknown today    |
| 10   | `queued`, `accepted`                             |
| 20   | `sent`                                           |
| 30   | `delivered`, `delivered_to_operator`             |
| 35   | `delivered` without or with an unknown detail    |
| 40   | `undelivered`, `rejected`, `failed`, `error`     |
| 50   | `delivered`, `delivered_to_recipient`            |
| 60   | `read`                                           |

The provider defines no order; this one makes late, doubled and reordered receipts harmless: a status
replaces another one of its channel only when its rank is higher.
"""

from enum import IntEnum
from typing import Final


class Rank(IntEnum):
    """Certainty of a message's status on one channel; the higher rank wins."""

    UNKNOWN = 0
    QUEUED = 10
    SENT = 20
    WITH_OPERATOR = 30  # the operator has it, the person may not
    DELIVERED = 35  # the docs say delivered, not to whom
    FAILED = 40
    ON_HANDSET = 50
    READ = 60

    @property
    def meaning(self) -> str:
        """The rank in a few words, for people."""
        return _MEANINGS[self]

    @property
    def is_failure(self) -> bool:
        """True when it did not arrive by this channel's status; a handset's receipt may still follow."""
        return self is Rank.FAILED

    @property
    def is_proof(self) -> bool:
        """True when the person's device has it, which no later status revokes."""
        return self >= Rank.ON_HANDSET


_MEANINGS: Final = {
    Rank.UNKNOWN: "nothing is known yet",
    Rank.QUEUED: "the provider has it",
    Rank.SENT: "given to the operator",
    Rank.WITH_OPERATOR: "the operator has it, the person may not",
    Rank.DELIVERED: "delivered, not said to whom",
    Rank.FAILED: "not delivered",
    Rank.ON_HANDSET: "on the handset",
    Rank.READ: "read",
}

DELIVERED: Final = "delivered"

# `accepted` is on the LINE page only; other pages say `queued`.
_OF_STATES: Final = {
    "unknown": Rank.UNKNOWN,
    "ok": Rank.UNKNOWN,
    "queued": Rank.QUEUED,
    "accepted": Rank.QUEUED,
    "sent": Rank.SENT,
    DELIVERED: Rank.DELIVERED,
    "undelivered": Rank.FAILED,
    "rejected": Rank.FAILED,
    "failed": Rank.FAILED,
    "error": Rank.FAILED,
    "read": Rank.READ,
}
_OF_DETAILS: Final = {
    "delivered_to_operator": Rank.WITH_OPERATOR,
    "delivered_to_recipient": Rank.ON_HANDSET,
}


def rank_of(state: str, detail: str | None = None) -> Rank:
    """The rank of a status; `state` and `detail` in lower case."""
    rank = _OF_STATES.get(state, Rank.UNKNOWN)
    if rank is Rank.DELIVERED and detail is not None:
        return _OF_DETAILS.get(detail, rank)
    return rank
