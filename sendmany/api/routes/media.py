"""`POST /v1/media`: uploads a file for messages to the provider."""

import tempfile
from typing import Annotated, Any, Final

from anyio import to_thread
from fastapi import APIRouter, Depends, HTTPException, Query, Request
from pydantic import BaseModel

from chatapps.management.media import UnfitMedia, media_named, upload_media
from config.settings import Settings
from sendmany.api.routes.templates import MOST_CALLS, Whose, provider_errors
from sendmany.api.uploads.launch import choose_sub_account
from store.access.audit import entry
from store.access.places import Places
from store.access.tokens import Needs, Scope, Token
from store.client import AsyncStore

_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    422: {"description": "WhatsApp takes no such file, or the provider refuses it"},
    502: {"description": "The provider gives no usable answer, or refuses the key"},
}
_BODY: Final[dict[str, Any]] = {
    "required": True,
    "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
}


class MediaOut(BaseModel):
    """A file at the provider."""

    name: str
    kind: str  # image, gif, audio, video, document
    sub_account: str
    url: str  # for `url` or `link` in a message


def media_router(store: AsyncStore, settings: Settings, needs: Needs) -> APIRouter:
    """The route; it requires the scope `send`."""
    router = APIRouter(prefix="/v1/media", tags=["messages"], responses=_ANSWERS)
    send, places = Depends(needs(Scope.SEND)), Places(MOST_CALLS)

    @router.post(
        "",
        operation_id="upload_media",
        summary="Upload a file for messages to the provider",
        openapi_extra={"requestBody": _BODY},
    )
    async def upload(
        request: Request,
        caller: Annotated[Token, send],
        name: Annotated[
            str, Query(min_length=1, max_length=255, description="Its end tells the type.")
        ],
        sub_account: Whose = None,
    ) -> MediaOut:
        """The body is the file. Type and size are checked by WhatsApp's limits before the provider gets
        it."""
        whose = choose_sub_account(settings, caller, sub_account, "sub_account")
        with places.place_for(caller), provider_errors():
            try:
                media, size = media_named(name), 0
                with tempfile.TemporaryFile() as file:
                    async for piece in request.stream():
                        media.check_size(size := size + len(piece))
                        await to_thread.run_sync(file.write, piece)
                    url = await to_thread.run_sync(upload_media, settings, whose, media, file)
            except UnfitMedia as error:
                raise HTTPException(422, str(error)) from error
        await store.run(entry("media.upload", f"{media.name} of {whose}", after=url))
        return MediaOut(name=media.name, kind=media.kind, sub_account=whose, url=url)

    return router
