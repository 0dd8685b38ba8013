"""Starts, queries and stops the provider's process."""

import json
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from bench.errors import BenchError
from bench.provider import Tally
from sendmany.local.processes import last_line, python, start

START_SECONDS = 20.0
ANSWER_SECONDS = 60.0


class Provider:
    """A running provider.

    Args:
        latency_ms: delay of its answers.
    """

    def __init__(self, log: Path, latency_ms: float) -> None:
        self.child = start(
            python("bench.provider", f"--latency-ms={latency_ms}"), log, read_stdout=True
        )
        line = self.child.first_line(START_SECONDS)
        if not line:
            raise BenchError(f"The provider did not start: {last_line(log) or log}")
        self.url: str = json.loads(line)["listening"]
        self._connection = HTTPConnection(urlsplit(self.url).netloc, timeout=ANSWER_SECONDS)

    def total(self) -> int:
        """Messages received."""
        return int(self._get("/total"))

    def tally(self) -> Tally:
        """Counts of all messages."""
        return msgspec.json.decode(self._get("/ledger"), type=Tally)

    def arrivals(self, start: str) -> dict[str, float]:
        """Arrivals of messages (s, monotonic clock) by their ids without the attempt."""
        return msgspec.json.decode(self._get(f"/arrivals/{start}"), type=dict[str, float])

    def forget(self) -> None:
        """Reset the counts."""
        self._get("/forget")

    def stop(self) -> None:
        """End the process."""
        self._connection.close()
        self.child.stop(0)

    def _get(self, path: str) -> bytes:
        self._connection.request("GET", path)
        return self._connection.getresponse().read()
