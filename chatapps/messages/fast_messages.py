"""Fast path for the most common messages: parsed, checked and re-emitted in one step.

Handles a text, or a template with texts, media and links, for an international number in the provider's
exact spelling. Everything else falls through to `chatapps.messages`, which accepts all of these, too,
and emits the same bytes at six times the cost.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.json import Decoder, Encoder

_NonEmpty = Annotated[str, Meta(min_length=1)]
_MOST_URL_BUTTONS: Final = 2


class Plain(NamedTuple):
    """A valid message."""

    number: str  # as given, with or without `+`
    body: bytes  # compact JSON


class _Strict(Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """Exactly these members. They are in the order of the models, so that the bytes are the same."""


class _User(_Strict):
    # `\Z`, because Python's `$` also matches before a trailing newline.
    msisdn: Annotated[str, Meta(pattern=r"\A\+?[1-9][0-9]{3,14}\Z")]


class _TextParameter(_Strict, tag_field="type", tag="text"):
    text: _NonEmpty


class _ImageParameter(_Strict, tag_field="type", tag="image"):
    url: _NonEmpty


class _VideoParameter(_Strict, tag_field="type", tag="video"):
    url: _NonEmpty


class _DocumentParameter(_Strict, tag_field="type", tag="document"):
    url: _NonEmpty


_HeaderParameter = _TextParameter | _ImageParameter | _VideoParameter | _DocumentParameter


class _Header(_Strict, tag_field="type", tag="header"):
    parameters: Annotated[list[_HeaderParameter], Meta(min_length=1, max_length=1)]


class _Body(_Strict, tag_field="type", tag="body"):
    parameters: Annotated[list[_TextParameter], Meta(min_length=1)] | UnsetType = UNSET


class _UrlButton(
    Struct, forbid_unknown_fields=True, gc=False, rename="camel", tag_field="type", tag="button"
):
    index: Literal[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    sub_type: Literal["Url"]
    parameters: Annotated[list[_TextParameter], Meta(min_length=1, max_length=1)]


class _Template(_Strict):
    name: Annotated[str, Meta(min_length=1, max_length=512)]
    language: _NonEmpty
    components: Annotated[list[_Header | _Body | _UrlButton], Meta(min_length=1)] | UnsetType = (
        UNSET
    )


class _TemplateContent(_Strict):
    template: _Template


class _TextContent(_Strict):
    # Without named channels WhatsApp's limit holds (provider docs, content by type).
    text: Annotated[str, Meta(min_length=1, max_length=4096)]


class _TemplateMessage(_Strict, tag_field="type", tag="template"):
    content: _TemplateContent
    user: _User


class _TextMessage(_Strict, tag_field="type", tag="text"):
    content: _TextContent
    user: _User


_Message = _TextMessage | _TemplateMessage
_KINDS: Final[Mapping[object, type[_Message]]] = {
    "text": _TextMessage,
    "template": _TemplateMessage,
}
_decode: Final = Decoder(_Message).decode
_encode: Final = Encoder().encode


def read_plain(raw: object) -> Plain | None:
    """The message, or None when it needs the full parser; None says nothing about validity.

    Args:
        raw: JSON text, or the object itself; any other type gives None.
    """
    try:
        message = _decode(raw) if isinstance(raw, (bytes, str)) else _convert(raw)
        if message is None or (type(message) is _TemplateMessage and not _is_sound(message)):
            return None
        return Plain(message.user.msisdn, _encode(message))
    except (TypeError, ValueError, RecursionError):  # errors of msgspec are ValueErrors
        return None


def _convert(raw: object) -> _Message | None:
    if type(raw) is not dict:
        return None
    kind = _KINDS.get(raw.get("type"))
    if kind is None:
        return None
    message = msgspec.convert(raw, kind)
    return message if _is_json(raw) else None


def _is_json(raw: dict[str, Any]) -> bool:
    """True when all containers are a dict or a list: msgspec accepts any mapping as an object, and a set
    as a list. `raw` has the members of a message."""
    content = raw["content"]
    if type(raw["user"]) is not dict or type(content) is not dict:
        return False
    template = content.get("template")
    if template is None:
        return True
    parts = template.get("components", [])
    if type(template) is not dict or type(parts) is not list:
        return False
    for part in parts:
        values = part.get("parameters", [])
        if type(part) is not dict or type(values) is not list:
            return False
        if any(type(value) is not dict for value in values):
            return False
    return True


def _is_sound(message: _TemplateMessage) -> bool:
    """True when the components of the template are consistent."""
    parts = message.content.template.components
    if parts is UNSET or len(parts) == 1:
        return True
    places = {part.index if type(part) is _UrlButton else type(part) for part in parts}
    buttons = sum(type(part) is _UrlButton for part in parts)
    return len(places) == len(parts) and buttons <= _MOST_URL_BUTTONS
