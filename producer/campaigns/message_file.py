"""The message file of a campaign: the provider's message without `user`."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from chatapps.messages import MessageError, read_message_body
from chatapps.messages.json_parser import parse_object
from chatapps.number_fields import number_fields
from chatapps.rendering.compiled import RESERVED, CompiledContent, UnknownColumns, compile_content
from chatapps.rendering.placeholders import (
    PLACEHOLDER,
    BrokenPlaceholder,
    find_name,
    find_placeholders,
    resolve_columns,
    see_that_whole,
    some_of,
)
from chatapps.rendering.sample_values import fill_with_sample_values, with_placeholders
from config.settings import load_settings
from producer.errors import InputError
from producer.files.rows import MOST_BLANKS, ValueRules
from producer.layout import PHONE, ReadOptions
from store.people.local_time import zone_named

_REFUSED_IN_PARAMETERS = re.compile(rf"[\n\r\t]| {{{MOST_BLANKS + 1},}}")
_LANGUAGE = re.compile(r"([A-Za-z]{2,3})(?:[-_]([A-Za-z]{2,4}))?")


@dataclass(frozen=True, slots=True)
class CampaignMessage:
    """A campaign's message, checked and compiled for the columns of its recipients."""

    content: CompiledContent
    rules: ValueRules  # rules for the values
    document: Mapping[str, Any]  # as written, with the columns' names
    zone_place: int = 0  # the value of a job line that names the person's zone; 0: none does


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
    """Raise InputError for members that the renderer writes itself."""
    for name in RESERVED:
        if name in message:
            raise InputError(f'take out "{name}", it is written for each recipient')
    if "dlrCallbackUrl" in message:
        raise InputError('take out "dlrCallbackUrl", receipts go where the settings say')


def prepare(
    message: Mapping[str, Any], columns: Sequence[str], reading: ReadOptions = ReadOptions()
) -> CampaignMessage:
    """Compile the message of a campaign whose recipients have `columns`, and check it once.

    Raises InputError for an unknown column, a malformed placeholder or another tool's, or a message that
    the provider would refuse.
    """
    try:
        message, language = _with_language(message, reading.language_column)
        # `phone` in `names` is the column of the number; a column of that name keeps its placeholder
        names = {PHONE: PHONE} if PHONE in columns else {}
        message, defaults = resolve_columns(message, columns, {**reading.names, **names})
        kept = ((find_name(columns, one), text) for one, text in reading.defaults.items())
        defaults = {**{name: text for name, text in kept if name}, **defaults}
        see_that_whole(message, columns)
        body = read_message_body(fill_with_sample_values(message))
        written = with_placeholders(body.emit(), message)
        numbers = list(number_fields(body, message))
        paths, zone = frozenset(each.path for each in numbers), reading.timezone_column
        if zone and (zone := find_name(columns, zone)) is None:
            raise InputError(
                f'the recipients have no column "{reading.timezone_column}", which names their zones'
            )
        content = compile_content(written, columns, paths, [zone] if zone else ())
    except (UnknownColumns, BrokenPlaceholder) as error:
        raise InputError(f"the message cannot be filled in: {error}") from error
    except MessageError as error:
        raise InputError(f"the provider would refuse the message: {error}") from error
    except ValueError as error:
        raise InputError(f"the message cannot be written as JSON: {error}") from error
    parameters = list(_parameter_texts(message.get("content", {}).get("template", {})))
    _see_that_taken(parameters)
    folded = frozenset(each.column for text in parameters for each in find_placeholders(text))
    readers = {each.column: each.read for each in numbers}
    if language:
        readers[find_name(columns, language) or language] = _read_language
    if zone:
        readers[zone], defaults[zone] = _read_zone, ""
    place = content.columns.index(zone) + 1 if zone else 0
    return CampaignMessage(content, ValueRules(folded, readers, defaults), message, place)


def _with_language(
    message: Mapping[str, Any], column: str | None
) -> tuple[Mapping[str, Any], str | None]:
    """The message with its template in the language of each row, or its own for an empty cell."""
    template = message.get("content", {}).get("template") if column else None
    if not isinstance(template, Mapping) or "language" not in template:
        return message, None
    if "{{" in str(template["language"]):  # as stored
        return message, column
    language = f"{{{{{column}|{template['language']}}}}}"
    content = {**message["content"], "template": {**template, "language": language}}
    return {**message, "content": content}, column


def _read_language(text: str) -> str:
    """The language code as templates spell it, such as `pt_BR`; raises ValueError."""
    if (code := _LANGUAGE.fullmatch(text)) is None:
        raise ValueError("write the language as in the template, such as en or pt_BR")
    return code[1].lower() + (f"_{code[2].upper()}" if code[2] else "")


def _read_zone(text: str) -> str:
    """The zone of a cell, or nothing for an empty one; raises ValueError."""
    zone = zone_named(text) if text else ""
    if zone is None:
        raise ValueError("there is no such zone: write it by its place, such as Europe/London")
    return zone


def _parameter_texts(value: Any) -> Iterator[str]:
    """The texts of all template parameters."""
    if isinstance(value, Mapping):
        if isinstance(text := value.get("text"), str):
            yield text
        for member in value.values():
            yield from _parameter_texts(member)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _parameter_texts(item)


def _see_that_taken(parameters: Sequence[str]) -> None:
    """Raise InputError for a parameter with text that WhatsApp never accepts, whatever the values."""
    for text in parameters:
        if _REFUSED_IN_PARAMETERS.search(PLACEHOLDER.sub("", text)):
            raise InputError(
                "the provider would refuse the message: a parameter of the template holds a line end, "
                f"a tab or more than {MOST_BLANKS} blanks in a row; put them into the template itself"
            )


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


def columns_to_keep(
    wanted: Sequence[str], columns: Sequence[str], content: CompiledContent
) -> tuple[str, ...]:
    """The further columns to keep, in the file's spelling, without those of the message.

    Raises:
        InputError: there is no such column, or values are not kept at all.
    """
    if wanted and not load_settings().keep_values:
        raise InputError("no columns can be kept: the setting keep_values is 0")
    found = {one: find_name(columns, one) for one in wanted}
    if missing := [one for one, name in found.items() if name is None]:
        raise InputError(
            f'there is no column "{missing[0]}" to keep: the columns are {some_of(columns)}'
        )
    return tuple(
        dict.fromkeys(
            name for name in found.values() if name is not None and name not in content.columns
        )
    )


LONGEST_NAME: Final = 100
RULE: Final = (
    f"A campaign's name is 1 to {LONGEST_NAME} printable characters, without blanks at its ends"
)


def is_name(text: str) -> bool:
    """True for a valid campaign name."""
    return 1 <= len(text) <= LONGEST_NAME and text.isprintable() and text == text.strip()
