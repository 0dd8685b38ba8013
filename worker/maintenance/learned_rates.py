"""Decides on the learned rates: whichever process sweeps decides, every few seconds."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import structlog

from store.client import Call
from store.limits.learned import Known, keep_learned, read_learned, read_signals
from store.limits.signals import old_fields, read_fields
from store.reports.waiting import now_ms
from worker.batch import Tools
from worker.pacing.rate_controller import decide, start

log = structlog.get_logger(__name__)

DECIDE_SECONDS = 5


async def decide_rates(tools: Tools) -> None:
    """Decide on the rate of each sub-account whose rate is learned, if it is due. Of two deciders at
    once the second one's decision is dropped."""
    names = tools.settings.learning
    if not names:
        return
    calls: Sequence[Call[Any]] = [now_ms(), *map(read_learned, names)]
    now, *found = await tools.store.run_all(calls)
    for name, known in zip(names, found, strict=True):
        if known.learned is None or now // 1000 >= known.learned.decided_at + DECIDE_SECONDS:
            await _decide(tools, name, known, now // 1000)


async def _decide(tools: Tools, name: str, known: Known, now: int) -> None:
    account, fields = tools.settings.sub_accounts[name], await tools.store.run(read_signals(name))
    if not fields:
        return  # nothing was sent
    old = known.learned or start(now, account.ceiling)
    new = decide(old, read_fields(fields, now), account.ceiling)
    new = replace(new, decided_at=now, in_force=account.learn_mode == "on")
    kept = await tools.store.run(keep_learned(name, known, new, old_fields(fields, now)))
    if kept and (new.rate, new.cause) != (old.rate, old.cause):
        figures = {"was": round(old.rate, 1), "share": new.share, "lag": new.lag}
        mode = account.learn_mode
        log.info(
            "rate_learned",
            sub_account=name,
            rate=round(new.rate, 1),
            cause=new.cause,
            mode=mode,
            **figures,
        )
