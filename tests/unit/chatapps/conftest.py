"""Fixtures for tests of messages: the provider's schema, and a sandbox that accepts or refuses."""

import json
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft7Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

from chatapps.sandbox.app import create_app
from chatapps.sandbox.config import SandboxConfig

Json = dict[str, Any]
SchemaFaults = Callable[[Json], list[str]]
Refusal = Callable[[Json], Awaitable[Json | None]]

SEND_BODY = (
    "#/paths/~1api~1v1~1subaccounts~1%7BsubAccountId%7D~1messages"
    "/post/requestBody/content/application~1json/schema"
)


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder with the provider's examples, which are not part of this repository."""
    folder = os.environ.get("SENDMANY_SAMPLES")
    if folder is None:
        pytest.skip("SENDMANY_SAMPLES does not name a folder with the provider's examples")
    return Path(folder)


@pytest.fixture(scope="session")
def schema_faults(samples: Path) -> SchemaFaults:
    """Errors of a message by the provider's OpenAPI file (`openapi.json` beside the examples), without
    known errors of that file."""
    document = json.loads((samples / ".." / "openapi.json").read_text())
    vendor = Resource.from_contents(document, default_specification=DRAFT7)
    registry: Registry[Any] = Registry().with_resource("urn:openapi", vendor)
    rule = {"$ref": f"urn:openapi{SEND_BODY}"}
    validator = Draft7Validator(rule, registry=registry, format_checker=FormatChecker())
    return lambda message: list(_faults(validator, message))


def _faults(validator: Draft7Validator, message: Json) -> Iterator[str]:
    for error in validator.iter_errors(message):
        place = [step for step in error.absolute_path if isinstance(step, str)]
        if place[-3:] == ["interactive", "header", "text"]:
            continue  # the schema wants an object, the API a text
        if place == ["channels", "channel"] and error.instance == "ZaloNotification":
            continue  # in the docs, not in the schema
        if place == ["type"] and error.instance == "buttons":
            continue  # Viber's, in the schema's own examples, not in its list
        yield f"{error.json_path}: {error.message}"


@pytest.fixture
def refusal() -> Refusal:
    """Sends a message to a sandbox: None when it is queued, else the sandbox's error."""
    app = create_app(SandboxConfig())

    async def send(message: Json) -> Json | None:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://sandbox",
            headers={"Authorization": "Bearer sandbox-key"},
        ) as client:
            answer = await client.post("/api/v1/subaccounts/sandbox/messages", json=message)
        said: Json = answer.json()
        status = said.get("status", said)
        return None if status.get("state") == "queued" else status

    return send
