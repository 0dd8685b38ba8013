"""Sends changes of messages and campaigns to subscribed endpoints (Standard Webhooks).

Every worker looks once a second for subscriptions that are due and that no other worker has. Each that
it takes is served by a task of its own, so that an endpoint that does not answer holds up no other one.
A batch that fails is tried again, later and later; meanwhile the endpoint is sent nothing else. Batches
come at least once, and those of one message in any order: `seq` tells which is the later one.
"""

import asyncio
import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

import httpx
import structlog

from config.settings import Settings
from store.client import AsyncStore
from store.errors import StoreError
from store.outcomes.stream import Position, begin_of_stream, renewal
from store.plans import carry_out_async
from store.reports.outcomes import OutcomeEvent, outcomes_after
from store.subscriptions.subscription import (
    Format,
    Subscription,
    Taken,
    disable,
    list_subscriptions,
    note_delivery,
    secrets_of,
    sign,
    take_subscription,
)
from worker.endpoint import Answer, open_http, post

log = structlog.get_logger(__name__)

MOST_EVENTS: Final = 100
MOST_BYTES: Final = 20_000
READ_AT_ONCE: Final = 1000
LEASE_MS: Final = 60_000
IDLE_MS: Final = 1000
"""Milliseconds until a subscription with nothing new is looked at again."""
RETRY_SECONDS: Final = (5, 30, 300, 1800, 3600, 7200, 10_800)
"""Seconds before the next try, by failures in a row; the last one holds for all further ones."""
MOST_RETRY_AFTER: Final = 86_400.0
GIVEN_UP_SECONDS: Final = 3 * 86_400
DISABLED_SECONDS: Final = 5 * 86_400
REFUSES_THE_BATCH: Final = frozenset({400, 413, 422})
"""Statuses about this batch: another one may be taken."""
REFUSALS: Final = 5
"""Such answers in a row after which the batch is given up."""
GONE: Final = 410
CANCEL_AGAIN_SECONDS: Final = 0.2


class Subscriptions:
    """Serves the subscriptions whose lease this process has. One object per process."""

    def __init__(self, settings: Settings | None = None, owner: str = "") -> None:
        self._settings, self._owner = settings, owner
        self._http: httpx.AsyncClient | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def look(self, store: AsyncStore) -> None:
        """Start to serve subscriptions that are due."""
        key = self._settings.secret_key() if self._settings else None
        active = [one for one in await store.run(list_subscriptions()) if not one.disabled]
        free = [one.id for one in active if one.id not in self._tasks] if key else []
        if not free or key is None:
            return
        self._http = self._http or open_http()
        taken = await store.run_all([take_subscription(id, self._owner, LEASE_MS) for id in free])
        for one in taken:
            if one is not None:
                task = asyncio.create_task(self._serve(store, key, one))
                self._tasks[one.subscription.id] = task

    async def close(self) -> None:
        """Stop; what was under way is sent again by another worker."""
        while pending := list(self._tasks.values()):  # a library may swallow the cancellation
            for task in pending:
                task.cancel()
            await asyncio.wait(pending, timeout=CANCEL_AGAIN_SECONDS)
        if self._http is not None:
            await self._http.aclose()

    async def _serve(self, store: AsyncStore, key: bytes, taken: Taken) -> None:
        id = taken.subscription.id
        try:
            assert self._http is not None
            assert self._settings is not None
            trusted = self._settings.subscriptions.trusted
            await _Service(store, self._http, self._owner, key, trusted, taken).run()
        except StoreError as error:
            log.warning("subscription_waits_for_store", subscription=id, error=str(error))
        except Exception:
            log.exception("subscription_failed", subscription=id)
        finally:
            del self._tasks[id]


