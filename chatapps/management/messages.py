"""The status of messages at the provider: details of one, and exports of the log (provider docs,
reporting API).

Both mask numbers and content. That a message is missing in them proves nothing: the log may be late, and
an unanswered request may still be under way.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import IO, Any, Final
from urllib.parse import urlsplit

from chatapps.client import ChatAppsClient, Endpoint
from chatapps.management.accounts import segment
from chatapps.management.errors import ProviderUnavailable, body_of, unreadable
from chatapps.management.rate_limit import Pacer

MOST_LOG_BYTES: Final = 1024 * 1024 * 1024
"""Most bytes of one file of an export, as downloaded."""
DOWNLOAD_SECONDS: Final = 900.0
_PORTS: Final = {"http": 80, "https": 443}


class ExportState(StrEnum):
    """State of an export."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    EMPTY = "empty"
    FAILED = "failed"
    CANCELLED = "cancelled"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class ChannelStep:
    """The status of a message on one channel; a message with fallback has one per channel."""

    step: int  # 1 is the first channel
    channel: str
    state: str  # lower case
    detail: str = ""
    error_code: int | None = None
    at: str = ""  # ISO 8601: when the state was observed
    client_message_id: str = ""
    members: Mapping[str, Any] = field(default_factory=dict, repr=False)  # masked by the provider


class MessageCalls:
    """Messages of one sub-account. Every call raises a `ProviderError` when it fails.

    Args:
        pacer: share one among all callers of `details`: the provider allows one a second.
    """

    def __init__(
        self, client: ChatAppsClient, endpoint: Endpoint, pacer: Pacer | None = None
    ) -> None:
        self._client = client
        self._endpoint = endpoint
        self._pacer = pacer or Pacer()
        self._exports_url = f"{endpoint.messages_url}/exports"

    async def details(self, umid: str) -> tuple[ChannelStep, ...]:
        """The status of a message on each channel. Waits for its turn: one look-up a second."""
        await self._pacer.turn(self._endpoint.sub_account_id)
        body = await self._call("GET", f"{self._endpoint.messages_url}/{segment(umid)}")
        steps = _object(body).get("data")
        if not isinstance(steps, list):
            raise unreadable("no list of steps")
        return tuple(_step(entry) for entry in steps if isinstance(entry, dict))

    async def start_export(self, since: float, until: float) -> str:
        """Start an export of the messages sent in a time, epoch seconds; returns the job's id."""
        asked = {"from": _utc(since), "to": _utc(until), "limit": 0}
        body = await self._call("POST", self._exports_url, json.dumps(asked).encode())
        job_id = _text(_object(body), "jobId")
        if not job_id:
            raise unreadable("no jobId")
        return job_id

    async def export_state(self, job_id: str) -> tuple[ExportState, Sequence[str]]:
        """The state of an export, and the links to its files once it has succeeded."""
        answer = _object(await self._call("GET", self._export_url(job_id)))
        try:
            state = ExportState(_text(answer, "status").lower())
        except ValueError as error:
            raise unreadable("an unknown state of the export") from error
        links = answer.get("data")
        found = [one for one in links if isinstance(one, str)] if isinstance(links, list) else []
        if state is ExportState.SUCCEEDED and not found:
            raise unreadable("no link to the file of the export")
        return state, found

    async def cancel_export(self, job_id: str) -> None:
        """Cancel an export, or delete its result."""
        await self._call("DELETE", self._export_url(job_id))

    async def download(self, link: str, into: IO[bytes]) -> None:
        """Write the file of an export to `into`. A link to another host than the API's is refused: it
        would be given the key, and could lead into our own network."""
        if _origin(link) != _origin(self._endpoint.base_url):
            raise ProviderUnavailable(
                f"The provider's log lies at {_host(link)} and not at the host of its API: it is not "
                "fetched"
            )
        answer = await self._client.download(
            self._endpoint, link, into, max_bytes=MOST_LOG_BYTES, seconds=DOWNLOAD_SECONDS
        )
        body_of(answer)

    def _export_url(self, job_id: str) -> str:
        return f"{self._exports_url}/{segment(job_id)}"

    async def _call(self, method: str, url: str, body: bytes | None = None) -> bytes:
        return body_of(await self._client.fetch(self._endpoint, method, url, body))


def _origin(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port; nothing that equals another one for a URL that cannot be parsed."""
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return url, None, None


def _host(url: str) -> str:
    return _origin(url)[1] or "an address that cannot be read"


def _utc(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _step(entry: dict[str, Any]) -> ChannelStep:
    status, step = entry.get("status"), entry.get("step")
    told = status if isinstance(status, dict) else {}
    code = told.get("errorCode")
    return ChannelStep(
        step=step if isinstance(step, int) else 1,
        channel=_text(entry, "channel"),
        state=_text(told, "state").lower(),
        detail=_text(told, "detail"),
        error_code=code if isinstance(code, int) else None,
        at=_text(told, "timestamp"),
        client_message_id=_text(entry, "clientMessageId"),
        members=entry,
    )


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
