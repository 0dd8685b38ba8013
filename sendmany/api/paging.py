"""Lists a page at a time: an opaque, signed place to go on from, and a bounded number of items."""

import base64
import binascii
import hashlib
import hmac
from typing import Annotated, Final

from fastapi import HTTPException, Query

from store.access.tokens import Token, cursor_key
from store.client import Store
from store.lanes.pages import LanePlace, veiled

MOST_ITEMS: Final = 100
SIGNATURE_BYTES: Final = 12
Cursor = Annotated[
    str | None,
    Query(max_length=200, description="`next` of the page before; none for the first page."),
]
Limit = Annotated[int, Query(ge=1, le=MOST_ITEMS, description="Items of a page at most.")]


class Cursors:
    """Writes and reads the cursors of one caller: who may use other sub-accounts cannot use them."""

    def __init__(self, store: Store, caller: Token) -> None:
        self.key = cursor_key(store)
        self._whose = ",".join(sorted(caller.sub_accounts)).encode()

    def write(self, place: LanePlace, *, known: bool) -> str:
        """A place as the caller hands it back.

        Args:
            known: whether the caller may know of the lane there.
        """
        shown = place if known else veiled(place, self.key)
        raw = f"{shown.opened_at}:{shown.lane}".encode()
        return base64.urlsafe_b64encode(self._sign(raw) + raw).decode().rstrip("=")

    def read(self, cursor: str | None) -> LanePlace | None:
        """The place; raises HTTPException 422 for what we never gave to such a caller."""
        if cursor is None:
            return None
        try:
            whole = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
        except (ValueError, binascii.Error):
            whole = b""
        signature, raw = whole[:SIGNATURE_BYTES], whole[SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._sign(raw)):
            problem = {"path": "query.cursor", "message": "This is not the `next` of a page."}
            raise HTTPException(422, {"error": "The request does not fit.", "problems": [problem]})
        opened_at, _, lane = raw.decode().partition(":")
        return LanePlace(int(opened_at), lane)

    def _sign(self, raw: bytes) -> bytes:
        return hmac.digest(self.key, self._whose + b"\0" + raw, hashlib.sha256)[:SIGNATURE_BYTES]