@dataclass(slots=True)
class _Service:
    """Serves one subscription until it is at the end of the stream, or the endpoint fails."""

    store: AsyncStore
    http: httpx.AsyncClient
    owner: str
    key: bytes
    trusted: Sequence[str]
    taken: Taken

    async def run(self) -> None:
        one, position = self.taken.subscription, self.taken.position
        now = self.taken.now_ms
        await self.store.run_all(renewal(one.sub_account, now))
        signers = secrets_of(self.key, one, now // 1000)
        if not signers:
            why = "the secret of the settings has changed: rotate the subscription's secret"
            await self.store.run(note_delivery(one.id, self.owner, due_ms=60_000, answer=why))
            return
        goes_on = True
        while goes_on:
            plan = outcomes_after(
                one.sub_account, position, READ_AT_ONCE, with_numbers=one.with_numbers
            )
            found = await carry_out_async(self.store, plan)
            if found.gap:
                position, goes_on = await self._skip_gap(position)
                continue
            items = found.items
            if not items:
                await self._note(due_ms=IDLE_MS)
                return
            while items and goes_on:
                events, size = batch_of(one, items)
                behind = items[size - 1][0]
                if events:
                    goes_on = await self._send(signers, events, position, behind)
                else:
                    goes_on = await self._note(lease_ms=LEASE_MS, position=behind)
                position, items = behind, items[size:]

    async def _send(
        self, signers: list[bytes], events: list[bytes], after: Position, behind: Position
    ) -> bool:
        """Send one batch; False when this is all for now."""
        one, now = self.taken.subscription, datetime.now(UTC)
        body, headers = message_of(one, signers, events, f"{after}~{behind}", now)
        answer = await post(self.http, one.url, headers, body, self.trusted)
        fields = {"subscription": one.id, "events": len(events), "answer": answer.words}
        if answer.ok:
            self.taken = Taken(one, self.taken.now_ms, behind, 0, 0, int(now.timestamp() * 1000))
            return await self._note(
                lease_ms=LEASE_MS, position=behind, result="ok", events=len(events),
                answer=answer.words,
            )  # fmt: skip
        log.warning("subscription_not_taken", **fields, failures=self.taken.failures + 1)
        now_ms = int(now.timestamp() * 1000)
        if answer.status == GONE or now_ms - self.taken.well_at > DISABLED_SECONDS * 1000:
            why = "the endpoint is gone (410)" if answer.status == GONE else "it failed for 5 days"
            await self._note(result="failed", answer=answer.words)
            await self.store.run(disable(one, why))
            log.error("subscription_disabled", subscription=one.id, reason=why)
            return False
        if is_given_up(self.taken, answer, now_ms):
            letter = {
                "after": str(after), "to": str(behind), "events": len(events),
                "at": now_ms // 1000, "why": answer.words,
            }  # fmt: skip
            log.error("subscription_batch_given_up", **fields)
            self.taken = Taken(one, self.taken.now_ms, behind, 0, 0, self.taken.well_at)
            return await self._note(
                lease_ms=LEASE_MS, position=behind, result="dead", answer=answer.words, dead=letter
            )
        due = pause_after(self.taken.failures + 1, answer)
        await self._note(result="failed", due_ms=int(due * 1000), answer=answer.words)
        return False

    async def _skip_gap(self, position: Position) -> tuple[Position, bool]:
        """Go on with the oldest changes that are kept; what is missing is a dead letter."""
        one = self.taken.subscription
        begin = await self.store.run(begin_of_stream(one.sub_account))
        letter = {"after": str(position), "to": str(begin), "why": "no longer kept"}
        log.error("subscription_gap", subscription=one.id)
        return begin, await self._note(lease_ms=LEASE_MS, position=begin, dead=letter)

    async def _note(self, **what: object) -> bool:
        call = note_delivery(self.taken.subscription.id, self.owner, **what)  # type: ignore[arg-type]
        return await self.store.run(call)


def batch_of(
    one: Subscription, items: Sequence[tuple[Position, OutcomeEvent]]
) -> tuple[list[bytes], int]:
    """The next events of a batch, and the number of items that they cover, at least 1."""
    events: list[bytes] = []
    size = n = 0
    for _, item in items:
        if one.wants(item.type):
            event = json.dumps(asdict(item), ensure_ascii=False).encode()
            if events and (len(events) == MOST_EVENTS or size + len(event) > MOST_BYTES):
                break
            events.append(event)
            size += len(event) + 1
        n += 1
    return events, n


def message_of(
    one: Subscription, signers: list[bytes], events: Sequence[bytes], place: str, now: datetime
) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a request; the same events at the same place have the same id."""
    digest = hashlib.blake2b(f"{one.id} {place}".encode(), digest_size=16).digest()
    id = f"msg_{base64.b32encode(digest).decode().rstrip('=').lower()}"
    at, timestamp = now.strftime("%Y-%m-%dT%H:%M:%SZ"), int(now.timestamp())
    if one.format is Format.SLACK:
        text = "\n".join(sentence_of(json.loads(event)) for event in events)
        return json.dumps({"text": text}, ensure_ascii=False).encode(), {}
    body = b'{"type":"batch","timestamp":"%b","data":[%b]}' % (at.encode(), b",".join(events))
    return body, {
        "webhook-id": id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(signers, id, timestamp, body),
    }


def sentence_of(event: dict[str, Any]) -> str:
    """An event of a campaign for people, with the three characters escaped that Slack reads as marks."""
    if event["type"] == "test":
        return "A test of sendmany: events of campaigns will come here."
    what, reason = event["type"].partition(".")[2], event["reason"]
    text = (
        f"Campaign {event['campaign'] or event['id']} is {what}{f': {reason}' if reason else ''}."
    )
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def pause_after(failures: int, answer: Answer) -> float:
    """Seconds until the next try."""
    usual = RETRY_SECONDS[min(failures, len(RETRY_SECONDS)) - 1]
    return max(usual, min(answer.retry_after, MOST_RETRY_AFTER))


def is_given_up(taken: Taken, answer: Answer, now_ms: int) -> bool:
    """True when a batch has failed for too long, or is refused as such."""
    if answer.status in REFUSES_THE_BATCH and taken.failures + 1 >= REFUSALS:
        return True
    since = taken.failing_since
    return bool(since) and now_ms - since > GIVEN_UP_SECONDS * 1000


async def send_test(settings: Settings, one: Subscription) -> Answer:
    """Send an event of type `test` to the endpoint of a subscription, once."""
    now = datetime.now(UTC)
    key = settings.secret_key() or b""
    signers = secrets_of(key, one, int(now.timestamp()))
    event = json.dumps({"type": "test", "id": one.id, "sub_account": one.sub_account}).encode()
    body, headers = message_of(one, signers, [event], f"test {now.timestamp()}", now)
    async with open_http() as http:
        return await post(http, one.url, headers, body, settings.subscriptions.trusted)
