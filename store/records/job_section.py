"""Jobs as stored in Redis: sections of packed lines.

A section is a header line, `<n> <attempts> <base> <bytes>`, and `n` job lines. `attempts` is the number
of attempts these jobs have had, `3.2` where their doubt is 2 (`Job.doubt`); `base` the index of the
first of consecutive jobs, or `x` if every line starts with its own index and a tab; `bytes` is the
length of the lines, so that a script can skip them. A fifth field means that a worker has died holding
these jobs before posting them; such a section is claimed alone. Queue elements, batches, retry batches
and in-doubt batches hold one or more sections.

Lines hold raw tabs and newlines only as separators: values are JSON-escaped before they are packed. One
section of up to 1,000 jobs is one Redis value, which makes a claim 0.1 µs a message instead of 0.9.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby, repeat
from operator import attrgetter
from typing import NamedTuple


class Job(NamedTuple):
    """One recipient's message, waiting or in flight."""

    index: int  # type: ignore[assignment]  # shadows the unused tuple.index
    attempts: int  # attempts so far
    line: bytes  # recipient, tab, values
    doubt: int = 0
    """0: no attempt so far can have arrived; else 1 + number of resends in doubt."""

    @property
    def recipient(self) -> bytes:
        """Digits of the number without `+`, or a channel user id."""
        return self.line.split(b"\t", 1)[0]

    @property
    def resends(self) -> int:
        """Number of resends although an earlier attempt may have arrived."""
        return max(0, self.doubt - 1)

    def tried(self, attempts: int = 1, *, may_have_arrived: bool) -> "Job":
        """The job after so many more attempts."""
        doubt = max(self.doubt, 1) if may_have_arrived else self.doubt
        return Job(self.index, self.attempts + attempts, self.line, doubt)

    def resent(self) -> "Job":
        """The job when it is resent in doubt."""
        return self._replace(doubt=self.doubt + 1)


def pack(jobs: Iterable[Job]) -> bytes:
    """Pack jobs into sections; neighbours with equal attempts and doubt share one."""
    return b"".join(_section(list(group)) for _, group in _streaks(jobs))


def pack_in_halves(jobs: Sequence[Job], deaths: int) -> bytes:
    """Pack jobs of a worker that died: each half is claimed alone, to find the job that kills.

    Args:
        deaths: count in their sections so far.
    """
    if len(jobs) == 1:
        return _section(list(jobs), max(deaths, 1) + 1)
    middle = len(jobs) // 2
    return b"".join(
        _section(list(group), 1)
        for half in (jobs[:middle], jobs[middle:])
        for _, group in _streaks(half)
    )


def unpack(blob: bytes) -> list[Job]:
    """Read every job of a packed value, in order.

    Raises:
        ValueError: the value is not packed jobs.
    """
    jobs: list[Job] = []
    for header, payload in sections(blob):
        jobs.extend(_jobs_of(header, payload))
    return jobs


def without(blob: bytes, indexes: Collection[int]) -> bytes:
    """A packed value without the jobs of these messages; headers keep their other fields."""
    kept = b""
    for header, payload in sections(blob):
        jobs = [job for job in _jobs_of(header, payload) if job.index not in indexes]
        kept += _section(jobs, header.deaths) if jobs else b""
    return kept


def _jobs_of(header: "Header", payload: bytes) -> list[Job]:
    n, attempts, base, _, _, doubt = header
    lines = payload.split(b"\n")
    if len(lines) != n:
        raise ValueError(f"a section of {n} jobs holds {len(lines)} lines")
    if base == b"x":
        return list(_explicit(lines, attempts, doubt))
    new = tuple.__new__  # a third of the cost of `Job(…)`
    first = int(base)
    rows = zip(range(first, first + n), repeat(attempts), lines, repeat(doubt), strict=False)
    return [new(Job, row) for row in rows]


class Header(NamedTuple):
    """First line of a section."""

    n: int
    attempts: int
    base: bytes
    length: int
    deaths: int
    doubt: int


def sections(blob: bytes) -> Iterator[tuple[Header, bytes]]:
    """Walk the sections of a packed value without parsing their lines."""
    position = 0
    while position < len(blob):
        end = blob.index(b"\n", position)
        n, attempts, base, length, *deaths = blob[position:end].split(b" ")
        tries, _, doubt = attempts.partition(b".")
        died = int(deaths[0]) if deaths else 0
        header = Header(int(n), int(tries), base, int(length), died, int(doubt or 0))
        start = end + 1
        yield header, blob[start : start + header.length]
        position = start + header.length + 1


def deaths_of(blob: bytes) -> int:
    """Number of deaths of workers with the jobs of a packed value, from its headers."""
    return max((header.deaths for header, _ in sections(blob)), default=0)


def count(blob: bytes) -> int:
    """Number of jobs in a packed value, from the headers alone."""
    return sum(header.n for header, _ in sections(blob))


def _streaks(jobs: Iterable[Job]) -> Iterator[tuple[tuple[int, int], Iterator[Job]]]:
    return groupby(jobs, key=attrgetter("attempts", "doubt"))


def _section(jobs: list[Job], deaths: int = 0) -> bytes:
    first, tried, _, doubt = jobs[0]
    attempts = b"%d.%d" % (tried, doubt) if doubt else b"%d" % tried
    if jobs[-1].index - first == len(jobs) - 1 and _consecutive(jobs):
        base, payload = b"%d" % first, b"\n".join([job.line for job in jobs])
    else:
        base, payload = b"x", b"\n".join([b"%d\t%b" % (job.index, job.line) for job in jobs])
    died = b" %d" % deaths if deaths else b""
    return b"%d %b %b %d%b\n%b\n" % (len(jobs), attempts, base, len(payload), died, payload)


def _consecutive(jobs: list[Job]) -> bool:
    first = jobs[0].index
    return all(job.index == first + i for i, job in enumerate(jobs))


def _explicit(lines: list[bytes], attempts: int, doubt: int) -> Iterator[Job]:
    for line in lines:
        index, _, rest = line.partition(b"\t")
        yield Job(int(index), attempts, rest, doubt)


def international(recipient: str) -> str:
    """A recipient as people write it: a number with `+`, another id unchanged."""
    if recipient.isdecimal():
        return f"+{recipient}"
    try:
        return str(json.loads(f'"{recipient}"'))  # jobs hold other ids escaped as JSON
    except ValueError:
        return recipient
