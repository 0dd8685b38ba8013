"""The provider's own examples of templates: all are read, and what we emit fits its schema.

They are not part of this repository: SENDMANY_SAMPLES names the folder that holds them
(`templates/`, `responses/`), with the provider's `openapi.json` beside it.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

from chatapps.sandbox.management.templates import TemplateBook
from chatapps.templates import read_template, read_template_list

FOLDER = os.environ.get("SENDMANY_SAMPLES")
ADD_BODY = (
    "#/paths/~1api~1v1~1accounts~1%7BaccountId%7D~1channels~1%7BchannelId%7D~1templates"
    "/post/requestBody/content/application~1json/schema"
)
CREATE = sorted(Path(FOLDER or "nowhere").glob("templates/create-*.json"))

pytestmark = pytest.mark.skipif(
    FOLDER is None, reason="SENDMANY_SAMPLES does not name a folder with the provider's examples"
)
each = pytest.mark.parametrize("path", CREATE, ids=lambda path: path.stem)


@pytest.fixture(scope="module")
def schema() -> Draft7Validator:
    document = json.loads((Path(FOLDER or "") / ".." / "openapi.json").read_text())
    vendor = Resource.from_contents(document, default_specification=DRAFT7)
    registry: Registry[Any] = Registry().with_resource("urn:openapi", vendor)
    return Draft7Validator({"$ref": f"urn:openapi{ADD_BODY}"}, registry=registry)


def deviations(schema: Draft7Validator, template: Any) -> Iterator[str]:
    for error in schema.iter_errors(template):
        place = [step for step in error.absolute_path if isinstance(step, str)]
        if place == ["components", "cards"] and "'type'" in error.message:
            continue  # the schema describes cards as flat, every example nests them
        yield f"{error.json_path}: {error.message}"


@each
def test_what_we_emit_fits_the_providers_schema(schema: Draft7Validator, path: Path) -> None:
    emitted = json.loads(read_template(path.read_bytes()).emit_json())
    assert list(deviations(schema, emitted)) == []


def test_what_we_emit_of_our_own_fixtures_fits_it_too(schema: Draft7Validator) -> None:
    own = sorted((Path(__file__).parents[3] / "fixtures/templates").glob("*.json"))
    assert own
    for path in own:
        emitted = json.loads(read_template(path.read_bytes()).emit_json())
        assert list(deviations(schema, emitted)) == []


@each
def test_the_sandbox_takes_an_example(path: Path) -> None:
    book = TemplateBook("channel", approve_after=0, clock=lambda: 1_800_000_000.0)
    book.add(path.read_bytes())
    (listed,) = read_template_list({"templates": book.listed()})
    assert listed.approved


def leaves(value: Any) -> list[str]:
    """The values of a template, in any order, whatever their case."""
    if isinstance(value, dict):
        return sorted(leaf for inner in value.values() for leaf in leaves(inner))
    if isinstance(value, list):
        return [leaf for inner in value for leaf in leaves(inner)]
    return [str(value).casefold()]


@each
def test_nothing_of_an_example_is_lost(path: Path) -> None:
    written = json.loads(path.read_bytes())
    lost = leaves(written)
    for leaf in leaves(read_template(written).emit()):
        if leaf in lost:
            lost.remove(leaf)
    assert lost == []


def test_the_example_of_a_list_is_read() -> None:
    path = Path(FOLDER or "") / "responses/template-list-200.json"
    templates = read_template_list(json.loads(path.read_bytes())["body"])
    assert len(templates) == 3
    assert {template.status for template in templates} == {"APPROVED", "REJECTED"}
    assert all(template.components for template in templates)


def test_the_examples_are_there() -> None:
    assert len(CREATE) >= 8
