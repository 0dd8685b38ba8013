"""The message file of a campaign: the provider's message without `user`, as a person writes it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from chatapps.compiled import RESERVED, CompiledContent, UnknownColumns, compile_content
from chatapps.messages import MessageError, read_message_body
from chatapps.messages.json_text import parse_object
from chatapps.placeholders import check_columns, fill_placeholders, find_placeholders
from producer.errors import InputError

# What stands in for a column where the provider reads more than text, by the member's name.
_SAMPLES = {
    **dict.fromkeys(("latitude", "longitude", "filesize", "duration", "index", "cardIndex"), "0"),
    **dict.fromkeys(("ttlMinutes", "ttlSeconds", "fallbackAfter"), "60"),
    **dict.fromkeys(("scheduled", "expiry", "startTime", "endTime"), "2100-01-01T00:00:00Z"),
    **dict.fromkeys(("url", "dlrCallbackUrl", "fileUrl", "thumbnailUrl"), "https://example.com/a"),
    "language": "en",
    "phoneNumber": "+12025550101",
}


def load_message_file(path: Path) -> Mapping[str, Any]:
    """The message in a JSON file; raises InputError. A raw tab inside a string is tolerated."""
    text = _read_text(path)
    try:
        message = parse_object(text)
    except MessageError as error:
        raise InputError(f"{path}: the message is unreadable: {error}") from error
    for name in RESERVED:
        if name in message:
            raise InputError(f'{path}: take out "{name}", it is written for each recipient')
    return message


def prepare(message: Mapping[str, Any], columns: Sequence[str]) -> CompiledContent:
    """Compile the content of a campaign whose recipients have `columns`, and check it once.

    Raises InputError for an unknown column or a message that the provider would refuse.
    """
    try:
        check_columns(message, columns)
        body = read_message_body(_fill_with_samples(message))
        content = compile_content(_with_placeholders(body.emit(), message), columns)
    except UnknownColumns as error:
        raise InputError(f"the message cannot be filled in: {error}") from error
    except MessageError as error:
        raise InputError(f"the provider would refuse the message: {error}") from error
    except ValueError as error:
        raise InputError(f"the message cannot be written as JSON: {error}") from error
    return content


def _with_placeholders(emitted: Any, written: Any) -> Any:
    """What the provider's schema accepts of the message, with the placeholders as they were written."""
    if isinstance(emitted, dict) and isinstance(written, Mapping):
        return {
            name: _with_placeholders(value, written.get(name)) for name, value in emitted.items()
        }
    if isinstance(emitted, list) and isinstance(written, list):
        return [_with_placeholders(*pair) for pair in zip(emitted, written, strict=False)]
    return written if any(find_placeholders(written)) else emitted


def _fill_with_samples(message: Mapping[str, Any]) -> Any:
    """The message as some recipient gets it: short values, a different one for each column."""
    numbers: dict[str, str] = {}

    def sample(column: str, member: str, text: str) -> str:
        number = numbers.setdefault(column, str(len(numbers) + 1))
        return _SAMPLES.get(member, number) if text.startswith("{{") else number

    return fill_placeholders(message, sample)


def _read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}: line {line} is not UTF-8: save the file as UTF-8") from error
