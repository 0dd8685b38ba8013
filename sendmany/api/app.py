"""The HTTP API as an ASGI application: routes behind one stack of middleware.

    Watched ─► SecurityHeaders ─► LastResort ─► Crowd ─► Guard ─► Bodies ─► routes
     counts     on every answer    500           503      401      413, 408    403, 404, 422

`/healthz` and `/readyz` need no token. Webhooks have an Authorization of their own and bypass the
application: they are a raw route of the server (`app.state.raw_routes`), and so is `/healthz` if
enabled. Usual single messages take a shortcut (`app.state.shortcuts`).
"""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final

from fastapi import Depends, FastAPI
from starlette.routing import Match
from starlette.types import Scope

from config.celery_app import hint_drain
from config.settings import Settings
from dashboard.live_events import Events
from producer.wake import SendWakeUp
from sendmany import __version__
from sendmany.api.auth import Guard, Tokens, needs
from sendmany.api.errors import handle_errors, only_known_query
from sendmany.api.fast_enqueue import PATH, FastEnqueue
from sendmany.api.middleware.access_log import Watched
from sendmany.api.middleware.limits import Bodies, Crowd
from sendmany.api.middleware.security import LastResort, SecurityHeaders
from sendmany.api.openapi import complete
from sendmany.api.routes.campaigns.campaigns import campaigns_router
from sendmany.api.routes.events import events_router
from sendmany.api.routes.health import HEALTHZ, RawHealth, health_router
from sendmany.api.routes.media import media_router
from sendmany.api.routes.messages.message_orders import MOST_BYTES
from sendmany.api.routes.messages.messages import MessageIntake, messages_router
from sendmany.api.routes.messages.outcomes import outcomes_router
from sendmany.api.routes.metrics import metrics_router
from sendmany.api.routes.page import is_of_page, page_router
from sendmany.api.routes.people.suppressions import MOST_LIST_BYTES
from sendmany.api.routes.quiet_hours import quiet_hours_router
from sendmany.api.routes.sending import sending_router
from sendmany.api.routes.stops import stops_router
from sendmany.api.routes.subscriptions import subscriptions_router
from sendmany.api.routes.templates import templates_router
from sendmany.api.schemas.message_status import MOST_WANTED_BYTES
from sendmany.api.sessions import Sessions
from sendmany.api.status import status_router
from sendmany.api.uploads.form import MOST_FORM_BYTES
from sendmany.api.webhooks.receiver import WEBHOOKS, Receiver
from store.client import AsyncStore
from store.metrics.counters import Tally
from store.threads import ThreadStore

OPEN: Final = frozenset({"/healthz", "/readyz"})
STREAMS: Final = frozenset({"/v1/events", "/v1/outcomes/events"})
UPLOADS: Final = re.compile("/v1/(campaigns(/[^/]+/recipients)?|plans|tests|media)")
"""Paths whose bodies are streamed, never buffered."""
_NO_TELEMETRY: Final[Any] = dict.fromkeys(("tracing", "metrics", "logs", "auto_configure"), False)
"""FastAPI's own telemetry would send paths and queries, which name people, to an address from the
environment."""
_DESCRIPTION: Final = "Sends one message to each of very many people, and shows the status of each."


def create_app(
    settings: Settings,
    store: AsyncStore | None = None,
    send_wake_up: SendWakeUp = hint_drain,
) -> FastAPI:
    """Assemble the application; its lifespan closes the store.

    Raises:
        SettingsError: redis_url or the secrets of webhooks are invalid.
    """
    store = store or _connect(settings)
    app = FastAPI(
        title="sendmany",
        version=__version__,
        description=_DESCRIPTION,
        lifespan=_life_of(store),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # would lead to plain HTTP behind a proxy
        telemetry=_NO_TELEMETRY,
        dependencies=[Depends(only_known_query)],
    )
    app.openapi = complete(app)  # type: ignore[method-assign]
    handle_errors(app)
    _add_routes(app, settings, store, send_wake_up)
    _surround(app, settings, store)
    _watch(app, settings, store)
    return app


