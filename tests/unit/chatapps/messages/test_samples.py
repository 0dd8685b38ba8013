"""The provider's own examples: all are read, what we emit fits the provider's schema, and the sandbox
takes it.

The examples are not part of this repository: SENDMANY_SAMPLES names the folder that holds them
(`seed/`, `send/`, `batch/`), with the provider's `openapi.json` beside it.
"""

import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from chatapps.messages import MessageError, read_batch, read_message

Json = dict[str, Any]
SchemaFaults = Callable[[Json], list[str]]
Refusal = Callable[[Json], Awaitable[Json | None]]

FOLDER: Final = os.environ.get("SENDMANY_SAMPLES")
FRAGMENT: Final = "14-"  # of a content, no message

pytestmark = pytest.mark.skipif(
    FOLDER is None, reason="SENDMANY_SAMPLES does not name a folder with the provider's examples"
)


def examples(*folders: str) -> list[Path]:
    root = Path(FOLDER or "nowhere")
    return [path for folder in folders for path in sorted((root / folder).glob("*.json"))]


def parameters(*folders: str) -> pytest.MarkDecorator:
    found = [pytest.param(path, id=path.stem) for path in examples(*folders)]
    return pytest.mark.parametrize("path", found)


def completed(path: Path) -> bytes:
    """The example as a message: the fragment gets a text to go with."""
    raw = path.read_bytes()
    if not path.name.startswith(FRAGMENT):
        return raw
    content = {"text": "The boat leaves at noon.", **json.loads(raw)}
    message = {"user": {"msisdn": "+447700900123"}, "type": "text", "content": content}
    return json.dumps(message).encode()


def emitted(path: Path) -> list[Json]:
    raw = completed(path)
    if b'"messages"' in raw:
        return [json.loads(message.emit_json()) for message in read_batch(raw).messages]
    return [json.loads(read_message(raw).emit_json())]


@parameters("seed", "send", "batch")
def test_what_we_emit_fits_the_providers_schema(path: Path, schema_faults: SchemaFaults) -> None:
    assert [fault for message in emitted(path) for fault in schema_faults(message)] == []


@parameters("send")
def test_documented_examples_come_out_as_they_are(path: Path) -> None:
    assert emitted(path) == [json.loads(path.read_bytes())]


@parameters("seed", "send", "batch")
def test_nothing_of_an_example_is_lost(path: Path) -> None:
    written = json.loads(completed(path), strict=False)
    shared = written.get("template", {})
    messages = [shared | message for message in written.get("messages", [written])]

    for before, after in zip(messages, emitted(path), strict=True):
        assert leaves(after) == leaves(before)


def leaves(value: Any) -> list[str]:
    """The values of a message, in any order, whatever their spelling."""
    if isinstance(value, dict):
        return sorted(leaf for name in value for leaf in leaves(value[name]))
    if isinstance(value, list):
        return [leaf for inner in value for leaf in leaves(inner)]
    return ["url" if value == 1 else str(value).casefold()]


def test_the_schema_is_really_asked(schema_faults: SchemaFaults) -> None:
    spelt_otherwise = examples("seed")[1]

    assert schema_faults(json.loads(spelt_otherwise.read_bytes()))


def test_the_examples_are_there() -> None:
    assert len(examples("seed")) >= 15
    assert examples("send")
    assert examples("batch")


# --- the table -----------------------------------------------------------------------------------


class Verdict(NamedTuple):
    """Result of one example."""

    file: str
    parses: bool
    emits_valid: bool
    accepted: bool


async def verdict(path: Path, schema_faults: SchemaFaults, refusal: Refusal) -> Verdict:
    file = f"{path.parent.name}/{path.stem}"
    try:
        messages = emitted(path)
    except MessageError:
        return Verdict(file, False, False, False)
    valid = not any(schema_faults(message) for message in messages)
    refused = [await refusal(message) for message in messages]
    return Verdict(file, True, valid, not any(refused))


async def test_every_example_is_read_emitted_and_taken(
    schema_faults: SchemaFaults, refusal: Refusal
) -> None:
    found = examples("seed", "send", "batch")
    verdicts = [await verdict(path, schema_faults, refusal) for path in found]

    print(f"\n{'example':52} parses  emits valid  accepted")
    for each in verdicts:
        marks = ["yes" if mark else "NO" for mark in each[1:]]
        print(f"{each.file:52} {marks[0]:7} {marks[1]:12} {marks[2]}")
    assert all(all(each[1:]) for each in verdicts)
