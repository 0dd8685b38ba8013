"""The provider's own examples: all are read, and what we emit fits the provider's schema.

The examples are not part of this repository: SENDMANY_SAMPLES names the folder that holds them
(`seed/`, `send/`, `batch/`), with the provider's `openapi.json` beside it.
"""

import json
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from jsonschema import Draft7Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

from chatapps.messages import read_batch, read_message

Json = dict[str, Any]

FOLDER: Final = os.environ.get("SENDMANY_SAMPLES")
FRAGMENT: Final = "14-"  # of a content, no message
SEND_BODY: Final = (
    "#/paths/~1api~1v1~1subaccounts~1%7BsubAccountId%7D~1messages"
    "/post/requestBody/content/application~1json/schema"
)

pytestmark = pytest.mark.skipif(
    FOLDER is None, reason="SENDMANY_SAMPLES does not name a folder with the provider's examples"
)


def examples(*folders: str) -> list[Path]:
    root = Path(FOLDER or "nowhere")
    return [path for folder in folders for path in sorted((root / folder).glob("*.json"))]


def parameters(*folders: str) -> pytest.MarkDecorator:
    found = [pytest.param(path, id=path.stem) for path in examples(*folders)]
    return pytest.mark.parametrize("path", found)


@cache
def schema() -> Draft7Validator:
    document = json.loads((Path(FOLDER or "") / ".." / "openapi.json").read_text())
    vendor = Resource.from_contents(document, default_specification=DRAFT7)
    registry: Registry[Any] = Registry().with_resource("urn:openapi", vendor)
    rule = {"$ref": f"urn:openapi{SEND_BODY}"}
    return Draft7Validator(rule, registry=registry, format_checker=FormatChecker())


def deviations(message: Json) -> Iterator[str]:
    """What the schema says against a message, but for what is known to be the schema's fault."""
    for error in schema().iter_errors(message):
        place = [step for step in error.absolute_path if isinstance(step, str)]
        if place[-3:] == ["interactive", "header", "text"]:
            continue  # the schema wants an object, the API a text
        if place == ["channels", "channel"] and error.instance == "ZaloNotification":
            continue  # in the docs, not in the schema
        yield f"{error.json_path}: {error.message}"


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
def test_what_we_emit_fits_the_providers_schema(path: Path) -> None:
    assert [fault for message in emitted(path) for fault in deviations(message)] == []


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


def test_the_schema_is_really_asked() -> None:
    spelt_otherwise = examples("seed")[1]

    assert list(deviations(json.loads(spelt_otherwise.read_bytes())))


def test_the_examples_are_there() -> None:
    assert len(examples("seed")) >= 15
    assert examples("send")
    assert examples("batch")
