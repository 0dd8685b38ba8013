"""Errors over HTTP: one shape for all, without any internal information.

    {"title": "Unprocessable Content", "status": 422, "detail": "one sentence",
     "problems": [{"path": "content.template.name", "message": "…"}]}

It is that of RFC 9457, with `problems` as an extension.

Invalid values are named by their path and never repeated: they may be phone numbers or secrets.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, get_args, get_origin

import structlog
from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.responses import Response
from starlette.routing import Match

from sendmany.api.http_protocol import PROBLEM_JSON, problem_json
from sendmany.api.schemas.messages import path_of
from store.access.places import NoPlace
from store.errors import (
    SeveralLanes,
    StoreError,
    StoreFault,
    StoreFull,
    StoreUnavailable,
    UnknownLane,
)

log = structlog.get_logger(__name__)

MOST_PROBLEMS: Final = 100
UNFIT: Final = "The request does not fit."
AWAY_SECONDS: Final = 2
"""Retry-After while Redis is away."""
FULL_SECONDS: Final = 30
"""Retry-After while Redis is full, or refuses a command: an operator has to act."""
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")


class PathProblem(BaseModel):
    """One problem of a request."""

    path: str  # such as `messages.3.content.text`; empty: the request as a whole
    message: str


class Problem(BaseModel):
    """Body of every error response, as in RFC 9457."""

    title: str  # of the status
    status: int
    detail: str  # one sentence
    problems: list[PathProblem] = []


def problem(
    status: int,
    detail: str,
    problems: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An error response in that shape."""
    body = problem_json(status, detail, problems[:MOST_PROBLEMS])
    return Response(body, status, headers, PROBLEM_JSON)


def unprocessable(detail: str, problems: Iterable[tuple[str, str]]) -> HTTPException:
    """The error of a request that does not fit: path and message of each place."""
    found = [{"path": path, "message": message} for path, message in problems]
    return HTTPException(422, {"detail": detail, "problems": found})


def away() -> Response:
    """Redis is unavailable."""
    return problem(
        503,
        "Redis does not answer at the moment: try again soon, a message with the same Idempotency-Key.",
        headers={"Retry-After": str(AWAY_SECONDS)},
    )


def answer_to(error: Exception) -> Response | None:
    """The response for an expected error; None for others."""
    match error:
        case AnyHTTPException():
            return _refused(error)
        case RequestValidationError():
            return problem(422, UNFIT, list(_problems(error.errors())))
        case UnknownLane():
            return problem(404, "There is no such campaign.")
        case SeveralLanes():
            return _several(error)
        case StoreUnavailable():
            return away()
        case StoreFull():
            return _full()
        case StoreFault():
            return _faulty(error)
        case NoPlace():
            return problem(503, "Too many at once for this token.", headers={"Retry-After": "5"})
    return None


def handle_errors(app: FastAPI) -> None:
    """Install the handlers, also for the router's own 404 and 405."""
    for kind in (AnyHTTPException, RequestValidationError, StoreError, NoPlace):
        app.add_exception_handler(kind, _handle)


def only_known_query(request: Request) -> None:
    """A dependency of all routes: refuses unknown query parameters, since a misspelt filter would select
    everything, and repeated ones, of which only the last would count."""
    route = request.scope.get("route")
    fields = route.dependant.query_params if isinstance(route, APIRoute) else ()
    known = {field.alias: field.field_info.annotation for field in fields}
    times = Counter(name for name, _ in request.query_params.multi_items())
    problems = [(name, "Unknown parameter") for name in times if name not in known]
    problems += [
        (name, "Given more than once")
        for name, n in times.items()
        if n > 1 and name in known and not _is_list(known[name])
    ]
    if problems:
        raise RequestValidationError(
            [
                {"type": "extra_forbidden", "loc": ("query", name), "msg": message}
                for name, message in problems[:MOST_PROBLEMS]
            ]
        )


def _is_list(annotation: Any) -> bool:
    return get_origin(annotation) is list or any(map(_is_list, get_args(annotation)))


async def _handle(request: Request, error: Exception) -> Response:
    if isinstance(error, AnyHTTPException) and error.status_code == 405:
        return problem(405, "The path has not this method.", headers={"Allow": _allowed(request)})
    answer = answer_to(error)
    if answer is None:
        raise error
    return answer


def _refused(error: AnyHTTPException) -> Response:
    detail: Any = error.detail
    if isinstance(detail, dict):
        problems = detail.get("problems", ())
        return problem(error.status_code, detail["detail"], problems, error.headers)
    return problem(error.status_code, _sentence(str(detail)), headers=error.headers)


def _several(error: SeveralLanes) -> Response:
    found = [
        {"path": "", "message": f"{lane} (sub-account {whose})"}
        for lane, whose in error.lanes.items()
    ]
    return problem(
        409, "Several of your sub-accounts have a campaign of this name: use an id.", found
    )


def _full() -> Response:
    return problem(
        503,
        "Redis is full and takes nothing new; what waits goes on being sent. Try again later.",
        headers={"Retry-After": str(FULL_SECONDS)},
    )


def _faulty(error: StoreFault) -> Response:
    log.error("redis_refuses", error=str(error))
    return problem(
        503,
        "Redis refuses a command of ours, so this was not completed: the log of this process says which "
        "command. It may be repeated.",
        headers={"Retry-After": str(FULL_SECONDS)},
    )


def _allowed(request: Request) -> str:
    """All methods of the path; the router names those of its first match only."""
    found = (
        method
        for method in _METHODS
        for route in request.app.router.routes
        if route.matches({**request.scope, "method": method})[0] is Match.FULL
    )
    return ", ".join(dict.fromkeys(found))


def _problems(errors: Iterable[Mapping[str, Any]]) -> Iterable[dict[str, str]]:
    for one in errors:
        yield {"path": _path(one["loc"]), "message": _message(one)}


def _path(place: Sequence[str | int]) -> str:
    """Path of a problem: in the body, or with `query`, `path` or `header` first. Names chosen by the
    caller are left out."""
    names = place[1:] if place and place[0] == "body" else place
    return path_of(names)


def _message(one: Mapping[str, Any]) -> str:
    """Text of a problem, without the caller's input that pydantic quotes in one case."""
    if one["type"] == "union_tag_invalid":
        return f"The kind must be one of {one['ctx']['expected_tags']}"
    if one["type"] == "json_invalid":
        return "This is not JSON"
    if one["type"] == "model_attributes_type" and one["loc"] == ("body",):
        return "The body must be a JSON object, with Content-Type: application/json"
    return str(one["msg"])


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "?", "!")) else f"{text}."
