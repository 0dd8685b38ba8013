"""The sandbox as a process of its own."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from chatapps.client import ChatAppsClient, Endpoint, ProbeVerdict, open_client
from chatapps.responses import Answered, NoAnswer, Refused, Result
from chatapps.sandbox.faults import PROFILES, Fault, FaultSource

ROOT = Path(__file__).parents[3]


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "chatapps.sandbox", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def sandbox(*arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running sandbox and its address. Killed at the end if it still lives."""
    with start("--port", "0", *arguments, **environment) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())["listening"]
        finally:
            process.kill()


def batch(*indexes: int) -> bytes:
    return json.dumps(
        {
            "includeMessagesInResponse": True,
            "template": {"type": "text", "content": {"text": "Hello"}},
            "messages": [
                {
                    "user": {"msisdn": f"+4477009{index:05d}"},
                    "clientMessageId": f"spring.{index}.1",
                }
                for index in indexes
            ],
        }
    ).encode()


async def send(url: str, body: bytes, key: str = "sandbox-key", name: str = "sandbox") -> Result:
    async with open_client() as http:
        return await ChatAppsClient(http).send_many(Endpoint(url, name, SecretStr(key)), body)


async def get(url: str) -> str:
    async with httpx.AsyncClient(trust_env=False) as http:
        return (await http.get(url)).text


async def ledger(url: str) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads(await get(f"{url}/sandbox/ledger"))
    return summary


async def stop(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Ask it to end; returns its exit code and what it said on stderr."""
    process.terminate()
    _, err = await asyncio.to_thread(process.communicate, timeout=5)
    return process.returncode, err


async def test_messages_sent_are_in_the_ledger() -> None:
    with sandbox() as (_, url):
        result = await send(url, batch(*range(1000)))
        assert isinstance(result, Answered)
        assert result.answer.accepted_count == 1000
        assert (await ledger(url))["taken"] == 1000
        lines = await get(f"{url}/sandbox/ledger/messages?lane=spring")
        assert lines.splitlines()[7] == '["spring.7",1]'


async def test_the_key_and_the_sub_accounts_can_be_chosen() -> None:
    arguments = ("--sub-account", "one", "--sub-account", "two")
    with sandbox(*arguments, SANDBOX_API_KEY="other") as (_, url):
        assert isinstance(await send(url, batch(1), "other", "two"), Answered)
        refused = await send(url, batch(1))
        assert isinstance(refused, Refused)
        assert (refused.status, refused.code) == (401, 1200)
        async with open_client() as http:
            probe = await ChatAppsClient(http).probe(Endpoint(url, "one", SecretStr("other")))
        assert probe.verdict is ProbeVerdict.READY


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.timing
def test_a_signal_ends_it_at_once_and_cleanly(number: signal.Signals) -> None:
    with sandbox() as (process, url), httpx.Client(trust_env=False) as idle:
        idle.get(f"{url}/sandbox/ledger")
        began = time.monotonic()
        process.send_signal(number)
        assert process.wait(5) == 0
        assert time.monotonic() - began < 1.0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_a_signal_right_after_the_start_is_heard() -> None:
    with sandbox() as (process, _):
        process.terminate()
        assert process.wait(5) == 0


@pytest.mark.timing
async def test_an_answer_under_way_does_not_delay_the_end() -> None:
    with sandbox("--latency-ms", "60000") as (process, url):
        posting = asyncio.ensure_future(send(url, batch(1)))
        while not (await ledger(url))["taken"]:  # taken on arrival, answered a minute later
            pass
        began = time.monotonic()
        assert await stop(process) == (0, "")
        assert time.monotonic() - began < 1.0
        assert not isinstance(await posting, Answered)


def test_a_port_that_is_taken_is_said_in_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with start("--port", str(port)) as process:
            out, err = process.communicate(timeout=10)
    assert process.returncode == 1
    assert out == ""
    assert err == (
        f"The sandbox cannot listen on 127.0.0.1 port {port} (Address already in use): "
        "choose another port.\n"
    )


async def test_an_answer_cut_off_leaves_the_message_taken_and_says_nothing_on_stderr() -> None:
    profile = PROFILES["ambiguous"]
    seed = next(s for s in range(9999) if FaultSource(profile, s).request(1).fault is Fault.CUT_OFF)
    with sandbox("--faults", "ambiguous", "--seed", str(seed)) as (process, url):
        result = await send(url, batch(*range(50)))
        assert result == NoAnswer("HTTP 200, then RemoteProtocolError")
        summary = await ledger(url)
        assert summary["requests_by_status"] == {"cut": 1}
        assert summary["taken"] >= 45
        assert await stop(process) == (0, "")
