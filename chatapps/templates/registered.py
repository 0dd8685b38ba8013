"""Parses templates as the provider lists them, tolerantly: unreadable members are empty.

Members unknown today are kept in `members`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from chatapps.messages.json_parser import parse_object
from chatapps.messages.parse import Raw
from chatapps.messages.problems import MessageError, Problem
from chatapps.templates.carousel import are_loose, gather_cards
from chatapps.templates.placeholders import count_placeholders
from chatapps.templates.unescape import join_samples

APPROVED: Final = "APPROVED"
"""The only status with which a template can be sent."""

_FORMATS: Final = {
    name.casefold(): name for name in ("Text", "Image", "Gif", "Video", "Document", "Location")
}


@dataclass(frozen=True, slots=True)
class RegisteredButton:
    """A button of a registered template."""

    type: str  # upper case: `URL`, `QUICK_REPLY`, …
    text: str = ""
    url: str = ""
    samples: tuple[str, ...] = ()
    members: Mapping[str, Any] = field(default_factory=dict, repr=False)  # all members as received


@dataclass(frozen=True, slots=True)
class RegisteredComponent:
    """A component of a registered template."""

    type: str  # upper case: `HEADER`, `BODY`, …
    format: str = ""  # of a header: `Text`, `Image`, …
    text: str = ""
    samples: tuple[str, ...] = ()
    buttons: tuple[RegisteredButton, ...] = ()
    cards: tuple["tuple[RegisteredComponent, ...]", ...] = ()
    members: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def placeholders(self) -> int:
        """Number of values its text needs."""
        return count_placeholders(self.text)


@dataclass(frozen=True, slots=True)
class RegisteredTemplate:
    """One template in one language, and its review status."""

    name: str
    language: str
    category: str = ""
    status: str = ""  # upper case: `APPROVED`, `PENDING`, …; others possible
    components: tuple[RegisteredComponent, ...] = ()
    created_at: str = ""  # ISO 8601, as received
    updated_at: str = ""
    members: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def approved(self) -> bool:
        return self.status == APPROVED

    @property
    def buttons(self) -> tuple[RegisteredButton, ...]:
        """All buttons; a message refers to them by `index`."""
        return tuple(button for part in self.components for button in part.buttons)

    def part(self, kind: str) -> RegisteredComponent | None:
        """The component of a kind, such as `BODY`, or None."""
        return part_of(self.components, kind)


def part_of(components: tuple[RegisteredComponent, ...], kind: str) -> RegisteredComponent | None:
    """The first component of a kind, such as `BODY`, or None."""
    return next((part for part in components if part.type == kind), None)


def read_template_list(raw: Raw) -> tuple[RegisteredTemplate, ...]:
    """Parse the answer to the list call. An entry without a name is left out.

    Raises:
        MessageError: the answer is no JSON object, or holds no list of templates.
    """
    entries = parse_object(raw).get("templates")
    if not isinstance(entries, list):
        raise MessageError(Problem("templates", "must be a list"))
    return tuple(read_registered(entry) for entry in _objects(entries) if _name(entry))


def read_registered(entry: Mapping[str, Any]) -> RegisteredTemplate:
    """Parse one template, of the list or as a draft is emitted. Unreadable members are empty."""
    return RegisteredTemplate(
        name=_name(entry),
        language=_text(entry, "language"),
        category=_text(entry, "category").upper(),
        status=_text(entry, "status").upper(),
        components=_components(entry.get("components")),
        created_at=_text(entry, "createdAt"),
        updated_at=_text(entry, "updatedAt"),
        members=entry,
    )


def _components(value: Any) -> tuple[RegisteredComponent, ...]:
    return tuple(map(_component, _objects(value)))


def _component(entry: dict[str, Any]) -> RegisteredComponent:
    kind = _text(entry, "type") or "BODY"
    written = _text(entry, "format")
    return RegisteredComponent(
        type=kind.upper(),
        format=_FORMATS.get(written.casefold(), written),
        text=_text(entry, "text"),
        samples=_samples(entry),
        buttons=tuple(map(_button, _objects(entry.get("buttons")))),
        cards=tuple(_cards(entry.get("cards"))),
        members=entry,
    )


def _cards(value: Any) -> Iterator[tuple[RegisteredComponent, ...]]:
    for card in gather_cards(value) if are_loose(value) else _objects(value):
        yield _components(card.get("components"))


def _button(entry: dict[str, Any]) -> RegisteredButton:
    return RegisteredButton(
        type=_text(entry, "type").upper(),
        text=_text(entry, "text"),
        url=_text(entry, "url"),
        samples=_samples(entry),
        members=entry,
    )


def _samples(entry: dict[str, Any]) -> tuple[str, ...]:
    found = join_samples(entry, "examples").get("examples")
    return tuple(text for text in found if isinstance(text, str)) if isinstance(found, list) else ()


def _name(entry: Mapping[str, Any]) -> str:
    return _text(entry, "templateName") or _text(entry, "name")


def _text(entry: Mapping[str, Any], name: str) -> str:
    value = entry.get(name)
    return value if isinstance(value, str) else ""


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
