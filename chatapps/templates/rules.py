"""Rules between the components of a template (provider docs, add template)."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

from chatapps.messages.base_model import RULE, Wire
from chatapps.templates.buttons import Buttons
from chatapps.templates.carousel import Carousel
from chatapps.templates.components import Body, Footer, MediaHeader

Broken = tuple[tuple[str | int, ...], str]
"""Path of a broken rule, and the rule."""

THIRTY_DAYS: Final = -1
"""A time to live that means thirty days; not for marketing."""
TIMES_TO_LIVE: Final[dict[str, tuple[int, int]]] = {  # seconds
    "AUTHENTICATION": (30, 900),
    "UTILITY": (30, 43_200),
    "MARKETING": (43_200, 2_592_000),
}
_CATEGORIES_OF_BUTTONS: Final[dict[str, tuple[str, ...]]] = {
    "OTP": ("AUTHENTICATION",),
    "COPY_CODE": ("MARKETING",),
    "VOICE_CALL": ("MARKETING", "UTILITY"),
}


def broken_rules(
    category: str, components: Sequence[Any], seconds_to_live: int | None
) -> Iterator[Broken]:
    """The rules that the components break together."""
    yield from _parts(components)
    yield from _lifetime(category, seconds_to_live)
    for place, part in enumerate(components):
        for path, rule in _of_category(category, part):
            yield ("components", place, *path), rule


def refuse_all(broken: Sequence[Broken]) -> ValidationError:
    """One error that holds them all."""
    details = [
        InitErrorDetails(
            type=PydanticCustomError(RULE, "{rule}", {"rule": rule}), loc=path, input=None
        )
        for path, rule in broken
    ]
    return ValidationError.from_exception_data("template", details, hide_input=True)


def _parts(components: Sequence[Wire]) -> Iterator[Broken]:
    counts = Counter(part.emit()["type"] for part in components)
    if not counts["BODY"]:
        yield ("components",), "a BODY is required"
    for kind, count in counts.items():
        if count > 1:
            yield ("components",), f"at most one {kind}, got {count}"


def _lifetime(category: str, seconds: int | None) -> Iterator[Broken]:
    least, most = TIMES_TO_LIVE[category]
    if seconds is None or least <= seconds <= most:
        return
    if seconds == THIRTY_DAYS and category != "MARKETING":
        return
    also = "" if category == "MARKETING" else ", or -1 for 30 days"
    yield ("message_send_ttl_seconds",), f"{least} to {most} seconds for {category}{also}"


def _of_category(category: str, part: Any) -> Iterator[Broken]:
    one_time_codes = category == "AUTHENTICATION"
    match part:
        case MediaHeader(format="Gif") if category != "MARKETING":
            yield ("format",), "Gif is only for the category MARKETING"
        case Body():
            yield from _body(part, one_time_codes)
        case Footer():
            yield from _footer(part, one_time_codes)
        case Buttons():
            for place, button in enumerate(part.buttons):
                yield from _button(category, button.type, ("buttons", place, "type"))
        case Carousel():
            if category != "MARKETING":
                yield ("type",), "a carousel is only for the category MARKETING"
            for place, card in enumerate(part.cards):
                for kind in card.button_kinds:
                    yield from _button(category, kind, ("cards", place))


def _body(body: Body, one_time_codes: bool) -> Iterator[Broken]:
    if body.add_security_recommendation is not None and not one_time_codes:
        yield ("add_security_recommendation",), "only for the category AUTHENTICATION"
    if body.text is None and not one_time_codes:
        yield ("text",), "is required"


def _footer(footer: Footer, one_time_codes: bool) -> Iterator[Broken]:
    if footer.code_expiration_minutes is not None and not one_time_codes:
        yield ("code_expiration_minutes",), "only for the category AUTHENTICATION"
    if footer.text is None and not one_time_codes:
        yield ("text",), "is required"


def _button(category: str, kind: str, path: tuple[str | int, ...]) -> Iterator[Broken]:
    allowed = _CATEGORIES_OF_BUTTONS.get(kind)
    if allowed and category not in allowed:
        yield path, f"a button {kind} is only for the category {' or '.join(allowed)}"
