"""Connections that bring no request: uvicorn waits for them for ever, and for as many as there are."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class _PatientProtocol(HttpToolsProtocol):
    """Closes a connection whose request does not come, and one too many."""

    seconds: float
    most: int
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.most:
            transport.close()
        else:
            self._start()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        if self._timer is None:
            self._start()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._stop()
        super().on_headers_complete()

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
