"""What the routes read for a caller: only what is theirs."""

from collections.abc import Callable, Iterator
from typing import Annotated, Any, Final

from fastapi import Path

from dashboard.schemas import LanePage, lane_out
from sendmany.api.paging import Cursors
from store.access.tokens import Token
from store.client import Store
from store.lanes.lane import Lane, read_lane
from store.lanes.pages import LanePlace, lanes_after
from store.reports.lane_report import read_lane_report

NameOrId = Annotated[
    str,
    Path(min_length=1, max_length=200, description="Name or id of a campaign, or id of a lane."),
]
FINDING: Final[dict[int | str, dict[str, Any]]] = {
    404: {"description": "There is no such campaign, or it is not the caller's."},
    409: {"description": "Several sub-accounts of the caller have a campaign of this name."},
}
"""What `find_lane` may be answered with."""
LOOKED_AT: Final = 500
"""Lanes that one page looks at, to find those that are meant; a page may be short, and not the last."""
AT_ONCE: Final = 50


def walk_lanes(
    store: Store, place: LanePlace | None, key: bytes
) -> Iterator[tuple[LanePlace, Lane | None]]:
    """Lanes from a place on, newest first; at most `LOOKED_AT`. None: it has just expired."""
    for _ in range(LOOKED_AT // AT_ONCE):
        places = lanes_after(store, place, AT_ONCE, key)
        for place in places:
            yield place, store.run(read_lane(place.lane))
        if len(places) < AT_ONCE:
            return


def page_of_lanes(
    store: Store, caller: Token, wanted: Callable[[Lane], bool], cursor: str | None, limit: int
) -> LanePage:
    """A page of the caller's lanes with their figures."""
    page, cursors = LanePage(items=[], next=None), Cursors(store, caller)
    for n, (place, lane) in enumerate(walk_lanes(store, cursors.read(cursor), cursors.key), 1):
        shown = lane is not None and caller.may_use(lane.sub_account) and wanted(lane)
        report = store.run(read_lane_report(place.lane)) if shown else None
        if report is not None:
            page.items.append(lane_out(report))
        if len(page.items) == limit or n == LOOKED_AT:
            page.next = cursors.write(place, known=shown)
            break
    return page
