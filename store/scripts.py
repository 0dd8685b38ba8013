"""The Lua scripts: loaded as package data, assembled once, checked at start.

Every state change is one script, one file each, in the room of its noun. A line `-- include: a, b` in
its header includes pieces of `store/lua`; the tables of states and the layout of records that it uses
are prepended. Real servers get a `#!lua flags=` line, so that only intake is refused when memory is
full; the same bodies run under fakeredis without it.
"""

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from store import states
from store.records import outcome

INTAKE = frozenset(
    {"open_lane", "enqueue_rows", "enqueue_messages", "add_to_inbox", "keep_cells", "edit_draft"}
)
"""Scripts that a full Redis may refuse; all others still run."""

_INCLUDE = re.compile(r"^-- include: (.+)$", re.MULTILINE)
_COMMENT = re.compile(r"^\s*--.*$\n?", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Script:
    name: str
    source: str
    sha: str


@cache
def load_scripts(*, flags: bool = True) -> dict[str, Script]:
    """Read every script of the package, by name.

    Args:
        flags: False leaves out the `#!lua flags=` line, which fakeredis does not understand.

    Raises:
        FileNotFoundError: a script includes a missing piece.
        ValueError: two scripts have the same name.
    """
    scripts: dict[str, Script] = {}
    for entry in script_files():
        name = entry.name.removesuffix(".lua")
        if name in scripts:
            raise ValueError(f"two scripts are named {name}")
        scripts[name] = _script(name, entry.read_text("utf-8"), flags)
    return scripts


def script_files() -> list[Traversable]:
    """The files of all scripts, by name; `store/lua` holds what they include."""
    store = files("store")
    rooms = [store, *(r for r in store.iterdir() if r.is_dir() and r.name != "lua")]
    found = [entry for room in rooms for entry in room.iterdir() if entry.name.endswith(".lua")]
    return sorted(found, key=lambda entry: entry.name)


def _script(name: str, text: str, flags: bool) -> Script:
    included = _INCLUDE.search(text)
    pieces = [_include(part) for part in included[1].split(", ")] if included else []
    body = _COMMENT.sub("", "".join([*pieces, text]))
    tables = states.lua_tables() | outcome.lua_tables()
    used = [name for name in tables if re.search(rf"\b{name}\b", body)]  # each call builds them
    body = "".join(f"local {name}={tables[name]}\n" for name in used) + body
    flags_line = f"#!lua flags={'' if name in INTAKE else 'allow-oom'}\n" if flags else ""
    source = flags_line + body
    return Script(name, source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())


@cache
def _include(name: str) -> str:
    return (files("store") / "lua" / f"{name}.lua").read_text("utf-8")
