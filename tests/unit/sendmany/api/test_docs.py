"""The page about the HTTP API says what the application says."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import ANY

from chatapps.messages.json_parser import MAX_MEMBERS
from config.sections import Web
from config.settings import Settings
from sendmany.api.app import OPEN, create_app
from sendmany.api.auth import HONOURED_SECONDS, REMEMBERED_SECONDS
from sendmany.api.http_protocol import HEADER_BYTES, MOST_WAITING, Bounds
from sendmany.api.middleware.limits import BODIES_AT_ONCE, SLOWEST_UPLOAD, SMALL_BODY_BYTES
from sendmany.api.middleware.security import HEADERS
from sendmany.api.routes.messages.message_orders import MOST_BYTES
from sendmany.api.schemas.message_status import MOST_WANTED_BYTES
from sendmany.api.uploads.form import MOST_FORM_BYTES
from sendmany.api.webhooks.receiver import ROOM_BYTES

PAGE = (Path(__file__).parents[4] / "docs/reference/http.md").read_text("utf-8")
METHODS = {"get", "post", "put", "patch", "delete"}


@cache
def _document() -> dict[str, Any]:
    return create_app(Settings(redis_url="redis://127.0.0.1:1")).openapi()


def _scopes(operation: dict[str, Any]) -> str:
    names = [name for one in operation.get("security", []) for name in one]
    return ", ".join(f"`{name}`" for name in names) or "\u2013"


def test_the_page_lists_every_route_with_its_scope_and_no_other() -> None:
    said = {
        (cells[0], cells[1]): cells[2]
        for line in PAGE.splitlines()
        if re.match(r"\| `[A-Z]+` \| `/", line)
        for cells in [[cell.strip().strip("`") for cell in line.strip("| ").split(" | ")]]
    }
    found = {
        (method.upper(), path): _scopes(operation).strip("`")
        for path, operations in _document()["paths"].items()
        for method, operation in operations.items()
        if method in METHODS
    }
    assert said == found


def test_every_operation_is_described_as_a_caller_needs_it() -> None:
    seen = set()
    for path, operations in _document()["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation.get("summary"), where
            assert operation["operationId"] not in seen, where
            seen.add(operation["operationId"])
            assert bool(operation.get("security")) != (path in OPEN), where
            assert {"500", "503"} <= operation["responses"].keys(), where
            if operation.get("security"):
                assert {"401", "403"} <= operation["responses"].keys(), where
            if "requestBody" in operation:
                assert {"400", "408", "413"} <= operation["responses"].keys(), where


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        part = list(part.values())
    for one in part if isinstance(part, list) else ():
        yield from _references(one)


def test_clients_can_be_generated_names_are_public_and_references_resolve() -> None:
    document = _document()
    schemas = document["components"]["schemas"]
    assert document["servers"] == [{"url": "/", "description": ANY}]
    # FastAPI puts the module in front of a name that two models share
    assert [name for name in schemas if not re.fullmatch(r"[A-Z][A-Za-z]+", name)] == []
    titles = [schema["title"] for schema in schemas.values()]
    assert len(set(titles)) == len(titles)
    used = set(_references(document))
    assert used == {f"#/components/schemas/{name}" for name in schemas}


def test_every_error_of_the_document_has_the_one_shape() -> None:
    for path, operations in _document()["paths"].items():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if status < "400" or path == "/readyz":
                    continue
                schema = response["content"]["application/problem+json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/Problem"}, (path, status)


def test_the_page_says_every_status_that_is_an_error() -> None:
    used = {
        status
        for operations in _document()["paths"].values()
        for operation in operations.values()
        for status in operation["responses"]
        if status >= "400"
    }
    said = set(re.findall(r"^\| (\d{3}) \|", PAGE, re.MULTILINE))
    assert used <= said


def test_the_page_says_the_limits_of_the_code() -> None:
    web, bounds = Web(), Bounds()
    for said in (
        f"| {web.max_body_bytes >> 20} MiB | 413",
        f"| {MOST_BYTES >> 10} KiB and {MAX_MEMBERS:,} members | 413",
        f"| {MOST_FORM_BYTES >> 10} KiB | 400",
        f"| {MOST_WANTED_BYTES >> 10} KiB | 413",
        f"| {SMALL_BODY_BYTES >> 10} KiB | 413",
        f"| {web.max_upload_bytes >> 30} GiB, read while it arrives | 413",
        f"| {BODIES_AT_ONCE} of the largest size | 503",
        f"| {web.body_seconds:g} s; an upload gets more while it brings {SLOWEST_UPLOAD >> 10} KiB a",
        f"| {web.max_requests} a process | 503",
        f"| {web.max_streams} a process | 503",
        f"| {web.max_connections:,} a process | the one",
        f"| {bounds.header_seconds:g} s | closed",
        f"| {bounds.idle_seconds:g} s | closed",
        f"| {HEADER_BYTES >> 10} KiB | 431, and closed",
        f"| {MOST_WAITING}, and one read",
        f"| {bounds.answer_seconds:g} s | cut off",
        f"| {bounds.linger_seconds:g} s | cut off",
        f"| {ROOM_BYTES >> 20} MiB | 503",
        f"stops working within {REMEMBERED_SECONDS:g} seconds",
        f"in the last {HONOURED_SECONDS:g} seconds is honoured",
    ):
        assert said in PAGE, said
    assert all(name in PAGE for name in HEADERS)
