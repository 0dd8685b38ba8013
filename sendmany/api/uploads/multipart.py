"""Streaming parser of multipart/form-data bodies."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header


class FormError(Exception):
    """The body is not a form, or is incomplete; one sentence."""


@dataclass(frozen=True, slots=True)
class PartBegins:
    """A part begins; its data follow."""

    name: str


@dataclass(frozen=True, slots=True)
class PartEnds:
    """A part is complete."""


PartEvent = PartBegins | bytes | PartEnds


class FormParts:
    """Turns pieces of a body into events of its parts. No I/O."""

    def __init__(self, content_type: str) -> None:
        """Raises FormError for a header of another content type."""
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not boundary:
            raise FormError("send multipart/form-data with the parts campaign and recipients")
        self._events: list[PartEvent] = []
        self._header: dict[str, bytes] = {}
        self._field = self._value = b""
        self.ended = False
        try:
            self._parser = MultipartParser(boundary, self._callbacks())  # type: ignore[arg-type]
        except FormParserError as error:
            raise FormError("the boundary of the form is too long") from error

    def feed(self, data: bytes) -> list[PartEvent]:
        """The events of the next piece of the body; raises FormError."""
        self._events = []
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise FormError("the body cannot be read as multipart/form-data") from error
        return self._events

    def _callbacks(self) -> dict[str, object]:
        return {
            "on_header_field": self._on_field,
            "on_header_value": self._on_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers,
            "on_part_data": lambda data, start, end: self._events.append(data[start:end]),
            "on_part_end": lambda: self._events.append(PartEnds()),
            "on_end": self._on_end,
        }

    def _on_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        self._header[self._field.decode("latin-1").lower()] = self._value
        self._field = self._value = b""

    def _on_headers(self) -> None:
        _, options = parse_options_header(self._header.get("content-disposition", b""))
        self._header = {}
        self._events.append(PartBegins(options.get(b"name", b"").decode("utf-8", "replace")))

    def _on_end(self) -> None:
        self.ended = True


async def read_parts(content_type: str, body: AsyncIterator[bytes]) -> AsyncIterator[PartEvent]:
    """The events of a body as it arrives.

    Raises:
        FormError: it is not a form, or is incomplete.
    """
    parts = FormParts(content_type)
    async for piece in body:
        for event in parts.feed(piece):
            yield event
    if not parts.ended:
        raise FormError("the body ended before its end: the upload was cut")
