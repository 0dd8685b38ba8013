"""`GET /metrics`, for Prometheus."""

import asyncio
from collections.abc import Iterable
from typing import Annotated, Final

import structlog
from fastapi import APIRouter, Depends, HTTPException, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import generate_latest
from prometheus_client.core import Metric

from config.settings import Settings
from dashboard.metrics import (
    HTTP_REQUESTS,
    Ages,
    Snapshot,
    counted_families,
    standing_families,
    up_family,
)
from store.access.tokens import Needs, Scope, Token
from store.client import AsyncStore
from store.errors import StoreError
from store.metrics.counters import Tally, read_counted
from store.reports.gauges import read_gauges

log = structlog.get_logger(__name__)

FORMAT: Final = "text/plain; version=0.0.4; charset=utf-8"
PATIENCE: Final = 5.0
"""Timeout of reading Redis, seconds; Prometheus waits ten for all."""


def metrics_router(
    store: AsyncStore, settings: Settings, needs: Needs, requests: Tally | None = None
) -> APIRouter:
    """The route of the metrics.

    Args:
        requests: this process's counts of `HTTP_REQUESTS`.
    """
    router = APIRouter(tags=["metrics"])
    ages, names = Ages(), sorted(settings.sub_accounts)

    async def of_redis() -> list[Metric]:
        async with asyncio.timeout(PATIENCE):
            counted = await store.run(read_counted())
            gauges = await read_gauges(store, names)
        return [*counted_families(counted), *standing_families(gauges, ages, names)]

    def of_this_process() -> Iterable[Metric]:
        return counted_families(requests.counts if requests else {}, [HTTP_REQUESTS])

    @router.get(
        "/metrics",
        operation_id="metrics",
        summary="Figures for Prometheus",
        response_class=PlainTextResponse,
        responses={403: {"description": "The token is for some sub-accounts only"}},
    )
    async def metrics(caller: Annotated[Token, Depends(needs(Scope.READ))]) -> Response:
        """Figures of all workers, and of the web process that answers, in Prometheus' text format."""
        if caller.sub_accounts:
            raise HTTPException(
                403, detail="Metrics cover every sub-account: use a token that is good for all."
            )
        families: list[Metric] = []
        try:
            families = await of_redis()
        except (StoreError, TimeoutError) as error:
            log.warning("metrics_not_read", error=type(error).__name__)
        up = up_family(bool(families))
        text = generate_latest(Snapshot([up, *families, *of_this_process()]))
        return Response(text, headers={"content-type": FORMAT})

    return router
