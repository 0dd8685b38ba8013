"""Compares the values of a template message with the registered template (provider docs, template
messages)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from chatapps.preflight.buttons import Given, button_misfits
from chatapps.preflight.findings import Finding, error, warning
from chatapps.templates.registered import (
    RegisteredComponent,
    RegisteredTemplate,
    part_of,
)

_ROOT: Final = "content.template.components"
_MEDIA: Final = {
    "Image": ("image", "an image"),
    "Video": ("video", "a video"),
    "Gif": ("gif", "a gif"),
    "Document": ("document", "a document"),
    "Location": ("location", "a place on the map"),
    "Text": ("text", "a text with a placeholder"),
}


def misfits(template: Mapping[str, Any], registered: RegisteredTemplate) -> Iterator[Finding]:
    """Misfits between the message's template and the registered one."""
    given = _given(template.get("components"), _ROOT)
    yield from _part_misfits(given, registered.components, _ROOT, _codes(registered))
    yield from _card_misfits(given, registered)


def _codes(registered: RegisteredTemplate) -> bool:
    """True for one-time codes: the list may omit their fixed text with the code in it."""
    return registered.category == "AUTHENTICATION"


def _given(components: Any, root: str) -> list[Given]:
    if not isinstance(components, Sequence) or isinstance(components, str):
        return []
    return [
        Given(f"{root}[{place}]", component)
        for place, component in enumerate(components)
        if isinstance(component, Mapping)
    ]


def _part_misfits(
    given: Sequence[Given], parts: tuple[RegisteredComponent, ...], root: str, codes: bool = False
) -> Iterator[Finding]:
    by_kind = {one.kind: one for one in given}
    yield from _header_misfits(by_kind.get("header"), part_of(parts, "HEADER"), root)
    yield from _body_misfits(by_kind.get("body"), part_of(parts, "BODY"), root, codes)
    if (footer := by_kind.get("footer")) and footer.parameters:
        yield warning(footer.path, "A footer takes no values: leave this component out.")
    buttons = [button for part in parts for button in part.buttons]
    yield from button_misfits([one for one in given if one.kind == "button"], buttons, root)


def _header_misfits(
    given: Given | None, header: RegisteredComponent | None, root: str
) -> Iterator[Finding]:
    brought = given.types if given else []
    path = given.path if given else root
    if header is None or not (wanted := _wanted(header)):
        if brought:
            what = "no header" if header is None else "a fixed header"
            yield error(path, f"The template has {what}, but the message brings a value for one.")
        return
    kind, words = wanted
    if not brought:
        yield error(
            path,
            f"The template has {words} above the text, but the message brings none: add a header "
            f"component with a parameter of type {kind}.",
        )
    elif brought != [kind]:
        have = ", ".join(brought)
        yield error(
            f"{path}.parameters",
            f"The header of the template is {words}; the message brings {have}.",
        )


def _wanted(header: RegisteredComponent) -> tuple[str, str] | None:
    """Type and description of the one value that a header needs, or None."""
    if header.format in ("", "Text") and not header.placeholders:
        return None
    return _MEDIA.get(header.format or "Text")


def _body_misfits(
    given: Given | None, body: RegisteredComponent | None, root: str, codes: bool
) -> Iterator[Finding]:
    if body is None:
        return
    wanted = 1 if codes and not body.text else body.placeholders
    brought = given.types if given else []
    path = f"{given.path}.parameters" if given else root
    if len(brought) != wanted:
        yield error(
            path,
            f"The text of the template has {_many(wanted, 'placeholder')}, but the message fills "
            f"{len(brought) or 'none'}. Registered text: {_excerpt(body.text)}",
        )
    elif odd := sorted(set(brought) - {"text"}):
        yield error(path, f"The text takes only values of type text, not {', '.join(odd)}.")


def _card_misfits(given: Sequence[Given], registered: RegisteredTemplate) -> Iterator[Finding]:
    carousel = part_of(registered.components, "CAROUSEL")
    brought = next((one for one in given if one.kind == "carousel"), None)
    if carousel is None or not carousel.cards:
        if brought:
            yield warning(
                brought.path,
                "The provider's list shows no cards for this template, so that they could not be "
                "compared.",
            )
        return
    if brought is None:
        text = f"The template has {_many(len(carousel.cards), 'card')}, the message brings none."
        yield error(_ROOT, text)
        return
    yield from _each_card(brought, carousel)


def _each_card(brought: Given, carousel: RegisteredComponent) -> Iterator[Finding]:
    cards = {
        one.number("cardIndex"): one
        for one in _given(brought.get("cards"), f"{brought.path}.cards")
    }
    if None in cards:
        return  # the card depends on the recipient
    count = len(carousel.cards)
    for place, parts in enumerate(carousel.cards):
        card = cards.pop(place, None)
        if card is None:
            yield error(f"{brought.path}.cards", f"Card {place} of the template is missing.")
            continue
        root = f"{card.path}.components"
        yield from _part_misfits(_given(card.get("components"), root), parts, root)
    for card in cards.values():
        text = f"The template has {_many(count, 'card')}, counted from 0; there is no such card."
        yield error(f"{card.path}.cardIndex", text)


def _many(count: int, noun: str) -> str:
    return f"{count or 'no'} {noun}{'' if count == 1 else 's'}"


def _excerpt(text: str, limit: int = 80) -> str:
    text = " ".join(text.split())
    return f'"{text}"' if len(text) <= limit else f'"{text[: limit - 1]}…"'
