"""Sample values for placeholders, to check a campaign's message before it has recipients."""

from collections.abc import Mapping
from typing import Any, Final

from chatapps.rendering.placeholders import fill_placeholders, find_placeholders

# Samples by the member's name, where the provider expects more than text.
_BY_MEMBER: Final = {
    **dict.fromkeys(("latitude", "longitude", "filesize", "duration", "index", "cardIndex"), "0"),
    **dict.fromkeys(("ttlMinutes", "ttlSeconds", "fallbackAfter"), "60"),
    **dict.fromkeys(("scheduled", "expiry", "startTime", "endTime"), "2100-01-01T00:00:00Z"),
    **dict.fromkeys(
        (
            *("url", "link", "thumbnail", "dlrCallbackUrl"),
            *("fileUrl", "thumbnailUrl", "fallbackUrl"),
        ),
        "https://example.com/a",
    ),
    "language": "en",
    "phoneNumber": "+12025550101",
}


def fill_with_sample_values(message: Mapping[str, Any]) -> Any:
    """The message with short sample values, a different one for each column."""
    numbers: dict[str, str] = {}

    def stand_in(column: str, member: str, text: str) -> str:
        number = numbers.setdefault(column, str(len(numbers) + 1))
        return _BY_MEMBER.get(member, number) if text.startswith("{{") else number

    return fill_placeholders(message, stand_in)


def with_placeholders(emitted: Any, written: Any) -> Any:
    """The emitted form of a filled message, with the placeholders of `written` put back."""
    if isinstance(emitted, dict) and isinstance(written, Mapping):
        return {
            name: with_placeholders(value, written.get(name)) for name, value in emitted.items()
        }
    if isinstance(emitted, list) and isinstance(written, list):
        return [with_placeholders(*pair) for pair in zip(emitted, written, strict=False)]
    return written if any(find_placeholders(written)) else emitted
