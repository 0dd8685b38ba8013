"""The line of a queued job: recipient, and values or message.

A campaign's line is `<recipient>\\t<value>\\t<value>…`; each value is escaped as the inside of a JSON
string, so it holds neither a raw tab nor a newline. A recipient is the digits of an E.164 number without
`+`, or a business-scoped user id such as `GB.1349120865530274`.

The line of a single message is `<recipient>\\t<message>`, the message as compact JSON without
`clientMessageId`. With a purpose or an expiry, a tab follows with the letter of the purpose (`m`, `u` or
`a`) and the expiry in s since 1970; either may be missing.
"""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct
from msgspec.json import Decoder, encode

_TABS_WITH_OPTIONS: Final = 2


class _Template(Struct, gc=False):
    name: str
    language: str


class _Content(Struct, gc=False):
    template: _Template | None = None


class _Message(Struct, gc=False):
    content: _Content | None = None


_decode: Final = Decoder(_Message).decode


def escape_value(text: str) -> bytes:
    """Escape `text` as the inside of a JSON string, in UTF-8; raises ValueError on a lone surrogate."""
    return encode(text)[1:-1]


def pack_line(recipient: str, values: Iterable[str]) -> bytes:
    """The line of a campaign's job, `values` in the order of `CompiledContent.columns`.

    Raises ValueError on a lone surrogate.
    """
    return b"\t".join([recipient.encode(), *map(escape_value, values)])


def pack_message(
    recipient: bytes, message: bytes, purpose: str = "", expiry: int | None = None
) -> bytes:
    """The line of a single message.

    Args:
        message: compact JSON.
        purpose: its letter; empty for none.
        expiry: s since 1970; None for never.
    """
    options = f"{purpose}{'' if expiry is None else expiry}".encode()
    return (
        b"%b\t%b\t%b" % (recipient, message, options)
        if options
        else b"%b\t%b" % (recipient, message)
    )


def expiry_of(line: bytes) -> int | None:
    """Expiry of a single message in s since 1970; None for never."""
    moment = _options(line).lstrip(b"mua")
    return int(moment) if moment.isdigit() else None


def purpose_letter(line: bytes) -> str:
    """The letter of a single message's purpose; empty for none."""
    first = _options(line)[:1]
    return first.decode() if first.isalpha() else ""


def template_in(line: bytes) -> tuple[str, str] | None:
    """Name and language of a single message's template; None for none."""
    if b'"template"' not in line:
        return None
    try:
        content = _decode(line.split(b"\t", 2)[1]).content
    except (ValueError, IndexError):  # invalid content is left to the provider
        return None
    template = content.template if content else None
    return (template.name, template.language) if template else None


def _options(line: bytes) -> bytes:
    if line.count(b"\t") != _TABS_WITH_OPTIONS:
        return b""
    return line.rpartition(b"\t")[2]
