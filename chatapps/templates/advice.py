"""Detects what is allowed in a template but often rejected in review (provider docs, add template)."""

from collections.abc import Iterator
from typing import Any

from chatapps.messages.problems import Problem, path_to
from chatapps.templates.carousel import CardHeader, Carousel
from chatapps.templates.components import Body, MediaHeader
from chatapps.templates.draft import TemplateDraft

_SAFE_ON_CARDS = frozenset({"URL", "QUICK_REPLY"})


def advice(draft: TemplateDraft) -> tuple[Problem, ...]:
    """Hints for the author of the template; none of them prevents its submission."""
    return tuple(_of_the_whole(draft)) + tuple(
        Problem(path_to(("components", place, *path)), hint)
        for place, part in enumerate(draft.components)
        for path, hint in _of_a_part(draft.category, part)
    )


def _of_the_whole(draft: TemplateDraft) -> Iterator[Problem]:
    if draft.name != draft.name.lower():
        yield Problem(
            "name",
            f"WhatsApp's rule is lower case: it may refuse the name, or list it as "
            f"{draft.name.lower()}; messages must spell it as it is listed",
        )
    if draft.allow_category_change is None and draft.category != "AUTHENTICATION":
        yield Problem(
            "allow_category_change",
            "is not given: WhatsApp may refuse the template when it finds the category wrong",
        )
    if draft.category == "MARKETING" and draft.message_send_ttl_seconds is not None:
        yield Problem(
            "message_send_ttl_seconds",
            "works for MARKETING only on accounts with the marketing messages API",
        )


def _of_a_part(category: str, part: Any) -> Iterator[tuple[tuple[str | int, ...], str]]:
    match part:
        case MediaHeader():
            if not part.examples:
                yield ("examples",), _no_sample(part.format)
            if part.format == "Gif":
                yield ("format",), "Gif works only on accounts with the marketing messages API"
        case Body() if category == "AUTHENTICATION" and part.text is not None:
            yield ("text",), "authentication templates have a fixed text; leave this one out"
        case Carousel():
            yield from _of_cards(part)


def _of_cards(carousel: Carousel) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if len(carousel.cards) == 1:
        yield ("cards",), "two to ten cards are safe; one may be refused"
    for place, card in enumerate(carousel.cards):
        odd = sorted(set(card.button_kinds) - _SAFE_ON_CARDS)
        if odd:
            yield (
                ("cards", place),
                f"a button {odd[0]} on a card may be refused: use URL, QUICK_REPLY",
            )
        for header in card.components:
            if isinstance(header, CardHeader) and not header.examples:
                yield ("cards", place), _no_sample(header.format)


def _no_sample(kind: str) -> str:
    return f"the reviewers want to see a sample: give the address of one {kind.lower()} file"
