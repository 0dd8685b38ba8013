"""Looking over HTTP: campaigns, lanes, messages, limits, breakers."""

from fastapi import APIRouter, Depends

from config.settings import Settings
from dashboard.web.campaign_routes import add_campaigns
from dashboard.web.export_routes import add_exports
from dashboard.web.limit_routes import add_breakers, add_limits
from dashboard.web.message_routes import add_messages
from dashboard.web.person_routes import add_person
from store.calls import AsyncStore
from store.threads import ThreadStore
from store.tokens import Needs, Scope


def status_router(store: AsyncStore, settings: Settings, needs: Needs) -> APIRouter:
    """The routes: all need the scope `read`, those that move breakers or erase `manage`.

    What they read takes several steps, written for blocking callers: they run in threads.
    """
    router, here = APIRouter(prefix="/v1"), ThreadStore(store)
    read, manage = Depends(needs(Scope.READ)), Depends(needs(Scope.MANAGE))
    add_campaigns(router, here, read)
    add_exports(router, here, read)
    add_messages(router, here, read)
    add_limits(router, here, settings, read)
    add_breakers(router, here, settings, read, manage)
    add_person(router, store, settings, read, manage)
    return router
