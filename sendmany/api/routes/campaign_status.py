"""`GET /v1/campaigns…` and `/v1/lanes`."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from dashboard.schemas import (
    CampaignOut,
    FailuresOut,
    LanePage,
    campaign_out,
    failures_out,
)
from sendmany.api.pagination import FINDING, Cursor, Limit, NameOrId, page_of_lanes
from store.access.tokens import Token
from store.client import Store
from store.lanes.lane import LaneStatus, find_lane
from store.limits.breakers import read_breakers
from store.reports.lane_report import report
from store.reports.waiting import waiting

Statuses = Annotated[
    list[LaneStatus] | None,
    Query(max_length=len(LaneStatus), description="Only these; may be repeated."),
]


def add_campaigns(router: APIRouter, store: Store, read: Any) -> None:
    """Add the routes; `read` is the dependency for the caller's token."""

    @router.get(
        "/campaigns",
        tags=["campaigns"],
        operation_id="list_campaigns",
        summary="List campaigns, newest first",
    )
    def list_campaigns(
        caller: Annotated[Token, read],
        status: Statuses = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> LanePage:
        """A page may hold fewer than `limit` and not be the last: continue while there is `next`."""
        return page_of_lanes(
            store,
            caller,
            lambda lane: lane.kind == "campaign" and (status is None or lane.status in status),
            cursor,
            limit,
        )

    @router.get(
        "/lanes",
        tags=["lanes"],
        operation_id="list_lanes",
        summary="List campaigns and lanes of single messages, newest first",
    )
    def list_lanes(
        caller: Annotated[Token, read],
        status: Statuses = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> LanePage:
        """A page may hold fewer than `limit` and not be the last: continue while there is `next`."""
        return page_of_lanes(
            store, caller, lambda lane: status is None or lane.status in status, cursor, limit
        )

    @router.get(
        "/campaigns/{campaign}",
        tags=["campaigns"],
        operation_id="show_campaign",
        summary="Status of a campaign, with what it waits for",
        responses=FINDING,
    )
    def show_campaign(campaign: NameOrId, caller: Annotated[Token, read]) -> CampaignOut:
        lane = find_lane(store, campaign, caller.may_use)
        now = report(store, lane.id)
        breakers = store.run(read_breakers(lane.sub_account))
        return campaign_out(now, waiting(store, now.lane), breakers)

    @router.get(
        "/campaigns/{campaign}/failures",
        tags=["campaigns"],
        operation_id="list_failures",
        summary="Why messages of a campaign failed, by code",
        responses=FINDING,
    )
    def list_failures(campaign: NameOrId, caller: Annotated[Token, read]) -> FailuresOut:
        return failures_out(report(store, find_lane(store, campaign, caller.may_use).id))
