"""A server of sendmany for tests of services: in the process, without a network.

    def test_a_code_is_sent(sendmany: FakeServer) -> None:
        with sendmany.client() as client:
            sent = client.send(Message(message=…))
        assert sendmany.messages[sent.id]["priority"] == "urgent"

The fixture `sendmany` is there wherever the package is installed.
"""

import base64
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import unquote
from uuid import uuid4

import httpx
import pytest

from sendmany_client.client import AsyncClient, Client
from sendmany_client.webhooks import sign

URL: Final = "http://sendmany.test"
SECRET: Final = f"whsec_{base64.b64encode(b'secret of the fake server'.ljust(32)).decode()}"
"""Secret of the subscription in `webhook`."""


class FakeServer:
    """Takes what a client sends, and tells the outcomes that a test gives.

    Attributes:
        messages: by id, as they were sent.
        campaigns: by name: the form, with the recipient file as `recipients`.
        transport: for a client of one's own.
        paused: seconds of the pauses that clients made before they tried again.
    """

    def __init__(self) -> None:
        self.messages: dict[str, dict[str, Any]] = {}
        self.campaigns: dict[str, dict[str, Any]] = {}
        self.paused: list[float] = []
        self.transport = httpx.MockTransport(self._answer)
        self._states: dict[str, str] = {}
        self._by_key: dict[str, str] = {}
        self._outcomes: list[dict[str, Any]] = []
        self._faults: list[Callable[[httpx.Request], httpx.Response]] = []

    def client(self, **options: Any) -> Client:
        """A client of this server, which does not wait."""
        ours: dict[str, Any] = {"transport": self.transport, "sleep": self.paused.append}
        return Client(URL, "token", **ours | options)

    def async_client(self, **options: Any) -> AsyncClient:
        """The same on an event loop."""

        async def sleep(seconds: float) -> None:
            self.paused.append(seconds)

        return AsyncClient(URL, "token", **{"transport": self.transport, "sleep": sleep, **options})

    def fail(
        self, status: int = 503, *, times: int = 1, retry_after: int | None = None, detail: str = ""
    ) -> None:
        """Answer the next requests with an error; nothing of them is stored."""
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        self._faults += [lambda _: _problem(status, detail or "It fails.", headers)] * times

    def lose_answers(self, times: int = 1) -> None:
        """Carry out the next requests, and lose the answers."""

        def lose(request: httpx.Request) -> httpx.Response:
            self._carry_out(request)
            raise httpx.ReadTimeout("lost", request=request)

        self._faults += [lose] * times

    def settle(self, message_id: str, state: str = "delivered", code: int | None = None) -> None:
        """Move a message to a state, which outcomes and its status tell."""
        self._states[message_id] = state
        self._outcomes.append(
            {
                "type": f"message.{state}",
                "id": message_id,
                "seq": f"{len(self._outcomes):020d}",
                "at": datetime.now(UTC).isoformat(),
                "state": state,
                "code": code,
            }
        )

    def webhook(self, *events: dict[str, Any]) -> tuple[dict[str, str], bytes]:
        """Headers and body that a subscription would send: these events, or all outcomes."""
        data = list(events) or self._outcomes
        at = int(time.time())
        moment = datetime.fromtimestamp(at, UTC).isoformat()
        body = json.dumps({"type": "batch", "timestamp": moment, "data": data}).encode()
        id = f"msg_{uuid4().hex}"
        signature = sign(SECRET, id, at, body)
        return {
            "webhook-id": id,
            "webhook-timestamp": str(at),
            "webhook-signature": signature,
        }, body

    def _answer(self, request: httpx.Request) -> httpx.Response:
        request.read()
        return self._faults.pop(0)(request) if self._faults else self._carry_out(request)

    def _carry_out(self, request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode().partition("?")[0].removeprefix("/v1/")
        match [request.method, *map(unquote, path.split("/"))]:
            case ["POST", "messages"]:
                return self._send(json.loads(request.content))
            case ["POST", "messages", "batch"]:
                return self._send_batch(json.loads(request.content)["messages"])
            case ["GET", "messages"]:
                return self._messages(request.url.params)
            case ["GET", "messages", id] if id in self.messages:
                return httpx.Response(200, json=self._status(id))
            case ["POST", "statuses"]:
                return httpx.Response(200, json=self._statuses(json.loads(request.content)))
            case ["DELETE", "messages", id] if id in self.messages:
                return self._cancel(id)
            case ["POST", "campaigns"]:
                return self._launch(request)
            case ["GET", "campaigns", name] if name in self.campaigns:
                return httpx.Response(200, json=self._campaign(name))
            case ["GET", "outcomes"]:
                return self._page(request.url.params)
        return _problem(404, "Not Found.")

    def _send(self, given: dict[str, Any]) -> httpx.Response:
        result = self._store(given)
        if result["status"] == "invalid":
            return _problem(422, "The request does not fit.", problems=result["problems"])
        if result["status"] == "conflict":
            return _problem(409, f"The key was used for another message, {result['id']}.")
        return httpx.Response(202, json=result)

    def _send_batch(self, given: list[dict[str, Any]]) -> httpx.Response:
        return httpx.Response(202, json={"results": [self._store(one) for one in given]})

    def _store(self, given: dict[str, Any]) -> dict[str, Any]:
        members = set(given.get("message", ()))
        if not ({"user", "type", "content"} <= members or {"to", "template"} <= members):
            problem = {"path": "message", "message": "Field required"}
            return {"status": "invalid", "problems": [problem]}
        known = self._by_key.get(given.get("key", ""))
        if known is not None:
            is_same = self.messages[known]["message"] == given["message"]
            return {"status": "duplicate" if is_same else "conflict", "id": known}
        id = f"n-fake00-n261202.{len(self.messages)}"
        self.messages[id], self._states[id] = given, "queued"
        if "key" in given:
            self._by_key[given["key"]] = id
        return {"status": "accepted", "id": id}

    def _status(self, id: str) -> dict[str, Any]:
        state, tag = self._states[id], self.messages[id].get("tag")
        return {"id": id, "state": state, "tag": tag, "why": [state]}

    def _statuses(self, asked: dict[str, Any]) -> dict[str, Any]:
        ids, keys = asked.get("ids", []), asked.get("keys", [])
        found = {key: self._by_key[key] for key in keys if key in self._by_key}
        wanted = ids + [found[key] for key in keys if key in found]
        return {
            "items": [self._status(id) for id in wanted if id in self.messages],
            "unknown": [id for id in wanted if id not in self.messages],
            "keys": found,
            "unknown_keys": [key for key in keys if key not in found],
        }

    def _messages(self, asked: httpx.QueryParams) -> httpx.Response:
        """All on one page, whatever the day: all were sent today."""
        states, tag = asked.get_list("state"), asked.get("tag")
        found = [self._status(id) for id in self.messages]
        wanted = [one for one in found if not states or one["state"] in states]
        items = [one for one in wanted if not tag or one["tag"] == tag]
        return httpx.Response(200, json={"items": items, "next": None})

    def _cancel(self, id: str) -> httpx.Response:
        if self._states[id] != "queued":
            return _problem(409, "It cannot be cancelled any more.")
        self.settle(id, "cancelled")
        return httpx.Response(200, json=self._status(id))

    def _launch(self, request: httpx.Request) -> httpx.Response:
        boundary = request.headers["Content-Type"].partition("boundary=")[2]
        parts = request.content.split(f"--{boundary}".encode())[1:3]
        form, recipients = (part.partition(b"\r\n\r\n")[2][:-2] for part in parts)
        given = json.loads(form)
        resumed = given["name"] in self.campaigns
        self.campaigns[given["name"]] = {**given, "recipients": recipients}
        launched = {**self._campaign(given["name"]), "resumed": resumed}
        return httpx.Response(200 if resumed else 201, json=launched)

    def _campaign(self, name: str) -> dict[str, Any]:
        n = max(0, len(self.campaigns[name]["recipients"].strip().splitlines()) - 1)
        ids = {"id": f"{name.lower()}-fake00", "name": name, "status": "sending"}
        return ids | {"recipients": n, "done": 0, "open": n, "counts": {"queued": n}}

    def _page(self, asked: httpx.QueryParams) -> httpx.Response:
        start = int(asked.get("after", "0-0").partition("-")[0])
        items = self._outcomes[start : start + int(asked.get("limit", 100))]
        return httpx.Response(200, json={"items": items, "next": f"{start + len(items)}-0"})


def _problem(
    status: int,
    detail: str,
    headers: dict[str, str] | None = None,
    problems: list[dict[str, str]] | None = None,
) -> httpx.Response:
    body = {"status": status, "detail": detail, "problems": problems or []}
    kind = {"Content-Type": "application/problem+json"}
    return httpx.Response(status, json=body, headers=kind | (headers or {}))


@pytest.fixture
def sendmany() -> FakeServer:
    """A server of sendmany without messages."""
    return FakeServer()
