"""Determines which messages need an open service window (provider docs, WhatsApp rules).

Later than 24 hours after the person's last message WhatsApp delivers templates only. The provider
accepts other messages, and reports them as undelivered with code 1022 later. A Direct Send is sent as a
template, so it needs no window, nor does a message that may fall back to another channel. A message that
names no channel uses the channel of its sub-account, assumed to be WhatsApp.
"""

from typing import Any, Final

import msgspec

from chatapps.rendering.compiled import CompiledContent, message_of

FREE_FORM: Final = frozenset({"text", "image", "audio", "video", "file", "location", "interactive"})
"""Kinds of content that are not templates, as the models spell them."""
_WHATSAPP: Final = "WhatsApp"
_TEMPLATE_LINE: Final = b'\t{"type":"template"'
"""Start of the content of a template message that the producer has packed."""


class _Step(msgspec.Struct, gc=False):
    channel: str = ""


class _WhatsAppSettings(msgspec.Struct, gc=False, rename="camel"):
    direct_send: Any = None


class _Content(msgspec.Struct, gc=False, rename="camel"):
    whats_app: _WhatsAppSettings | None = None


class _Message(msgspec.Struct, gc=False):
    type: str = ""
    channels: list[_Step] | None = None
    content: _Content | None = None


_decode: Final = msgspec.json.Decoder(_Message).decode


def content_needs_window(content: CompiledContent) -> bool:
    """True when a campaign's message is delivered only within the window."""
    return _needs_window(msgspec.convert(message_of(content), _Message))


def line_needs_window(line: bytes) -> bool:
    """True when a single message's job line needs a window; False for an unreadable line."""
    if line.startswith(_TEMPLATE_LINE, line.find(b"\t")):
        return False
    try:
        return _needs_window(_decode(line.split(b"\t", 2)[1]))
    except (msgspec.MsgspecError, ValueError, IndexError):
        return False


def _needs_window(message: _Message) -> bool:
    if message.type not in FREE_FORM:
        return False
    settings = message.content and message.content.whats_app
    if settings and settings.direct_send is not None:
        return False
    return all(step.channel == _WHATSAPP for step in message.channels or ())
