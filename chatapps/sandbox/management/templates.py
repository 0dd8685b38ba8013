"""Registered templates of the sandbox: approved after a delay, blocked after deletion.

A new template is PENDING, and APPROVED a moment later; a name that begins with `rejected_`, `paused_` or
`disabled_` gets that status instead, for tests. Pure, no waiting.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from chatapps.messages.base_model import SnakeWire
from chatapps.messages.problems import MessageError, Problem
from chatapps.sandbox.responses import timestamp
from chatapps.sandbox.wire import Component, Template
from chatapps.templates.draft import TemplateDraft, read_template
from chatapps.templates.registered import RegisteredTemplate, part_of, read_registered

NAME_BLOCKED: Final = 3060
BLOCKED_SECONDS: Final = 30 * 86_400
"""For this long the name of a deleted template cannot be used again."""

_ENDINGS: Final = ("REJECTED", "PAUSED", "DISABLED")
_SAMPLES_OF: Final = {"HEADER": "headerText", "BODY": "bodyText"}


class TemplateRefused(Exception):
    """A refused template, with the provider's code and a text for people."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class _Entry:
    draft: TemplateDraft
    shape: RegisteredTemplate
    created: float  # epoch seconds


class TemplateBook:
    """The templates of one channel.

    Args:
        approve_after: seconds from PENDING to APPROVED.
        clock: epoch seconds.
    """

    def __init__(self, channel_id: str, approve_after: float, clock: Callable[[], float]) -> None:
        self._channel_id = channel_id
        self._approve_after = approve_after
        self._clock = clock
        self._entries: dict[tuple[str, str], _Entry] = {}
        self._deleted: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, body: bytes, *, approved: bool = False) -> None:
        """Accept a template for review, or without one; raises TemplateRefused."""
        try:
            draft = read_template(body)
        except MessageError as error:
            raise TemplateRefused(_code_of(error.problems), str(error)) from error
        if self._clock() - self._deleted.get(draft.name, float("-inf")) < BLOCKED_SECONDS:
            raise TemplateRefused(NAME_BLOCKED, "The name was deleted lately, try in 4 weeks")
        key = (draft.name, draft.language)
        if key in self._entries:
            raise TemplateRefused(1000, "name: is registered in this language already")
        shape = read_registered(SnakeWire.emit(draft))  # accepts labels of 25 characters
        self._entries[key] = _Entry(
            draft, shape, self._clock() - (self._approve_after if approved else 0)
        )

    def delete(self, name: str) -> bool:
        """Delete a template in all languages; False when there is none."""
        keys = [key for key in self._entries if key[0] == name]
        for key in keys:
            del self._entries[key]
        if keys:
            self._deleted[name] = self._clock()
        return bool(keys)

    def listed(self) -> list[dict[str, Any]]:
        """The templates as the provider lists them."""
        return [self._listed(entry) for entry in self._entries.values()]

    def flaw(self, template: Template) -> int:
        """The code that refuses a message with this template, or 0."""
        entry = self._entries.get((template.name or "", template.language or ""))
        if entry is None or self._status(entry) != "APPROVED":
            return 3038
        given = {(part.type or "body").lower(): part for part in template.components or ()}
        for kind, wanted in _wanted(entry.shape).items():
            if code := _count_flaw(given.get(kind), wanted):
                return code
        return 0

    def _status(self, entry: _Entry) -> str:
        if self._clock() < entry.created + self._approve_after:
            return "PENDING"
        prefix = entry.draft.name.partition("_")[0].upper()
        return prefix if prefix in _ENDINGS else "APPROVED"

    def _listed(self, entry: _Entry) -> dict[str, Any]:
        draft, status = entry.draft, self._status(entry)
        reviewed = entry.created if status == "PENDING" else entry.created + self._approve_after
        return {
            "channelId": self._channel_id,
            "channelName": "Sandbox",
            "templateName": draft.name,
            "language": draft.language,
            "languageName": draft.language,
            "components": [_listed_part(part.emit()) for part in draft.components],
            "category": draft.category,
            "categoryName": draft.category.capitalize(),
            "status": status,
            "statusName": status.capitalize(),
            "createdAt": timestamp(entry.created),
            "updatedAt": timestamp(reviewed),
        }


def _code_of(problems: Sequence[Problem]) -> int:
    """An invalid number of a phone button has its own code."""
    about_numbers = any(problem.path.endswith(("phoneNumber", "country")) for problem in problems)
    return 1002 if about_numbers else 1000


def _listed_part(part: dict[str, Any]) -> dict[str, Any]:
    """A component in the list's spelling: samples wrapped by kind."""
    samples = part.pop("examples", None)
    if samples:
        media = part["type"] == "HEADER" and part["format"] != "Text"
        part["example"] = {"headerHandle" if media else _SAMPLES_OF[part["type"]]: samples}
    for card in part.get("cards", ()):
        card["components"] = [_listed_part(inner) for inner in card["components"]]
    return part


def _wanted(shape: RegisteredTemplate) -> dict[str, int]:
    """Number of parameters that header and body need."""
    header, body = part_of(shape.components, "HEADER"), part_of(shape.components, "BODY")
    media = header is not None and header.format != "Text"
    fixed_text = shape.category == "AUTHENTICATION" and body is not None and not body.text
    return {
        "header": 1 if media else header.placeholders if header else 0,
        "body": 1 if fixed_text else body.placeholders if body else 0,
    }


def _count_flaw(part: Component | None, wanted: int) -> int:
    given = len(part.parameters or ()) if part else 0
    if given == wanted:
        return 0
    return 3033 if given > wanted else 3041 if given else 3040
