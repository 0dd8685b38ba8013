"""`sendmany check`: validates JSON files and shows them in the provider's spelling."""

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.syntax import Syntax

from chatapps.document_check import Checked, Kind, check_document
from chatapps.messages import Problem
from sendmany.cli.options import Json
from sendmany.console.output import Terminal, print_json, show

STDIN = "-"
_GOOD = {"other": "an event of an unknown type; it is kept as it is"}


def check(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE", help="Files of JSON; `-` reads stdin.")
    ],
    kind: Annotated[
        Kind | None, typer.Option("--as", help="What the files are; guessed if not given.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check messages, batches, templates and webhooks against the provider's rules.

    Shows the message as it would be sent, or a webhook as it is understood, or the broken rules of a
    file with their places. A campaign's message may hold `{{placeholders}}` and needs no `user`. Nothing
    is sent. The exit code is 1 if any file is refused, unreadable or missing.

    With `--json`: one object per file and line, with `file`, `kind`, `ok`, `emitted` and `errors`.

    Example: `sendmany check spring.json --as message`
    """
    refused = False
    for file in files:
        checked = check_file(file, kind)
        refused |= not checked.ok
        if as_json:
            print_json(as_record(file, checked))
        else:
            _show(file, checked)
    raise typer.Exit(1 if refused else 0)


def check_file(file: str, kind: Kind | None) -> Checked:
    """Check the content of a file; an unreadable one is refused."""
    try:
        raw = sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes()
    except FileNotFoundError:
        return _unreadable(kind, "there is no such file")
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        reason = getattr(error, "strerror", None) or str(error)
        return _unreadable(kind, f"cannot be read: {reason}")
    return check_document(raw, kind)


def as_record(file: str, checked: Checked) -> dict[str, Any]:
    """The result as JSON."""
    return {
        "file": _printable(file),
        "kind": checked.kind,
        "ok": checked.ok,
        "emitted": checked.emitted,
        "errors": list(map(str, checked.errors)),
    }


def _printable(file: str) -> str:
    """A printable file name; names may hold bytes that are not text."""
    return os.fsencode(file).decode("utf-8", "replace")


def _unreadable(kind: Kind | None, rule: str) -> Checked:
    return Checked(kind, False, None, (Problem("", rule),))


def _show(file: str, checked: Checked) -> None:
    name = "stdin" if file == STDIN else _printable(file)
    if checked.ok:
        show(f"{name}: {_GOOD.get(checked.kind or '', f'a sound {checked.kind}')}.")
        _show_object(checked.emitted)
    else:
        what = f" as a {checked.kind}" if checked.kind else ""
        show(f"{name}: refused{what}.", *_list(checked.errors))


def _list(errors: Iterable[Problem]) -> list[str]:
    return [f"  - {error}" for error in errors]


def _show_object(emitted: dict[str, Any] | None) -> None:
    text = json.dumps(emitted, ensure_ascii=False, indent=2)
    console = Terminal(highlight=False)
    if console.is_terminal:
        console.print(Syntax(text, "json", background_color="default", word_wrap=True))
    else:  # a pipe gets lines unwrapped
        show(text)
