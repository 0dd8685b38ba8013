"""The message file of a campaign: the provider's message without `user`, as a person writes it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from chatapps.compiled import RESERVED, CompiledContent, UnknownColumns, compile_content
from chatapps.messages import MessageError, read_message_body
from chatapps.messages.json_text import parse_object
from chatapps.placeholders import BrokenPlaceholder, check_columns, check_whole
from chatapps.stand_ins import fill_with_stand_ins, with_placeholders
from producer.errors import InputError


def load_message_file(path: Path) -> Mapping[str, Any]:
    """The message in a JSON file; raises InputError. A raw tab inside a string is tolerated."""
    text = _read_text(path)
    try:
        message = parse_object(text)
    except MessageError as error:
        raise InputError(f"{path}: the message is unreadable: {error}") from error
    try:
        refuse_ours(message)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return message


def refuse_ours(message: Mapping[str, Any]) -> None:
    """Raise InputError when a message has members that we write ourselves."""
    for name in RESERVED:
        if name in message:
            raise InputError(f'take out "{name}", it is written for each recipient')
    if "dlrCallbackUrl" in message:
        raise InputError('take out "dlrCallbackUrl", receipts go where the settings say')


def prepare(message: Mapping[str, Any], columns: Sequence[str]) -> CompiledContent:
    """Compile the content of a campaign whose recipients have `columns`, and check it once.

    Raises InputError for an unknown column, a placeholder that is not whole, or a message that the
    provider would refuse.
    """
    try:
        check_columns(message, columns)
        check_whole(message)
        body = read_message_body(fill_with_stand_ins(message))
        content = compile_content(with_placeholders(body.emit(), message), columns)
    except (UnknownColumns, BrokenPlaceholder) as error:
        raise InputError(f"the message cannot be filled in: {error}") from error
    except MessageError as error:
        raise InputError(f"the provider would refuse the message: {error}") from error
    except ValueError as error:
        raise InputError(f"the message cannot be written as JSON: {error}") from error
    return content


def _read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}: line {line} is not UTF-8: save the file as UTF-8") from error
