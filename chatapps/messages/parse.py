"""Parses messages: any input gives a model, or one error that lists the problems."""

from collections.abc import Mapping
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from chatapps.messages.base_model import Wire
from chatapps.messages.batch import BatchRequest, merge_template
from chatapps.messages.json_parser import MAX_MEMBERS, parse_object
from chatapps.messages.message import Message, MessageBody
from chatapps.messages.problems import MessageError, Problem, problems_of

Raw = bytes | str | Mapping[str, Any]
"""JSON text, or the object itself."""

_OF_A_PERSON: Final = ("user", "clientMessageId")

W = TypeVar("W", bound=Wire)


def read_message(raw: Raw) -> Message:
    """Parse a message for one person.

    Raises:
        MessageError: it breaks the provider's rules, is no JSON object, or has too many members.
    """
    return _validate(Message, parse_object(raw, MAX_MEMBERS))


def read_message_body(raw: Raw) -> MessageBody:
    """Parse a message without `user` and `clientMessageId`.

    Raises:
        MessageError: it breaks the provider's rules, names a recipient, or is no JSON object.
    """
    value = parse_object(raw, MAX_MEMBERS)
    personal = [name for name in _OF_A_PERSON if name in value]
    if personal:
        rule = "differs from person to person and has no place here"
        raise MessageError(*(Problem(name, rule) for name in personal))
    return _validate(MessageBody, value)


def read_batch(raw: Raw) -> BatchRequest:
    """Parse a batch; its `template` is merged into the messages before they are checked.

    Raises:
        MessageError: the batch or one of its messages breaks the provider's rules.
    """
    value = parse_object(raw)
    merged = merge_template(value)
    try:
        return _validate(BatchRequest, merged)
    except MessageError:
        shared = value.get("template") or {}
        if "type" in shared and "content" in shared:
            _validate(MessageBody, shared, "template")  # reported once, not for every message
        raise


def _validate(model: type[W], value: dict[str, Any], *above: str) -> W:
    try:
        return model.__pydantic_validator__.validate_python(  # type: ignore[no-any-return]
            value, by_alias=True, by_name=False
        )
    except ValidationError as error:
        # Without the cause, which holds the message and so the phone number.
        raise MessageError(*problems_of(error, *above)) from None
