"""Media files of messages: WhatsApp's limits, and the upload to the provider (provider docs, file upload
API). How long the provider keeps them is not documented."""

import json
import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import IO, Final
from urllib.parse import quote

from chatapps.client import ChatAppsClient, Endpoint, endpoint_of
from chatapps.management.accounts import segment
from chatapps.management.errors import body_of, unreadable
from chatapps.management.from_settings import ask_client
from config.errors import ReportedError
from config.settings import Settings

_MB: Final = 1024 * 1024
_OFFICE: Final = "application/vnd.openxmlformats-officedocument"
_KINDS: Final = {
    "image": (5, {"jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png"}),
    "gif": (4, {"gif": "image/gif"}),
    "audio": (
        16,
        {
            "aac": "audio/aac", "m4a": "audio/mp4", "amr": "audio/amr", "mp3": "audio/mpeg",
            "ogg": "audio/ogg", "opus": "audio/ogg",
        },
    ),
    "video": (16, {"mp4": "video/mp4", "3gp": "video/3gpp"}),
    "document": (
        100,
        {
            "pdf": "application/pdf", "txt": "text/plain",
            "doc": "application/msword", "docx": f"{_OFFICE}.wordprocessingml.document",
            "xls": "application/vnd.ms-excel", "xlsx": f"{_OFFICE}.spreadsheetml.sheet",
            "ppt": "application/vnd.ms-powerpoint",
            "pptx": f"{_OFFICE}.presentationml.presentation",
        },
    ),
}  # fmt: skip
"""Kind of media → most MB, and the types by the end of the name."""
_BEGINS: Final = {
    "image/jpeg": b"\xff\xd8\xff", "image/png": b"\x89PNG", "image/gif": b"GIF8",
    "application/pdf": b"%PDF",
}  # fmt: skip
_NOT_IN_NAMES: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_PIECE: Final = 64 * 1024
SECONDS: Final = 900.0
"""Most time of an upload."""


class UnfitMedia(ReportedError):
    """WhatsApp would not take the file."""


@dataclass(frozen=True, slots=True)
class Media:
    """A type of media that WhatsApp takes, and a file's name."""

    name: str
    kind: str
    content_type: str
    most_bytes: int

    def check(self, file: IO[bytes]) -> int:
        """The size of the file; it is left at its begin.

        Raises:
            UnfitMedia: it is empty, too large, or no file of its type.
        """
        size = file.seek(0, 2)
        file.seek(0)
        if not size:
            raise UnfitMedia(f"The file {self.name} is empty.")
        self.check_size(size)
        begin = _BEGINS.get(self.content_type, b"")
        found = file.read(len(begin))
        file.seek(0)
        if found != begin:
            raise UnfitMedia(
                f"The file {self.name} is not of the type {self.content_type}: save it again as "
                "such, or rename it."
            )
        return size

    def check_size(self, size: int) -> None:
        if size > self.most_bytes:
            raise UnfitMedia(
                f"The file {self.name} is too large: WhatsApp takes {self.kind} files up to "
                f"{self.most_bytes // _MB} MB; make it smaller."
            )


def media_named(name: str) -> Media:
    """The type of a file, by its name.

    Raises:
        UnfitMedia: WhatsApp takes no such files.
    """
    short = PurePath(name).name
    if _NOT_IN_NAMES.search(short):
        raise UnfitMedia(
            "The name of the file holds a control character, or is not UTF-8: rename it."
        )
    end = PurePath(short).suffix.lower().removeprefix(".")
    for kind, (most, types) in _KINDS.items():
        if end in types:
            return Media(short, kind, types[end], most * _MB)
    known = ", ".join(f".{end}" for _, types in _KINDS.values() for end in types)
    raise UnfitMedia(f"WhatsApp takes no files such as {short}: their names end in {known}.")


def upload_media(settings: Settings, sub_account: str, media: Media, file: IO[bytes]) -> str:
    """Upload a file; returns its address for messages.

    Raises:
        UnfitMedia: WhatsApp would not take it.
        ProviderError: the provider did not take it.
    """
    size, endpoint = media.check(file), endpoint_of(settings, sub_account)
    return ask_client(settings, lambda client: _upload(client, endpoint, media, file, size))


async def _upload(
    client: ChatAppsClient, endpoint: Endpoint, media: Media, file: IO[bytes], size: int
) -> str:
    base = endpoint.base_url.rstrip("/")
    boundary = secrets.token_hex(16)
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; '
        f'filename="{quote(media.name, safe=" ")}"\r\nContent-Type: {media.content_type}\r\n\r\n'
    ).encode()
    tail = f"\r\n--{boundary}--\r\n".encode()

    async def body() -> AsyncIterator[bytes]:
        yield head
        while piece := file.read(_PIECE):
            yield piece
        yield tail

    answer = await client.upload(
        endpoint,
        f"{base}/api/v1/subaccounts/{segment(endpoint.sub_account_id)}/files",
        body(),
        {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(head) + size + len(tail)),
        },
        seconds=SECONDS,
    )
    try:
        told = json.loads(body_of(answer))
        name, token = told["fileName"], told["token"]
        return f"{base}/files/{quote(name, safe='')}?token={quote(token, safe='')}"
    except (ValueError, TypeError, KeyError) as error:
        raise unreadable("no name and token of the file") from error
