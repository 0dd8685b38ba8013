"""A campaign's content, compiled once into JSON segments and rendered for each recipient.

Members that are equal for all recipients go into the batch-level `template` of a request, so that a
message of a campaign without placeholders holds only `user` and `clientMessageId`.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import zip_longest
from typing import Any

from chatapps.rendering.job_line import escape_value
from chatapps.rendering.placeholders import (
    PLACEHOLDER,
    UnknownColumns,
    check_columns,
    find_placeholders,
)
from chatapps.rendering.renderer import ContentRenderer

__all__ = ["CompiledContent", "UnknownColumns", "compile_content", "escape_value"]

# Members that the provider merges into each message, whole (provider docs, send many). `scheduled`,
# `expiry` and `context` are not among them.
BATCH_LEVEL = ("type", "content", "channels", "dlrCallbackUrl")
RESERVED = ("user", "clientMessageId")  # written by the renderer, one each message

_FORMAT = 1
_ESCAPED = re.compile(r"\\.")


@dataclass(frozen=True, slots=True)
class CompiledContent:
    """The content of a campaign as JSON text with slots for a recipient's values."""

    columns: tuple[str, ...]  # in the order of the values in a job line
    shared: bytes | None  # JSON of the batch-level template; None when there is none
    segments: tuple[bytes, ...]  # JSON text around the slots: one more than there are slots
    slots: tuple[int, ...]  # each slot's index into `columns`

    @property
    def digest(self) -> str:
        """The SHA-256 of the dump in hex; identifies the content."""
        return sha256(self.dump()).hexdigest()

    def renderer(self, lane: str) -> ContentRenderer:
        """A renderer of this content for `lane`; make it once per process and lane."""
        return ContentRenderer(lane, self.shared, self.segments, self.slots, len(self.columns))

    def dump(self) -> bytes:
        """The content as JSON, stored once in the lane."""
        record = {
            "format": _FORMAT,
            "columns": self.columns,
            "shared": None if self.shared is None else self.shared.decode(),
            "segments": [segment.decode() for segment in self.segments],
            "slots": self.slots,
        }
        return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def load(cls, dump: bytes) -> "CompiledContent":
        """Read what `dump` wrote; raises ValueError if it was written in another format."""
        record = json.loads(dump)
        if record.get("format") != _FORMAT:
            raise ValueError(f"compiled content has format {record.get('format')}, not {_FORMAT}")
        shared = record["shared"]
        return cls(
            columns=tuple(record["columns"]),
            shared=None if shared is None else shared.encode(),
            segments=tuple(segment.encode() for segment in record["segments"]),
            slots=tuple(record["slots"]),
        )


def compile_content(
    message: Mapping[str, Any],
    columns: Sequence[str],
    numbers: Collection[str] = (),
    extra: Sequence[str] = (),
) -> CompiledContent:
    """Compile a message without `user` and with `{{column}}` in any of its string values.

    `columns` are the columns that recipients have; `numbers` are the paths of placeholders whose values
    are JSON numbers, which get no quotes; `extra` are columns whose values a
    job line holds besides. Raises UnknownColumns for a placeholder without a column,
    ValueError for `user`, `clientMessageId` or text that JSON cannot carry.
    """
    for name in RESERVED:
        if name in message:
            raise ValueError(f'"{name}" is written for each recipient and cannot be in the content')
    used = check_columns(message, columns)
    used += tuple(column for column in extra if column not in used)
    shared = {name: message[name] for name in BATCH_LEVEL if _is_shared(message, name)}
    own = {name: value for name, value in message.items() if name not in shared}
    (common, *_), _ = _split_at_slots(_pieces(shared))
    segments, names = _split_at_slots(_own_pieces(own, numbers))
    return CompiledContent(
        columns=used,
        shared=common if shared else None,
        segments=segments,
        slots=tuple(used.index(name) for name in names),
    )


def message_of(content: CompiledContent) -> dict[str, Any]:
    """The compiled message, with its placeholders."""
    text, inside = "", False
    for segment, slot in zip_longest(map(bytes.decode, content.segments), content.slots):
        text += segment
        inside ^= _ESCAPED.sub("", segment).count('"') % 2 == 1
        if slot is not None:
            column = f"{{{{{escape_value(content.columns[slot]).decode()}}}}}"
            text += column if inside else f'"{column}"'
    shared = json.loads(content.shared or b"{}")
    return {**shared, **json.loads("{" + text.removeprefix(",") + "}")}


def template_of(content: CompiledContent) -> tuple[str, str] | None:
    """Name and language of the message's template; None without a template, or when they vary by
    recipient."""
    try:
        template = message_of(content)["content"]["template"]
        name, language = str(template["name"]), str(template["language"])
    except (LookupError, TypeError):
        return None
    return None if PLACEHOLDER.search(f"{name} {language}") else (name, language)


@dataclass(frozen=True, slots=True)
class _Slot:
    column: str


def _is_shared(message: Mapping[str, Any], name: str) -> bool:
    return name in message and not any(find_placeholders(message[name]))


def _own_pieces(members: Mapping[str, Any], numbers: Collection[str]) -> Iterator[bytes | _Slot]:
    """Members as JSON text that continues an object."""
    for name, value in members.items():
        yield b',"%b":' % escape_value(name)
        yield from _pieces(value, name, numbers)


def _pieces(value: Any, path: str = "", numbers: Collection[str] = ()) -> Iterator[bytes | _Slot]:
    """`value` as JSON text, split where a recipient's value goes."""
    if isinstance(value, str):
        number = PLACEHOLDER.fullmatch(value) if path in numbers else None
        yield from [_Slot(number[1])] if number else _string_pieces(value)
    elif isinstance(value, Mapping):
        members = (
            [b'"%b":' % escape_value(k), *_pieces(member, f"{path}.{k}", numbers)]
            for k, member in value.items()
        )
        yield from _enclosed(b"{", members, b"}")
    elif isinstance(value, list | tuple):
        items = (_pieces(item, f"{path}[{n}]", numbers) for n, item in enumerate(value))
        yield from _enclosed(b"[", items, b"]")
    else:
        yield json.dumps(value, allow_nan=False).encode()


def _string_pieces(text: str) -> Iterator[bytes | _Slot]:
    yield b'"'
    # split() with a group alternates text and column names
    for place, part in enumerate(PLACEHOLDER.split(text)):
        yield _Slot(part) if place % 2 else escape_value(part)
    yield b'"'


def _enclosed(
    start: bytes, items: Iterable[Iterable[bytes | _Slot]], end: bytes
) -> Iterator[bytes | _Slot]:
    yield start
    for place, item in enumerate(items):
        if place:
            yield b","
        yield from item
    yield end


def _split_at_slots(pieces: Iterable[bytes | _Slot]) -> tuple[tuple[bytes, ...], list[str]]:
    """The text around the slots, and the column of each slot."""
    segments: list[list[bytes]] = [[]]
    names: list[str] = []
    for piece in pieces:
        if isinstance(piece, _Slot):
            names.append(piece.column)
            segments.append([])
        else:
            segments[-1].append(piece)
    return tuple(map(b"".join, segments)), names
