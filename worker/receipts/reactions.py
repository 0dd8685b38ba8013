"""Pauses bulk messages of a sub-account when receipts report too often that it should send less.

Which codes do so, from how many receipts on, and for how long is data (config/reactions.py). The breaker
of priority bulk does the rest: it is shown, probed when its time is over, and closed by hand. Reactions
about one person are in worker/receipts/opt_outs.py, a campaign that sends again in
producer/campaigns/retry_later.py.
"""

import secrets

import structlog

from chatapps.receipt_codes import receipt_code
from config.reactions import Reaction
from config.settings import Settings
from store.client import AsyncStore
from store.limits.breakers import BULK, count_receipts, open_breaker
from store.receipts.status_updates import Applied

log = structlog.get_logger(__name__)
LONGEST_SECONDS = 86_400.0
"""To which the pause doubles, when the provider refuses its probe."""


async def pause_bulk(store: AsyncStore, settings: Settings, applied: Applied) -> None:
    """Open the breaker of priority bulk, if the receipts just applied require it."""
    for code, n in applied.undelivered.items():
        rule = settings.reactions_in_force.get(code)
        if rule is None or rule.action is not Reaction.PAUSE_BULK:
            continue
        sub_account, op = applied.sub_account, secrets.token_hex(6)
        call = count_receipts(sub_account, code, n, rule.least, rule.window, op=op)
        counted = await store.run(call)
        if not counted:
            continue
        came = f"{counted:,} receipts" if counted > 1 else "a receipt"
        reason = f"{came} with code {code}: {receipt_code('', code).meaning}"
        opening = open_breaker(
            sub_account,
            BULK,
            reason,
            by="worker",
            probe_after=rule.lasts,
            longest=LONGEST_SECONDS,
        )
        if await store.run(opening):
            log.error("bulk_breaker_opened", sub_account=sub_account, code=code, reason=reason)