def _add_routes(
    app: FastAPI, settings: Settings, store: AsyncStore, send_wake_up: SendWakeUp
) -> None:
    app.include_router(health_router(store))
    app.state.intake = intake = MessageIntake(store, settings, send_wake_up)
    app.include_router(messages_router(store, settings, needs, send_wake_up, intake))
    app.include_router(campaigns_router(store, settings, needs, send_wake_up))
    app.include_router(status_router(store, settings, needs))
    app.include_router(stops_router(store, settings, needs, send_wake_up))
    app.include_router(quiet_hours_router(ThreadStore(store), settings, needs, send_wake_up))
    app.include_router(subscriptions_router(store, settings, needs))
    app.include_router(sending_router(store, settings, needs))
    app.include_router(templates_router(ThreadStore(store), settings, needs))
    app.include_router(media_router(store, settings, needs))
    app.state.events = Events(store, sorted(settings.sub_accounts))
    app.include_router(events_router(store, settings, needs, app.state.events))
    app.include_router(outcomes_router(store, settings, needs, app.state.events))
    app.state.tokens, app.state.sessions = Tokens(store), Sessions(store, settings.web)
    delay = settings.campaigns.launch_delay
    app.include_router(page_router(store, app.state.tokens, app.state.sessions, delay))


def _surround(app: FastAPI, settings: Settings, store: AsyncStore) -> None:
    """Add the middleware; the last one added runs first."""
    free = OPEN  # overload is no reason to restart the process
    web = settings.web
    large = {"/v1/messages": MOST_BYTES, "/v1/messages/batch": web.max_body_bytes}
    large["/v1/statuses"] = MOST_WANTED_BYTES
    lists = ("/v1/suppressions", "/v1/suppressions/remove")
    large |= dict.fromkeys(lists, MOST_LIST_BYTES) | {"PATCH": MOST_FORM_BYTES}  # of a draft
    app.add_middleware(Bodies, limits=web, large=large, uploads=UPLOADS, free=free)
    app.add_middleware(
        Guard,
        tokens=app.state.tokens,
        is_open=lambda path: path in OPEN or is_of_page(path),
        exists=_exists_in(app),
        sessions=app.state.sessions,
    )
    app.add_middleware(
        Crowd, most=web.max_requests, most_streams=web.max_streams, streams=STREAMS, free=free
    )
    app.add_middleware(LastResort)
    app.add_middleware(SecurityHeaders)


def _watch(app: FastAPI, settings: Settings, store: AsyncStore) -> None:
    """Count all requests, webhooks included, and add them to the metrics."""
    requests = Tally()
    app.state.raw_routes = {HEALTHZ: RawHealth(requests)}
    if settings.webhooks.wanted:
        secrets = settings.webhooks.secrets()
        app.state.raw_routes[WEBHOOKS] = Receiver(store, secrets, tally=requests)
    fast = FastEnqueue(app.state.intake, app.state.tokens, settings.web, requests)
    app.state.shortcuts = {PATH: fast}
    app.include_router(metrics_router(store, settings, needs, requests))
    app.add_middleware(Watched, tally=requests, routes=app.router.routes)


def _exists_in(app: FastAPI) -> Callable[[Scope], bool]:
    def exists(scope: Scope) -> bool:
        return any(route.matches(scope)[0] is not Match.NONE for route in app.router.routes)

    return exists


def _life_of(store: AsyncStore) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        yield
        await store.close()

    return life


def _connect(settings: Settings) -> AsyncStore:
    """Connect lazily: the process starts without Redis, and `/readyz` reports it."""
    connections = settings.web.max_requests + settings.web.max_streams + 16
    return AsyncStore.connect(
        settings.store_url, key_prefix=settings.key_prefix, max_connections=connections
    )
