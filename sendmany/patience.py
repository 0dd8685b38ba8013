"""Connections that bring no request: uvicorn waits for them for ever, for as many as there are, and for
as many bytes as they send."""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_BYTES: Final = 64 * 1024
"""Of a request, its first line included; and of what may follow a body in chunks."""
_PIECE: Final = 16 * 1024
"""Bytes that are parsed before it is looked whether they were too many: a read may bring 256 KiB."""
_SAID: Final = b'{"error":"The headers are too large: at most %d bytes are taken.","problems":[]}'
_BODY: Final = _SAID % HEADER_BYTES
_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\nconnection: close\r\n\r\n%b" % (len(_BODY), _BODY)
)


class _PatientProtocol(HttpToolsProtocol):
    """Closes a connection whose request does not come, or has headers without end, and one too many."""

    seconds: float
    most: int
    _timer: asyncio.TimerHandle | None = None
    _idle_bytes = 0  # that have come since the last that were worth something

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.most:
            transport.close()
        else:
            self._start()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        for start in range(0, len(data), _PIECE):
            piece = data[start : start + _PIECE]
            self._idle_bytes += len(piece)
            super().data_received(piece)
            if self._idle_bytes > HEADER_BYTES:
                self._refuse()
            if self.transport.is_closing():
                return

    def on_message_begin(self) -> None:
        if self._timer is None:
            self._start()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._stop()
        self._idle_bytes = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._idle_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._idle_bytes = 0
        super().on_message_complete()

    def _refuse(self) -> None:
        if self.cycle is None or self.cycle.response_complete:  # else it would cut into an answer
            self.transport.write(_TOO_LARGE)
        self.transport.close()

    def _start(self) -> None:
        self._timer = self.loop.call_later(self.seconds, self.transport.close)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def patient_protocol(seconds: float, most: int) -> type[asyncio.Protocol]:
    """A protocol for uvicorn.

    Args:
        seconds: until the headers of a request must be here.
        most: connections at the same time.
    """
    limits: dict[str, Any] = {"seconds": seconds, "most": most}
    return type("PatientProtocol", (_PatientProtocol,), limits)
