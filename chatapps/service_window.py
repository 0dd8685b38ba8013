"""Which messages need an open service window (provider docs, WhatsApp rules).

Outside the 24 hours after the person's last message WhatsApp carries templates only. The provider
accepts the others all the same, and reports them as undelivered with code 1022 later. A Direct Send goes
out as a template, so it needs no window. A message that may fall back to another channel is not
concerned; one that names no channel goes the way of its sub-account, which is taken to be WhatsApp.
"""

from typing import Any, Final

import msgspec

from chatapps.rendering.compiled import CompiledContent

FREE_FORM: Final = frozenset({"text", "image", "audio", "video", "file", "location", "interactive"})
"""Kinds that WhatsApp carries and that are no template, as the models spell them."""
_WHATSAPP: Final = "WhatsApp"
_TEMPLATE_LINE: Final = b'\t{"type":"template"'
"""What stands between the recipient and the content where the producer has packed a template."""


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
    """Whether the message of a campaign goes out only within the window."""
    shared = _decode(content.shared or b"{}")
    own = _decode(b"{%b}" % b"x".join(content.segments).removeprefix(b","))
    return _needs_window(
        _Message(
            shared.type or own.type,
            own.channels if shared.channels is None else shared.channels,
            own.content if shared.content is None else shared.content,
        )
    )


def line_needs_window(line: bytes) -> bool:
    """Whether the job line of a single message does; a line that cannot be read needs none."""
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
