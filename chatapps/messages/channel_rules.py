"""Rules between the channels of a message and its content (provider docs, channels; direct send)."""

from collections.abc import Sequence
from typing import NamedTuple

from chatapps.messages.channels import Channel
from chatapps.messages.content import Content, InteractiveContent, MediaContent, TextContent
from chatapps.messages.interactive.headers import TextHeader
from chatapps.messages.interactive.interactive import ButtonInteractive, LinkInteractive
from chatapps.messages.scalar_types import MAX_RCS_URL


class Broken(NamedTuple):
    """A broken rule and the path of the member that breaks it."""

    rule: str
    path: tuple[str, ...]


def broken_rule(content: Content, channels: Sequence[Channel]) -> Broken | None:
    """The first rule that content and channels break together, or None."""
    names = [step.channel for step in channels] if channels else ()
    return (
        (content.text_limits and _text_is_too_long(content, names))
        or (content.whats_app and _cannot_go_direct(content))
        or (names and _channels_cannot_carry(content, names))
        or None
    )


def _text_is_too_long(content: Content, names: Sequence[str]) -> Broken | None:
    """Without named channels, assumes the channel that limits this kind."""
    limits = content.text_limits
    length = len(content.text or "")
    for name in names or tuple(limits)[:1]:
        limit = limits.get(name)
        if limit is not None and length > limit:
            rule = f"at most {limit} characters on {name}, got {length}"
            return Broken(rule, ("content", "text"))
    return None


def _channels_cannot_carry(content: Content, names: Sequence[str]) -> Broken | None:
    if content.only_on and content.only_on not in names:
        return Broken(f"need {content.only_on}, the only one that carries this type", ("channels",))
    if content.whats_app and content.whats_app.direct_send and "WhatsApp" not in names:
        return Broken("need WhatsApp for a direct send", ("channels",))
    if "SMS" in names and not (content.fallback_text or (content.text_limits and content.text)):
        return Broken("is required to send by SMS", ("content", "fallbackText"))
    if "RCS" in names and isinstance(content, MediaContent) and len(content.url) > MAX_RCS_URL:
        rule = f"at most {MAX_RCS_URL} characters on RCS, got {len(content.url)}"
        return Broken(rule, ("content", "url"))
    return None


def _cannot_go_direct(content: Content) -> Broken | None:
    if content.whats_app is None or content.whats_app.direct_send is None:
        return None
    if isinstance(content, TextContent):
        return None
    if not isinstance(content, InteractiveContent) or not isinstance(
        content.interactive, ButtonInteractive | LinkInteractive
    ):
        rule = "goes only with a text, reply buttons or a link button"
        return Broken(rule, ("content", "whatsApp", "directSend"))
    header = content.interactive.header
    if header is None or isinstance(header, TextHeader):
        return None
    return Broken("must be text in a direct send", ("content", "interactive", "header", "type"))
