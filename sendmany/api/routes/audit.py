"""`GET /v1/audit`: the audit trail."""

from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel

from dashboard.schemas import moment_out
from sendmany.api.pagination import Limit
from store.access.audit import Entry, read_audit
from store.access.tokens import Token
from store.client import Store


class EntryOut(BaseModel):
    """An operator's action."""

    id: str
    at: str | None
    who: str  # cli:user@host, token:name
    act: str  # such as campaign.pause
    object: str  # target of the action; a person is masked
    before: str  # digest; empty for nothing
    after: str
    address: str  # kept for 90 days


class AuditPage(BaseModel):
    """A page of entries, newest first."""

    items: list[EntryOut]
    next: str | None  # cursor of the next page; null on the last one


_Text = Annotated[str, Query(max_length=200)]


def add_audit(router: APIRouter, store: Store, admin: Any) -> None:
    """Add the route; `admin` is the dependency for the caller's token."""

    @router.get(
        "/audit",
        tags=["audit"],
        operation_id="list_audit",
        summary="Who did what and when, newest first",
        responses={403: {"description": "The token is not for all sub-accounts."}},
    )
    def list_audit(
        caller: Annotated[Token, admin],
        who: _Text = "",
        act: Annotated[str, Query(max_length=200, description="Or how it begins.")] = "",
        about: _Text = "",
        cursor: Annotated[
            str | None,
            Query(
                pattern="^[1-9][0-9]{0,14}-[0-9]{1,15}$", description="`next` of the page before."
            ),
        ] = None,
        limit: Limit = 50,
    ) -> AuditPage:
        """Kept for a year. `who` and `about` match substrings."""
        if caller.sub_accounts:
            raise HTTPException(403, "The audit trail takes a token for all sub-accounts.")

        def takes(one: Entry) -> bool:
            return who in one.who and one.act.startswith(act) and about in one.object

        found = list(islice(read_audit(store, cursor or "", takes), limit))
        return AuditPage(
            items=[
                EntryOut(
                    id=one.id,
                    at=moment_out(one.at),
                    who=one.who,
                    act=one.act,
                    object=one.object,
                    before=one.before,
                    after=one.after,
                    address=one.address,
                )
                for one in found
            ],
            next=found[-1].id if len(found) == limit else None,
        )
