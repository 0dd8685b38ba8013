"""Single messages: send one, cancel scheduled ones, look up the status of one (provider docs, messages
API).

The worker does not use this: it sends batches and gets outcomes from receipts.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chatapps.client import ChatAppsClient, Endpoint
from chatapps.management.accounts import segment
from chatapps.management.errors import body_of, unreadable
from chatapps.management.rate_limit import Pacer
from chatapps.messages.message import Message


@dataclass(frozen=True, slots=True)
class SentMessage:
    """The provider's answer to one message. Only `state` says whether it was accepted; a refused message
    has a umid, too."""

    umid: str
    state: str  # lower case: `queued`, `rejected`, …
    error_code: int | None = None
    client_message_id: str = ""


@dataclass(frozen=True, slots=True)
class ChannelStep:
    """The status of a message on one channel; a message with fallback has one per channel."""

    step: int  # 1 is the first channel
    channel: str
    state: str  # lower case
    detail: str = ""
    error_code: int | None = None
    at: str = ""  # ISO 8601: when the state was observed
    content_type: str = ""
    created_at: str = ""
    members: Mapping[str, Any] = field(default_factory=dict, repr=False)  # masked by the provider


class MessageCalls:
    """Single messages of one sub-account. Every call raises a `ProviderError` when it fails.

    Args:
        pacer: share one among all callers of `details`: the provider allows one a second.
    """

    def __init__(
        self, client: ChatAppsClient, endpoint: Endpoint, pacer: Pacer | None = None
    ) -> None:
        self._client = client
        self._endpoint = endpoint
        self._pacer = pacer or Pacer()

    async def send(self, message: Message) -> SentMessage:
        """Send one message.

        Raises:
            ProviderUnavailable: unless it says `not_processed`, the message may be on its way.
        """
        body = await self._call("POST", self._endpoint.messages_url, message.emit_json())
        answer = _object(body)
        state, code = _status(answer)
        return SentMessage(
            _text(answer, "umid"), state or "unknown", code, _text(answer, "clientMessageId")
        )

    async def cancel(self, umid: str) -> int:
        """Cancel a scheduled message; returns how many were cancelled. `NotFound` if there is none."""
        return await self._cancel(f"{self._endpoint.messages_url}/{segment(umid)}")

    async def cancel_batch(self, batch_id: str) -> int:
        """Cancel the messages of a scheduled batch that are not sent yet; returns how many were
        cancelled."""
        return await self._cancel(f"{self._endpoint.messages_url}/batch/{segment(batch_id)}")

    async def details(self, umid: str) -> tuple[ChannelStep, ...]:
        """The status of a message on each channel. Waits for its turn: one look-up a second."""
        await self._pacer.turn(self._endpoint.sub_account_id)
        body = await self._call("GET", f"{self._endpoint.messages_url}/{segment(umid)}")
        steps = _object(body).get("data")
        if not isinstance(steps, list):
            raise unreadable("no list of steps")
        return tuple(_step(entry) for entry in steps if isinstance(entry, dict))

    async def _cancel(self, url: str) -> int:
        count = _object(await self._call("DELETE", url)).get("cancelledCount")
        if not isinstance(count, int):
            raise unreadable("no cancelledCount")
        return count

    async def _call(self, method: str, url: str, body: bytes | None = None) -> bytes:
        return body_of(await self._client.fetch(self._endpoint, method, url, body))


def _step(entry: dict[str, Any]) -> ChannelStep:
    state, code = _status(entry)
    status = entry.get("status")
    told = status if isinstance(status, dict) else {}
    step = entry.get("step")
    return ChannelStep(
        step=step if isinstance(step, int) else 1,
        channel=_text(entry, "channel"),
        state=state,
        detail=_text(told, "detail"),
        error_code=code,
        at=_text(told, "timestamp"),
        content_type=_text(entry, "contentType"),
        created_at=_text(entry, "createdAt"),
        members=entry,
    )


def _status(entry: dict[str, Any]) -> tuple[str, int | None]:
    status = entry.get("status")
    if not isinstance(status, dict):
        return "", None
    code = status.get("errorCode")
    return _text(status, "state").lower(), code if isinstance(code, int) else None


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body, strict=False)
    except (ValueError, RecursionError) as error:
        raise unreadable("not JSON") from error
    if not isinstance(value, dict):
        raise unreadable("not a JSON object")
    return value


def _text(entry: Mapping[str, Any], name: str) -> str:
    value = entry.get(name)
    return value if isinstance(value, str) else ""
