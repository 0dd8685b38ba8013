"""The paths of the provider's management API.

POST   /api/v1/accounts/{account}/channels/{channel}/templates          add a template
GET    /api/v1/accounts/{account}/channels/{channel}/templates          list them
DELETE /api/v1/accounts/{account}/channels/{channel}/templates/{name}   delete one
GET, POST, DELETE /api/v1/accounts/{account}/webhooks                   list, set, delete
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chatapps.sandbox.access import AccountCall
from chatapps.sandbox.responses import Answer

if TYPE_CHECKING:
    from chatapps.sandbox.management.account import AccountDesk

_ACCOUNT = "/api/v1/accounts/{account_id}"
_TEMPLATES = _ACCOUNT + "/channels/{channel_id}/templates"
_WEBHOOKS = _ACCOUNT + "/webhooks"

Endpoint = Callable[[Request], Awaitable[Response]]
GiveDesk = Callable[[], "AccountDesk"]


def management_routes(desk: GiveDesk) -> list[Route]:
    """The routes; `desk()` is called for each request and handles it."""

    def answering(answer: Callable[["AccountDesk", AccountCall], Answer]) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            return _response(answer(desk(), await _call(request)))

        return endpoint

    async def delete_template(request: Request) -> Response:
        name = request.path_params["name"]
        return _response(desk().delete_template(await _call(request), name))

    return [
        Route(_TEMPLATES, answering(lambda d, call: d.add_template(call)), methods=["POST"]),
        Route(_TEMPLATES, answering(lambda d, call: d.list_templates(call)), methods=["GET"]),
        Route(_TEMPLATES + "/{name}", delete_template, methods=["DELETE"]),
        Route(_WEBHOOKS, answering(lambda d, call: d.list_webhooks(call)), methods=["GET"]),
        Route(_WEBHOOKS, answering(lambda d, call: d.set_webhooks(call)), methods=["POST"]),
        Route(_WEBHOOKS, answering(lambda d, call: d.delete_webhooks(call)), methods=["DELETE"]),
    ]


async def _call(request: Request) -> AccountCall:
    return AccountCall(
        account_id=request.path_params["account_id"],
        channel_id=request.path_params.get("channel_id"),
        authorization=request.headers.get("authorization"),
        body=await request.body(),
    )


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, media_type="application/json")
