"""Record of accepted messages by name and of arrivals of requests. Pure, no clock.

A message's name is the stem of its `clientMessageId`: of `<lane>.<index>.<attempt>` the first two,
without the attempt; an id of any other shape is its own stem. Counts of well-formed ids are kept in
pages of integers (4 bytes a message), so that a million messages cost a few megabytes.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TypedDict

_PAGE_BITS = 10
_PAGE_SIZE = 1 << _PAGE_BITS
_EMPTY_PAGE = bytes(4 * _PAGE_SIZE)


class Summary(TypedDict):
    """The counts of the ledger. Times are seconds since its start."""

    taken: int  # messages accepted, duplicates included
    distinct: int
    duplicates: int
    rejected: dict[str, int]  # by code
    requests: int
    requests_by_status: dict[str, int]  # "cut" for an answer broken off
    messages_posted: int  # all that arrived, accepted or not
    mean_batch_size: float  # over requests with messages
    max_messages_in_one_second: int
    first_arrival: float | None
    last_arrival: float | None


class Ledger:
    """Record of all messages and requests that arrived."""

    def __init__(self) -> None:
        self.taken = 0
        self.distinct = 0
        self.rejected: Counter[int] = Counter()
        self._lanes: dict[str, dict[int, array[int]]] = {}
        self._odd: Counter[str] = Counter()  # ids of another shape
        self._times = array("d")
        self._sizes = array("I")
        self._accounts: dict[str, int] = {}  # sub-account → its index in this table
        self._whose = array("H")
        self._statuses: Counter[str] = Counter()

    def take(self, client_message_ids: Iterable[str | None]) -> None:
        """Record messages as accepted. Each one without an id is counted as distinct."""
        for client_message_id in client_message_ids:
            self.taken += 1
            if client_message_id is None or self._raise_count(client_message_id) == 1:
                self.distinct += 1

    def refuse(self, code: int) -> None:
        """Record a refusal of one message."""
        self.rejected[code] += 1

    def arrive(self, at: float, messages: int, status: str, sub_account: str = "") -> None:
        """Record a request: its arrival in seconds, its number of messages, its status."""
        self._times.append(at)
        self._sizes.append(messages)
        self._whose.append(self._accounts.setdefault(sub_account, len(self._accounts)))
        self._statuses[status] += 1

    def summary(self) -> Summary:
        posted, filled = sum(self._sizes), sum(size > 0 for size in self._sizes)
        return Summary(
            taken=self.taken,
            distinct=self.distinct,
            duplicates=self.taken - self.distinct,
            rejected={str(code): count for code, count in sorted(self.rejected.items())},
            requests=len(self._times),
            requests_by_status=dict(sorted(self._statuses.items())),
            messages_posted=posted,
            mean_batch_size=round(posted / filled, 2) if filled else 0.0,
            max_messages_in_one_second=busiest_second(self._times, self._sizes),
            first_arrival=min(self._times, default=None),
            last_arrival=max(self._times, default=None),
        )

    def arrivals(self) -> Iterator[tuple[float, str, int]]:
        """Arrival, sub-account and number of messages of each request."""
        names = list(self._accounts)
        for at, whose, size in zip(self._times, self._whose, self._sizes, strict=True):
            yield at, names[whose], size

    def messages(self, lane: str | None = None) -> Iterator[tuple[str, int]]:
        """Stem and count of each accepted message, of one lane in the order of its indexes or of all,
        ids of another shape last. Messages may be accepted meanwhile."""
        for name in list(self._lanes) if lane is None else [lane]:
            pages = self._lanes.get(name, {})
            for number in sorted(pages):
                for offset, count in enumerate(pages[number]):
                    if count:
                        yield f"{name}.{(number << _PAGE_BITS) + offset}", count
        if lane is None:
            yield from list(self._odd.items())

    def _raise_count(self, client_message_id: str) -> int:
        lane, _, rest = client_message_id.partition(".")
        index, _, attempt = rest.partition(".")
        if not (_is_number(index) and _is_number(attempt)):
            self._odd[client_message_id] += 1
            return self._odd[client_message_id]
        position = int(index)
        pages = self._lanes.setdefault(lane, {})
        page = pages.get(position >> _PAGE_BITS)
        if page is None:
            page = pages[position >> _PAGE_BITS] = array("I", _EMPTY_PAGE)
        page[position & (_PAGE_SIZE - 1)] += 1
        return page[position & (_PAGE_SIZE - 1)]


def busiest_second(times: Iterable[float], sizes: Iterable[int]) -> int:
    """The most messages that arrived in any window of one second, its start excluded.

    `times` in seconds, in any order; `sizes` are the messages of the requests at those times.
    """
    arrivals = sorted(zip(times, sizes, strict=True))
    most = current = start = 0
    for at, size in arrivals:
        current += size
        while arrivals[start][0] <= at - 1.0:
            current -= arrivals[start][1]
            start += 1
        most = max(most, current)
    return most


def _is_number(text: str) -> bool:
    """True for plain decimal digits without a leading zero: "07" would be another name for "7"."""
    return text.isdecimal() and text.isascii() and (text[0] != "0" or text == "0")


class Schedule:
    """Scheduled messages, single or in batches. Times in epoch seconds."""

    def __init__(self) -> None:
        self._due: dict[str, float] = {}
        self._batches: dict[str, list[str]] = {}

    def add(self, umid: str, batch_id: str | None, scheduled: str) -> None:
        """Record a message scheduled for an ISO 8601 time."""
        moment = datetime.fromisoformat(scheduled)
        self._due[umid] = moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
        if batch_id is not None:
            self._batches.setdefault(batch_id, []).append(umid)

    def cancel(self, umid: str, now: float) -> bool:
        """Cancel a message; False when it does not exist or is already sent."""
        return self._due.pop(umid, now) > now

    def cancel_batch(self, batch_id: str, now: float) -> int:
        """Cancel the unsent messages of a batch; returns how many."""
        return sum(self.cancel(umid, now) for umid in self._batches.pop(batch_id, ()))
