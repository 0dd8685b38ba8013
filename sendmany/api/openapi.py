"""The OpenAPI document: adds the answers that every route may give."""

from collections.abc import Callable
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from sendmany.api.errors import Problem
from sendmany.api.http_protocol import PROBLEM_JSON

_PROBLEM: Final = {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}}
_SERVERS: Final = [{"url": "/", "description": "The host that serves this document."}]
_EVERYWHERE: Final = {
    "422": "A parameter does not fit, or there is none of this name.",
    "500": "It went wrong on our side.",
    "503": "Redis is away or full, or too much is asked at once; `Retry-After` says when to try again.",
}
_WITH_A_TOKEN: Final = {
    "401": "There is no token, or it is not good any more.",
    "403": "The token has not the scope, or is not for this sub-account.",
}
_WITH_A_BODY: Final = {
    "400": "The body cannot be read.",
    "408": "The body did not come in time.",
    "413": "The body is too large.",
}
_RETRY_AFTER: Final = {
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}
}


def complete(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """A function for `app.openapi`: the document of all routes, built once."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                servers=_SERVERS,
                routes=app.routes,
            )
            _complete(document)
            app.openapi_schema = document
        return app.openapi_schema

    return openapi


def _complete(document: dict[str, Any]) -> None:
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    _lift(document["paths"], schemas)
    for name, schema in _problem_schemas().items():
        schemas[name] = schema
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for path in document["paths"].values():
        for method, operation in path.items():
            if method in {"get", "put", "post", "delete", "patch"}:
                _complete_operation(operation)


def _complete_operation(operation: dict[str, Any]) -> None:
    responses = operation.setdefault("responses", {})
    added = _EVERYWHERE | (_WITH_A_TOKEN if operation.get("security") else {})
    if "requestBody" in operation:
        added |= _WITH_A_BODY
    for status, description in added.items():
        responses.setdefault(status, {"description": description})
    for status, response in responses.items():
        if status >= "400" and (status == "422" or "content" not in response):
            response["content"] = _PROBLEM
    for status in responses.keys() & {"429", "503"}:
        responses[status].setdefault("headers", _RETRY_AFTER)
    operation["responses"] = dict(sorted(responses.items()))


def _lift(part: Any, schemas: dict[str, Any]) -> None:
    """Move definitions from a route's own schema to the common ones."""
    if isinstance(part, dict):
        for name, schema in part.pop("$defs", {}).items():
            schemas.setdefault(name, schema)
            _lift(schema, schemas)
        reference = part.get("$ref")
        if isinstance(reference, str):
            part["$ref"] = reference.replace("#/$defs/", "#/components/schemas/")
    for value in (
        part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    ):
        _lift(value, schemas)


def _problem_schemas() -> dict[str, Any]:
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    parts: dict[str, Any] = schema.pop("$defs")
    return {**parts, "Problem": schema}
