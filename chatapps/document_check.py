"""Detects the kind of a JSON document, validates it and shows it in the provider's spelling.

checked = check_document(Path("spring.json").read_bytes())
checked.kind      # "message"
checked.emitted   # what we would send; of a webhook, what we understand
checked.errors    # (Problem("content.text", "is required"),)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from chatapps.messages import MessageError, Problem, read_batch, read_message, read_message_body
from chatapps.messages.json_parser import parse_object
from chatapps.rendering.sample_values import fill_with_sample_values, with_placeholders
from chatapps.templates import read_template
from chatapps.webhooks import read_webhook

Kind = Literal["message", "batch", "template", "receipt", "reply", "business"]
WEBHOOKS: Final = ("receipt", "reply", "business")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Checked:
    """The result of a check."""

    kind: str | None  # a Kind; "other" for an event of unknown type; None if undetermined
    ok: bool
    emitted: Json | None  # None unless ok
    errors: tuple[Problem, ...]


def check_document(raw: bytes, kind: Kind | None = None) -> Checked:
    """Check a document of any kind. Never raises.

    Args:
        raw: JSON text; control characters in strings are tolerated.
        kind: guessed when not given. A message without `user` is read as a campaign's, which may hold
            placeholders.
    """
    found: str | None = kind
    try:
        value = parse_object(raw)
        found = kind or guess_kind(value)
        if found in WEBHOOKS:
            found, emitted = _understand(raw, kind)
        else:
            emitted = _EMITTERS[found](value)
    except MessageError as error:
        return Checked(found, False, None, error.problems)
    return Checked(found, True, emitted, ())


def guess_kind(value: Mapping[str, Any]) -> Kind:
    """Guess the kind of a document from its members.

    Raises:
        MessageError: none of its members identifies a kind.
    """
    members = {name for name, member in value.items() if member is not None}
    for kind, telling in _TELLING:
        if members & telling:
            return _guess_webhook(value) if kind in WEBHOOKS else kind
    kinds = ", ".join(get_args(Kind))
    raise MessageError(Problem("", f"looks like none of {kinds}: say what it is"))


_TELLING: Final[tuple[tuple[Kind, set[str]], ...]] = (
    ("business", {"eventDetails", "businessAccountId"}),
    ("receipt", {"eventType", "payload"}),
    ("batch", {"messages"}),
    ("message", {"user", "content"}),
    ("template", {"components", "category"}),
    ("message", {"type"}),
)


def _guess_webhook(value: Mapping[str, Any]) -> Kind:
    if "eventDetails" in value or "businessAccountId" in value:
        return "business"
    event_type = value.get("eventType")
    is_reply = isinstance(event_type, str) and event_type.lower().startswith("inbound")
    return "reply" if is_reply else "receipt"


def _message(value: Json) -> Json:
    if "user" in value or "clientMessageId" in value:
        return read_message(value).emit()
    body = read_message_body(fill_with_sample_values(value))
    emitted: Json = with_placeholders(body.emit(), value)
    return emitted


def _understand(raw: bytes, kind: Kind | None) -> tuple[str, Json]:
    event = read_webhook(raw)
    if kind is not None and event.kind not in (kind, "other"):
        raise MessageError(Problem("eventType", f"is that of a {event.kind}, not of a {kind}"))
    return event.kind, event.emit()


_EMITTERS: Final[Mapping[str, Callable[[Json], Json]]] = {
    "message": _message,
    "batch": lambda value: read_batch(value).emit(),
    "template": lambda value: read_template(value).emit(),
}
