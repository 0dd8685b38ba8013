"""Renders a template as on a phone: a bubble with its buttons, cards side by side."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from rich import box
from rich.align import Align
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.rule import Rule
from rich.text import Text

from chatapps.templates import (
    RegisteredButton,
    RegisteredComponent,
    RegisteredTemplate,
    fill,
    part_of,
)
from sendmany.console.output import Terminal

WIDTH: Final = 46
CARD_WIDTH: Final = 26

_MEDIA: Final = {
    "Image": "▣ image",
    "Video": "▶ video",
    "Gif": "▶ gif",
    "Document": "▤ document",
    "Location": "⌖ place on the map",
}
_ICONS: Final = {
    "QUICK_REPLY": "↩",
    "URL": "↗",
    "PHONE_NUMBER": "✆",
    "VOICE_CALL": "✆",
    "OTP": "⧉",
    "COPY_CODE": "⧉",
    "FLOW": "☰",
    "REQUEST_CONTACT_INFO": "☺",
}
_STATUS_STYLES: Final = {"APPROVED": "green", "PENDING": "yellow"}
_FIXED: Final = {
    "CALL_PERMISSION_REQUEST": "✆ May we call you?",
    "REQUEST_CONTACT_INFO": "☺ Share contact info",
}
_CODE_TEXT: Final = "*123456* is your verification code."
_ADVICE: Final = " For your security, do not share this code."

# WhatsApp's own markup: *bold*, _italic_, ~struck out~; not inside words such as track_my_order.
_MARKUP: Final = re.compile(r"(?<!\w)([*_~])(?=\S)([^*_~\n]*\S)\1(?!\w)")
_STYLES: Final = {"*": "bold", "_": "italic", "~": "strike"}
_PLACEHOLDER: Final = re.compile(r"\{\{[^{}]*\}\}")
_SAMPLE_STYLE: Final = "cyan"


def print_preview(template: RegisteredTemplate) -> None:
    """Show one template on stdout."""
    console = Terminal(highlight=False, markup=False)
    console.print(heading(template))
    console.print(preview(template))


def heading(template: RegisteredTemplate) -> Text:
    """Name, language, category and status on one line."""
    parts = [template.name, template.language, template.category]
    text = Text(" · ".join(filter(None, parts)), style="bold")
    if template.status:
        text.append(" · ")
        text.append(template.status, _STATUS_STYLES.get(template.status, "red"))
    return text


def preview(template: RegisteredTemplate) -> RenderableType:
    """The message with its samples filled in."""
    parts = template.components
    bubble = _bubble(parts, WIDTH, one_time_code=template.category == "AUTHENTICATION")
    carousel = part_of(parts, "CAROUSEL")
    if carousel is None or not carousel.cards:
        return bubble
    cards = [_bubble(card, CARD_WIDTH) for card in carousel.cards]
    return Group(bubble, Columns(cards, padding=(0, 1)))


def _bubble(
    parts: tuple[RegisteredComponent, ...], width: int, *, one_time_code: bool = False
) -> Panel:
    rows = list(_rows(parts, one_time_code))
    buttons = [button for part in parts for button in part.buttons]
    for row in [*map(_button, buttons), *_fixed_rows(parts)]:
        rows += [Rule(style="dim"), Align.center(row)]
    return Panel(Group(*rows), box=box.ROUNDED, width=width, padding=(0, 1), border_style="green")


def _rows(parts: Sequence[RegisteredComponent], one_time_code: bool) -> Iterator[RenderableType]:
    for part in parts:
        match part.type:
            case "HEADER":
                yield from _header(part)
            case "BODY":
                yield _text(part) if part.text else _code_text(part, one_time_code)
            case "FOOTER":
                yield Text(_footer(part), style="dim")


def _header(part: RegisteredComponent) -> Iterator[RenderableType]:
    if part.format in ("", "Text"):
        yield Text.assemble(_filled(part.text, part.samples), style="bold")
        return
    label = _MEDIA.get(part.format, f"▣ {part.format}")
    picture: list[RenderableType] = [Align.center(Text(label))]
    if part.samples:
        sample = Text(part.samples[0], style="dim", no_wrap=True, overflow="ellipsis")
        picture.append(Align.center(sample))
    yield Panel(Group(*picture), box=box.SQUARE, border_style="dim")


def _text(part: RegisteredComponent) -> Text:
    text, place = Text(), 0
    for found in _MARKUP.finditer(part.text):
        text.append_text(_filled(part.text[place : found.start()], part.samples))
        text.append_text(_filled(found[2], part.samples, _STYLES[found[1]]))
        place = found.end()
    return text.append_text(_filled(part.text[place:], part.samples))


def _filled(text: str, samples: Sequence[str], style: str = "") -> Text:
    """The text with its samples highlighted."""
    filled, place = Text(), 0
    for found in _PLACEHOLDER.finditer(text):
        filled.append(text[place : found.start()], style)
        filled.append(fill(found[0], samples), f"{style} {_SAMPLE_STYLE}".strip())
        place = found.end()
    return filled.append(text[place:], style)


def _code_text(part: RegisteredComponent, one_time_code: bool) -> Text:
    """The fixed text of authentication templates, similar to WhatsApp's."""
    if not one_time_code:
        return Text()
    shown = _text(RegisteredComponent(type="BODY", text=_CODE_TEXT))
    return shown.append(_ADVICE) if part.members.get("add_security_recommendation") else shown


def _footer(part: RegisteredComponent) -> str:
    minutes = part.members.get("code_expiration_minutes")
    return part.text or (f"This code expires in {minutes} minutes." if minutes else "")


def _button(button: RegisteredButton) -> Text:
    label = button.text or button.type.replace("_", " ").capitalize()
    return Text(f"{_ICONS.get(button.type, '•')} {label}", style="bright_blue")


def _fixed_rows(parts: Sequence[RegisteredComponent]) -> list[Text]:
    return [Text(_FIXED[part.type], style="bright_blue") for part in parts if part.type in _FIXED]
