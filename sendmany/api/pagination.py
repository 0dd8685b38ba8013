"""Reads and pages for a caller, restricted to its sub-accounts."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Final

from fastapi import HTTPException, Path, Query

from config.settings import Settings
from sendmany.api.errors import UNFIT, unprocessable
from store.access.tokens import Token, cursor_key
from store.client import Store
from store.lanes.lane import Lane, read_lane
from store.lanes.pages import LanePlace, lanes_after, veiled
from store.reports.lane_report import LaneReport, read_lane_report

MOST_ITEMS: Final = 100
SIGNATURE_BYTES: Final = 12
Cursor = Annotated[
    str | None,
    Query(max_length=200, description="`next` of the page before; none for the first page."),
]
Limit = Annotated[int, Query(ge=1, le=MOST_ITEMS, description="Items of a page at most.")]


ALL_NEEDED: Final = "For every sub-account at once it takes a token for all of them."
NO_CURSOR: Final = "This is not the `next` of a page."
NO_SUB_ACCOUNT: Final = "No such sub-account is configured, or it is not the caller's."


def sub_account_or_all(settings: Settings, caller: Token, sub_account: str | None) -> str:
    """A sub-account of the caller; empty for all of them (None). Raises HTTPException 403 or 404."""
    if sub_account is None:
        if caller.sub_accounts:
            raise HTTPException(403, ALL_NEEDED)
        return ""
    if sub_account not in settings.sub_accounts or not caller.may_use(sub_account):
        raise HTTPException(404, "There is no such sub-account.")
    return sub_account


class Cursors:
    """Writes and reads the cursors of a caller; callers with other sub-accounts cannot use them."""

    def __init__(self, store: Store, caller: Token) -> None:
        self.key = cursor_key(store)
        self._whose = ",".join(sorted(caller.sub_accounts)).encode()

    def write(self, place: LanePlace, *, known: bool) -> str:
        """A position as an opaque cursor.

        Args:
            known: True if the caller may see the lane there.
        """
        shown = place if known else veiled(place, self.key)
        raw = f"{shown.opened_at}:{shown.lane}".encode()
        return base64.urlsafe_b64encode(self._sign(raw) + raw).decode().rstrip("=")

    def read(self, cursor: str | None) -> LanePlace | None:
        """The position; raises HTTPException 422 for a cursor that was not issued to such a caller."""
        if cursor is None:
            return None
        try:
            whole = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
        except (ValueError, binascii.Error):
            whole = b""
        signature, raw = whole[:SIGNATURE_BYTES], whole[SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._sign(raw)):
            raise unprocessable(UNFIT, [("query.cursor", NO_CURSOR)])
        opened_at, _, lane = raw.decode().partition(":")
        return LanePlace(int(opened_at), lane)

    def _sign(self, raw: bytes) -> bytes:
        return hmac.digest(self.key, self._whose + b"\0" + raw, hashlib.sha256)[:SIGNATURE_BYTES]


NameOrId = Annotated[
    str,
    Path(min_length=1, max_length=200, description="Name or id of a campaign, or id of a lane."),
]
FINDING: Final[dict[int | str, dict[str, Any]]] = {
    404: {"description": "There is no such campaign, or it is not the caller's."},
    409: {"description": "Several sub-accounts of the caller have a campaign of this name."},
}
"""Error responses of `find_lane`."""
LOOKED_AT: Final = 500
"""Most lanes scanned for one page; so a page may be short, and not the last."""
AT_ONCE: Final = 50


def walk_lanes(
    store: Store, place: LanePlace | None, key: bytes
) -> Iterator[tuple[LanePlace, Lane | None]]:
    """Lanes from a position on, newest first; at most `LOOKED_AT`. None: it has just expired."""
    for _ in range(LOOKED_AT // AT_ONCE):
        places = lanes_after(store, place, AT_ONCE, key)
        for place in places:
            yield place, store.run(read_lane(place.lane))
        if len(places) < AT_ONCE:
            return


def page_of_lanes(
    store: Store, caller: Token, wanted: Callable[[Lane], bool], cursor: str | None, limit: int
) -> tuple[list[LaneReport], str | None]:
    """A page of the caller's lanes with their figures, and the next cursor."""
    found: list[LaneReport] = []
    cursors = Cursors(store, caller)
    for n, (place, lane) in enumerate(walk_lanes(store, cursors.read(cursor), cursors.key), 1):
        shown = lane is not None and caller.may_use(lane.sub_account) and wanted(lane)
        report = store.run(read_lane_report(place.lane)) if shown else None
        if report is not None:
            found.append(report)
        if len(found) == limit or n == LOOKED_AT:
            return found, cursors.write(place, known=shown)
    return found, None
