"""Read routes: campaigns, lanes, messages, limits, breakers."""

from fastapi import APIRouter, Depends

from config.settings import Settings
from sendmany.api.routes.audit import add_audit
from sendmany.api.routes.campaigns.campaign_status import add_campaigns
from sendmany.api.routes.campaigns.exports import add_exports
from sendmany.api.routes.limits import add_breakers, add_limits
from sendmany.api.routes.messages.message_status import add_messages
from sendmany.api.routes.people.person import add_person
from sendmany.api.routes.people.suppressions import add_suppressions
from store.access.tokens import Needs, Scope
from store.client import AsyncStore
from store.threads import ThreadStore


def status_router(store: AsyncStore, settings: Settings, needs: Needs) -> APIRouter:
    """The routes: figures require the scope `read`, people `people`, breakers and erasing `manage`, the
    audit trail `admin`.

    They read in several steps, written for blocking callers, and so run in threads.
    """
    router, here = APIRouter(prefix="/v1"), ThreadStore(store)
    read, people = Depends(needs(Scope.READ)), Depends(needs(Scope.PEOPLE))
    manage = Depends(needs(Scope.MANAGE))
    add_campaigns(router, here, settings, read, people)
    add_exports(router, here, people)
    add_messages(router, here, settings, read, Depends(needs(Scope.ENQUEUE)))
    add_limits(router, here, settings, read, manage)
    add_breakers(router, here, settings, read, manage)
    add_person(router, store, settings, people, manage)
    add_suppressions(router, here, settings, people, manage)
    add_audit(router, here, Depends(needs(Scope.ADMIN)))
    return router
