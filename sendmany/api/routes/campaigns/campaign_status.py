"""`GET /v1/campaigns…` and `/v1/lanes`."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from config.settings import Settings
from dashboard.history import HistoryOut, history_out
from dashboard.message_page import MessageFilter, MessagesPage, messages_page
from dashboard.schemas import (
    CampaignOut,
    CampaignPage,
    FailuresOut,
    LanePage,
    campaign_out,
    campaign_row,
    failures_out,
    lane_out,
)
from producer.campaigns.draft import DraftOut
from sendmany.api.pagination import FINDING, Cursor, Limit, NameOrId, page_of_lanes
from sendmany.api.routes.campaigns.exports import States
from sendmany.api.uploads.launch import draft_answer
from store.access.tokens import Token
from store.client import Store
from store.lanes.lane import Lane, LaneStatus, find_lane
from store.limits.breakers import read_breakers
from store.reports.lane_report import report
from store.reports.waiting import waiting


class ShownOut(CampaignOut):
    """One campaign in full; of a draft also what it keeps."""

    draft: DraftOut | None


Statuses = Annotated[
    list[LaneStatus] | None,
    Query(max_length=len(LaneStatus), description="Only these; may be repeated."),
]


def add_campaigns(
    router: APIRouter, store: Store, settings: Settings, read: Any, people: Any
) -> None:
    """Add the routes; `read` and `people` are the dependencies for the caller's token."""

    @router.get(
        "/campaigns",
        tags=["campaigns"],
        operation_id="list_campaigns",
        summary="List campaigns, newest first",
    )
    def list_campaigns(
        caller: Annotated[Token, read],
        status: Statuses = None,
        search: Annotated[
            str, Query(max_length=200, description="Only those with this in their name.")
        ] = "",
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> CampaignPage:
        """A page may hold fewer than `limit` and not be the last: continue while there is `next`."""
        word = search.strip().casefold()

        def wanted(lane: Lane) -> bool:
            named = lane.kind == "campaign" and word in lane.name.casefold()
            return named and (status is None or lane.status in status)

        found, following = page_of_lanes(store, caller, wanted, cursor, limit)
        rows = [campaign_row(one, waiting(store, one.lane)) for one in found]
        return CampaignPage(items=rows, next=following)

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
        found, following = page_of_lanes(
            store, caller, lambda lane: status is None or lane.status in status, cursor, limit
        )
        return LanePage(items=[lane_out(one) for one in found], next=following)

    @router.get(
        "/campaigns/{campaign}",
        tags=["campaigns"],
        operation_id="show_campaign",
        summary="Status of a campaign, with what it waits for",
        responses=FINDING,
    )
    def show_campaign(campaign: NameOrId, caller: Annotated[Token, read]) -> ShownOut:
        lane = find_lane(store, campaign, caller.may_use)
        now = report(store, lane.id)
        breakers = store.run(read_breakers(lane.sub_account))
        shown = campaign_out(now, waiting(store, now.lane), breakers)
        is_draft = now.lane.status is LaneStatus.DRAFT
        draft = draft_answer(store, settings, now.lane) if is_draft else None
        return ShownOut(**dict(shown), draft=draft)

    @router.get(
        "/campaigns/{campaign}/failures",
        tags=["campaigns"],
        operation_id="list_failures",
        summary="Why messages of a campaign failed, by code",
        responses=FINDING,
    )
    def list_failures(campaign: NameOrId, caller: Annotated[Token, read]) -> FailuresOut:
        return failures_out(report(store, find_lane(store, campaign, caller.may_use).id))

    @router.get(
        "/campaigns/{campaign}/messages",
        tags=["campaigns"],
        operation_id="list_messages",
        summary="The messages of a campaign, a page at a time",
        responses=FINDING,
    )
    def list_messages(
        campaign: NameOrId,
        caller: Annotated[Token, people],
        state: States = None,
        origin: Annotated[
            Literal["api", "http", "request", "local", "receipt"] | None,
            Query(description="Only those whose code came from there."),
        ] = None,
        code: Annotated[
            int | None, Query(ge=0, le=65535, description="Only those with this code.")
        ] = None,
        doubt: Annotated[
            Literal["may_have_two", "may_have_arrived"] | None,
            Query(description="Only those who may have got two, or one that is not told."),
        ] = None,
        cursor: Annotated[
            str | None,
            Query(pattern="^w?[0-9]{1,10}$", description="`next` of the page before."),
        ] = None,
        limit: Limit = 50,
    ) -> MessagesPage:
        """Ended messages come first, by index, waiting ones after them. A page may hold fewer than
        `limit` and not be the last: continue while there is `next`."""
        lane = find_lane(store, campaign, caller.may_use)
        wanted = MessageFilter(state or (), origin, code, doubt, cursor=cursor, limit=limit)
        return messages_page(store, lane.id, wanted)

    @router.get(
        "/campaigns/{campaign}/history",
        tags=["campaigns"],
        operation_id="show_history",
        summary="How fast a campaign was posted, and when its messages came to their states",
        responses=FINDING,
    )
    def show_history(campaign: NameOrId, caller: Annotated[Token, read]) -> HistoryOut:
        """Read from the records of its messages; for a very large campaign from a sample."""
        lane = find_lane(store, campaign, caller.may_use)
        account = settings.sub_accounts.get(lane.sub_account)
        return history_out(store, lane, account.messages_per_second if account else 0)
