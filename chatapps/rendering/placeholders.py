"""`{{column}}` placeholders in the string values of a message."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

PLACEHOLDER = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_LONE = re.compile(r"\{\{|\{\s*[\w .-]{1,60}\s*\}\}")
"""Matches what looks like a mistyped placeholder. Other braces, such as JSON in a string, may stay."""
_TRIPLE = re.compile(r"\{(?=\{\{[^{}\n]{1,80}\}\}\})")
"""Three braces, which in other tools keep a value from being escaped."""
_AROUND = 20  # characters
_MOST_NAMES = 50
_OTHER_TOOLS = (
    *(
        re.compile(rf"{start}(?=([^\n{re.escape(end)}]{{1,80}}){end})")
        for start, end in (
            *(("\\{", "\\}"), (r"\*\|", r"\|\*"), ("%", "%"), (r"\[", r"\]"), ("<", ">")),
            *(("«", "»"), (r"%\(", r"\)s"), ("#", "#"), ("@", "@")),
        )
    ),
    re.compile(r"\$(?=(\w{1,80}))"),
    re.compile(r"__(?=(\w{1,80}?)__)"),
)
"""Placeholders of other tools: `{x}`, `${x}`, `*|X|*`, `%x%`, `[x]`, `<<x>>`, `$x`, …"""
_DEFAULT = re.compile(r"[|:;,=].*", re.DOTALL)  # other tools' suffix of a name
_OF_SOMETHING = re.compile(r"^[\s$<]*(?:\w+\.)?")  # and their prefix: `contact.name`, `$name`
_NOT_TAKEN_APART = str.maketrans({"ı": "i", "ł": "l", "đ": "d", "ø": "o"})  # noqa: RUF001


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A column's name and its path in a message."""

    path: str  # such as content.template.components[0].parameters[1].text
    column: str


class BrokenPlaceholder(ValueError):
    """A placeholder is malformed, or cannot stand where it does."""

    def __init__(self, path: str, rule: str) -> None:
        super().__init__(f"{path} {rule}")
        self.path = path


class UnknownColumns(ValueError):
    """A message has placeholders for columns that the recipients do not have."""

    def __init__(self, unknown: Sequence[Placeholder], columns: Sequence[str]) -> None:
        self.unknown = tuple(unknown)
        self.columns = tuple(columns)
        places = "; ".join(_complaint(each, columns) for each in unknown)
        super().__init__(f"{places}. The columns are: {some_of(columns) or 'none'}")


def some_of(columns: Sequence[str]) -> str:
    """Names of columns in a sentence: a file may have 100,000."""
    more = f" and {len(columns) - _MOST_NAMES:,} more" if len(columns) > _MOST_NAMES else ""
    return ", ".join(columns[:_MOST_NAMES]) + more


def find_placeholders(value: Any, path: str = "") -> Iterator[Placeholder]:
    """Every placeholder in `value`, in reading order."""
    for place, text in _texts(value, path):
        for match in PLACEHOLDER.finditer(text):
            yield Placeholder(place, match[1])


def fold_name(text: str) -> str:
    """A column's name without case, blanks, punctuation and diacritics."""
    plain = unicodedata.normalize("NFKD", text.casefold().translate(_NOT_TAKEN_APART))
    return "".join(char for char in plain if char.isalnum()).casefold()


def find_name(names: Sequence[str], wanted: str) -> str | None:
    """The one of `names` that equals `wanted`, exactly or after `fold_name`.

    None when there is none, or when several match only after folding.
    """
    if wanted in names:
        return wanted
    folded = fold_name(wanted)
    streak = [name for name in names if folded and fold_name(name) == folded]
    return streak[0] if len(streak) == 1 else None


def resolve_columns(
    message: Mapping[str, Any],
    columns: Sequence[str],
    names: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Any, dict[str, str]]:
    """The message with columns in the file's spelling, and the defaults of `{{name|there}}` for empty
    cells, by column; unknown columns stay.

    Args:
        names: further names of columns.

    Raises:
        BrokenPlaceholder: a column has two defaults.
    """
    defaults: dict[str, str] = {}

    def spelled(written: str, member: str, _text: str) -> str:
        known = find_name(tuple(names), written)
        if written in columns and not known:
            return f"{{{{{written}}}}}"
        name, bar, default = (part.strip() for part in written.partition("|"))
        wanted = names.get(find_name(tuple(names), name) or "", name)
        column = find_name(columns, wanted) or wanted
        if bar and defaults.setdefault(column, default) != default:
            rule = f'has "{column}" with another default than elsewhere: give it one'
            raise BrokenPlaceholder(member, rule)
        return f"{{{{{column}}}}}"

    return fill_placeholders(message, spelled), defaults


def see_that_whole(message: Mapping[str, Any], columns: Sequence[str]) -> None:
    """Raise BrokenPlaceholder for text that is meant as a placeholder but is none.

    Unbalanced double braces and other tools' placeholders with the name of a column would be sent as
    they are.
    """
    names = {fold_name(column): column for column in columns}
    for path, text in _texts(message):
        rest = PLACEHOLDER.sub(lambda match: " " * len(match[0]), text)
        if lone := _TRIPLE.search(text) or _LONE.search(rest):
            excerpt = _excerpt(text, lone.start())
            rule = f'has a placeholder that is not whole, at "{excerpt}": write {{{{column}}}}'
            raise BrokenPlaceholder(path, rule)
        for other in (match for pattern in _OTHER_TOOLS for match in pattern.finditer(rest)):
            name = _OF_SOMETHING.sub("", _DEFAULT.sub("", other[1]))
            if column := names.get(fold_name(name)):
                excerpt = _excerpt(text, other.start())
                rule = f'has a placeholder of another tool, at "{excerpt}": write {{{{{column}}}}}'
                raise BrokenPlaceholder(path, rule)


def check_columns(message: Mapping[str, Any], columns: Sequence[str]) -> tuple[str, ...]:
    """The columns that `message` uses, by first appearance; raises UnknownColumns."""
    found = list(find_placeholders(message))
    unknown = [each for each in found if each.column not in columns]
    if unknown:
        raise UnknownColumns(unknown, columns)
    return tuple(dict.fromkeys(each.column for each in found))


def fill_placeholders(value: Any, fill: Callable[[str, str, str], str], key: str = "") -> Any:
    """A copy of `value` with its placeholders replaced by `fill(column, key, text)`.

    `key` is the name of the member that holds the text, `text` the whole of it.
    """
    if isinstance(value, str):
        return PLACEHOLDER.sub(lambda match: fill(match[1], key, value), value)
    if isinstance(value, Mapping):
        return {name: fill_placeholders(member, fill, name) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [fill_placeholders(item, fill, key) for item in value]
    return value


def _texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every string in `value`, with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, member in value.items():
            yield from _texts(member, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _texts(item, f"{path}[{index}]")


def _excerpt(text: str, start: int) -> str:
    return " ".join(text[max(0, start - _AROUND) : start + _AROUND].split())


def _complaint(placeholder: Placeholder, columns: Sequence[str]) -> str:
    text = f'{placeholder.path} uses the unknown column "{placeholder.column}"'
    near = _near_match(placeholder.column, columns)
    return f'{text} (did you mean "{near}"?)' if near else text


def _near_match(name: str, columns: Sequence[str]) -> str | None:
    by_folded = {column.casefold(): column for column in columns}
    near = get_close_matches(name.casefold(), by_folded, n=1)
    return by_folded[near[0]] if near else None
