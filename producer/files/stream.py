"""A file that is still arriving, read like an open file by a thread that waits for its bytes."""

from collections.abc import Callable

from producer.errors import InputError
from producer.files.csv_reader import LOOKS_BACK

_LEAST = 16
"""Bytes that a read waits for unless the end is near, so that a byte order mark is never split."""

_REST_BYTES = 256 * 1024


class ArrivingFile:
    """Keeps only the last `LOOKS_BACK` bytes, so that memory stays bounded."""

    def __init__(self, more: Callable[[], bytes]) -> None:
        """`more` waits for the next bytes and returns them; empty at the end."""
        self._more = more
        self._kept = bytearray()
        self._base = 0  # offset of the kept bytes
        self._at = 0  # offset of the next read
        self._ended = False

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to an offset that is still kept; raises InputError when it is too far back."""
        if whence or offset < self._base:
            raise InputError("the rows cannot be told apart: is it a CSV file?")
        self._at = offset
        return offset

    def read(self, size: int = -1, /) -> bytes:
        """Available bytes, at most `size`; waits when there are none."""
        wanted = min(size, _LEAST) if size >= 0 else _LEAST
        while self._there < wanted and self._fill():
            pass
        return self._take(self._there if size < 0 else min(size, self._there))

    def readline(self, limit: int = -1, /) -> bytes:
        """The bytes up to the end of the line, at most `limit`; waits for them."""
        looked_at = 0
        while True:
            start = self._at - self._base
            end = self._kept.find(b"\n", start + looked_at)
            if end >= 0:
                return self._take(_within(limit, end + 1 - start))
            looked_at = self._there
            if 0 <= limit <= looked_at or not self._fill():
                return self._take(_within(limit, looked_at))

    def read_rest(self) -> None:
        """Read to the end and drop the rest."""
        while self.read(_REST_BYTES):
            pass

    @property
    def _there(self) -> int:
        """Bytes that can be read without waiting."""
        return max(0, self._base + len(self._kept) - self._at)

    def _fill(self) -> bool:
        """Wait for more; False at the end."""
        if self._ended:
            return False
        block = self._more()
        self._ended = not block
        self._kept += block
        return not self._ended

    def _take(self, n: int) -> bytes:
        start = self._at - self._base
        taken = bytes(self._kept[start : start + n])
        self._at += n
        if (surplus := self._at - self._base - LOOKS_BACK) > LOOKS_BACK // 4:
            del self._kept[:surplus]
            self._base += surplus
        return taken


def _within(limit: int, length: int) -> int:
    return length if limit < 0 else min(limit, length)
