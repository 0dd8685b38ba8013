"""Rates at the provider: seconds with more messages than the limit allows."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import httpx
import msgspec

from worker.batch import CACHE_SECONDS
from worker.delivery.request import STALE

LATEST = CACHE_SECONDS + STALE
"""Seconds that a request may leave after its turn: so much more of the rate may fall into one second."""


@dataclass(frozen=True)
class Excess:
    """A second that held too much."""

    sub_account: str
    end: float  # monotonic
    messages: int


def arrivals(sandbox: str) -> dict[str, list[tuple[float, int]]]:
    """Sub-account → time and messages of each request, in order."""
    text = httpx.get(f"{sandbox}/sandbox/ledger/arrivals", timeout=60).content
    found: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for at, sub_account, messages in map(msgspec.json.decode, text.splitlines()):
        found[sub_account].append((at, messages))
    return {sub_account: sorted(requests) for sub_account, requests in found.items()}


def unexcused(found: Iterable[Excess], thaws: Iterable[float]) -> list[Excess]:
    """Those that hold no moment at which a frozen worker went on.

    A process checks its turn and its lease just before it sends. One that is frozen between that look
    and the sending cannot know: its one request comes late, on top of those whose turn it is then. No
    limiter can do anything about that; a server that is frozen is no such excuse.
    """
    moments = list(thaws)
    return [one for one in found if not any(one.end - 1.0 <= at <= one.end for at in moments)]


def most_in_a_second(rate: int, burst: int) -> int:
    """Messages that a second may hold, by the limits and by how late a request may be."""
    return int(burst + rate * (1 + LATEST))


def excesses(sub_account: str, requests: Iterable[tuple[float, int]], limit: int) -> list[Excess]:
    """The seconds with more messages than that."""
    window: list[tuple[float, int]] = []
    found = []
    for at, messages in requests:
        window = [one for one in window if one[0] > at - 1.0]
        window.append((at, messages))
        total = sum(size for _, size in window)
        if total > limit:
            found.append(Excess(sub_account, at, total))
    return found


def busiest_second(requests: Iterable[tuple[float, int]]) -> int:
    """The most messages in any second."""
    most = current = start = 0
    arrived = list(requests)
    for at, messages in arrived:
        current += messages
        while arrived[start][0] <= at - 1.0:
            current -= arrived[start][1]
            start += 1
        most = max(most, current)
    return most
