"""Lists a page at a time: an opaque place to go on from, and a bounded number of items."""

import base64
import binascii
from typing import Annotated, Final

from fastapi import HTTPException, Query

from store.pages import LanePlace

MOST_ITEMS: Final = 100
Cursor = Annotated[
    str | None,
    Query(max_length=200, description="`next` of the page before; none for the first page."),
]
Limit = Annotated[int, Query(ge=1, le=MOST_ITEMS, description="Items of a page at most.")]


def write_cursor(place: LanePlace) -> str:
    """A place as callers hand it back."""
    raw = f"{place.opened_at}:{place.lane}".encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def read_cursor(cursor: str | None) -> LanePlace | None:
    """The place; raises HTTPException 422 for what we never gave."""
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True).decode()
        opened_at, _, lane = raw.partition(":")
        if lane and opened_at.isascii() and opened_at.isdigit():
            return LanePlace(int(opened_at), lane)
    except (ValueError, binascii.Error):
        pass
    problem = {"path": "query.cursor", "message": "This is not the `next` of a page."}
    raise HTTPException(422, {"error": "The request does not fit.", "problems": [problem]})
