"""Compares our records with the sandbox's ledger, message by message."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import msgspec

from sendmany.errors import ProcessError
from store.records.outcome import Outcome
from store.states import PROVIDER_HAS_IT

_OURS = 1
_THEIRS = 2


@dataclass(frozen=True, slots=True)
class Audit:
    """Differences between the two."""

    lost: int  # accepted by our records, but not at the provider
    unrecorded: int  # at the provider, but not accepted in our records
    duplicates: int  # repeats that the provider accepted


def compare(size: int, outcomes: Iterable[Outcome], taken: Iterable[tuple[int, int]]) -> Audit:
    """Compare message by message. Pure.

    Args:
        size: messages of the lane.
        outcomes: our records.
        taken: index of each message at the provider, and how often it was accepted.
    """
    seen = bytearray(size)
    for outcome in outcomes:
        if outcome.state in PROVIDER_HAS_IT:
            seen[outcome.index] |= _OURS
    duplicates = strangers = 0
    for index, times in taken:
        duplicates += times - 1
        if index < size:
            seen[index] |= _THEIRS
        else:
            strangers += 1
    return Audit(seen.count(_OURS), seen.count(_THEIRS) + strangers, duplicates)


def read_taken(sandbox_url: str, lane: str) -> Iterator[tuple[int, int]]:
    """Messages of a lane that the sandbox accepted: index and count.

    Raises:
        ProcessError: the sandbox does not answer.
    """
    entry = msgspec.json.Decoder(tuple[str, int])
    url = f"{sandbox_url}/sandbox/ledger/messages"
    with (
        _asking(),
        httpx.stream("GET", url, params={"lane": lane}, timeout=60, trust_env=False) as answer,
    ):
        for line in answer.iter_lines():
            stem, times = entry.decode(line)
            yield int(stem.rpartition(".")[2]), times


class LedgerSummary(msgspec.Struct, frozen=True):
    """The part of the sandbox's ledger that is shown."""

    requests: int
    taken: int
    duplicates: int
    rejected: dict[str, int]  # by code
    requests_by_status: dict[str, int]
    max_messages_in_one_second: int


def read_summary(sandbox_url: str) -> LedgerSummary:
    """Counts of the sandbox's ledger.

    Raises:
        ProcessError: the sandbox does not answer.
    """
    with _asking():
        answer = httpx.get(f"{sandbox_url}/sandbox/ledger", timeout=60, trust_env=False)
    return msgspec.json.decode(answer.content, type=LedgerSummary)


@contextmanager
def _asking() -> Iterator[None]:
    try:
        yield
    except httpx.HTTPError as error:
        raise ProcessError(
            f"The sandbox does not say what it took ({type(error).__name__})."
        ) from error
