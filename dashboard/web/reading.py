"""What the routes read for a caller: only what is theirs."""

from collections.abc import Callable, Iterator
from typing import Annotated, Final

from fastapi import HTTPException, Path

from dashboard.web.campaign_models import LanePage, lane_out
from dashboard.web.paging import read_cursor, write_cursor
from store.calls import Store
from store.errors import UnknownLane
from store.lanes import Lane, read_lane
from store.pages import LanePlace, lanes_after, veiled
from store.reports import read_report
from store.tokens import Token
from store.visible import find_visible_lane

NameOrId = Annotated[
    str,
    Path(min_length=1, max_length=200, description="Name or id of a campaign, or id of a lane."),
]
NO_CAMPAIGN: Final = {"description": "There is no such campaign, or it is not the caller's."}
LOOKED_AT: Final = 500
"""Lanes that one page looks at, to find those that are meant; a page may be short, and not the last."""
AT_ONCE: Final = 50


def find_callers_lane(store: Store, caller: Token, name_or_id: str) -> Lane:
    """A lane that the caller may know of; raises HTTPException 404."""
    try:
        return find_visible_lane(store, caller, name_or_id)
    except UnknownLane as error:
        raise HTTPException(404, "There is no such campaign.") from error


def walk_lanes(store: Store, cursor: str | None) -> Iterator[tuple[LanePlace, Lane | None]]:
    """Lanes from a place on, newest first; at most `LOOKED_AT`. None: it has just expired."""
    place = read_cursor(cursor)
    for _ in range(LOOKED_AT // AT_ONCE):
        places = lanes_after(store, place, AT_ONCE)
        for place in places:
            yield place, store.run(read_lane(place.lane))
        if len(places) < AT_ONCE:
            return


def page_of_lanes(
    store: Store, wanted: Callable[[Lane], bool], cursor: str | None, limit: int
) -> LanePage:
    """A page of lanes with their figures."""
    page, place, n = LanePage(items=[], next=None), None, 0
    for n, (place, lane) in enumerate(walk_lanes(store, cursor), 1):
        shown = lane is not None and wanted(lane)
        report = store.run(read_report(place.lane)) if shown else None
        if report is not None:
            page.items.append(lane_out(report))
        if len(page.items) == limit or n == LOOKED_AT:
            page.next = write_cursor(place if shown else veiled(place))
            break
    return page
