"""Exports of the provider's log: from the sandbox, and files of a provider that misbehaves."""

import errno
import gzip
import io
import json
import zipfile
from collections.abc import Callable, Mapping

import httpx
import pytest
from pydantic import SecretStr

from chatapps.client import ChatAppsClient, Endpoint
from chatapps.management import (
    ExportState,
    LogRow,
    MessageCalls,
    NotFound,
    Pacer,
    ProviderUnavailable,
    log_file,
    messages,
    read_log,
)
from chatapps.sandbox import SandboxConfig, create_app
from chatapps.sandbox.provider import Provider
from chatapps.sandbox.webhooks.receipts import Taken, messages_of
from config.sections import LogColumn

START = 1_800_000_000.0
BY_ID = {LogColumn.CLIENT_MESSAGE_ID: "Client Message Id"}
HEADER = b"umid,Client Message Id,MSISDN,Status,Status-Detail,Error code,Timestamp,Channel\n"
LINE = (
    b"u1,spring.1.1,+4477009xxxx,Delivered,delivered_to_recipient,,2027-01-15T08:00:01Z,WhatsApp\n"
)
ROW = LogRow(
    "spring.1.1", "u1", "Delivered", "delivered_to_recipient", "", "2027-01-15T08:00:01Z",
    "WhatsApp", "+4477009xxxx",
)  # fmt: skip


class Time:
    def __init__(self) -> None:
        self.now = START

    def read(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def calls(time: Time) -> MessageCalls:
    """The sandbox, which logs what it takes without posting it."""
    app = create_app(
        SandboxConfig(receipts="plain"), clock=time.read, monotonic=time.read, sleep=time.sleep
    )
    provider: Provider = app.state.provider

    def log(taken: Taken) -> None:
        assert provider.log is not None
        for sent in messages_of(taken):
            assert sent is not None
            provider.log.add(sent, None)

    provider.on_taken = log
    client = ChatAppsClient(httpx.AsyncClient(transport=httpx.ASGITransport(app)))
    return MessageCalls(client, endpoint(), Pacer(clock=time.read, sleep=time.sleep))


def endpoint() -> Endpoint:
    return Endpoint("http://sandbox.test/", "sandbox", SecretStr("sandbox-key"))


async def send(calls: MessageCalls, n: int) -> None:
    people = [
        {"user": {"msisdn": f"+44770090{i:04d}"}, "clientMessageId": f"spring.{i}.1"}
        for i in range(n)
    ]
    shared = {"type": "text", "content": {"text": "Ahoy"}}
    body = json.dumps({"messages": people, "template": shared}).encode()
    await calls._client.send_many(endpoint(), body)


async def rows_of(calls: MessageCalls, job: str) -> list[LogRow]:
    _, links = await calls.export_state(job)
    file = io.BytesIO()
    await calls.download(links[0], file)
    file.seek(0)
    return list(read_log(file, {LogColumn.CLIENT_MESSAGE_ID: "clientMessageId"}))


async def test_the_log_of_a_time_is_exported_with_masked_numbers(
    calls: MessageCalls, time: Time
) -> None:
    await send(calls, 50)
    time.now += 60
    job = await calls.start_export(START - 1, time.now)
    assert (await calls.export_state(job))[0] is ExportState.QUEUED
    time.now += 0.25
    assert (await calls.export_state(job))[0] is ExportState.RUNNING
    time.now += 1
    rows = await rows_of(calls, job)
    assert [row.client_message_id for row in rows] == [f"spring.{i}.1" for i in range(50)]
    assert {row.number for row in rows} == {"+44770090xxxx"}
    assert {row.status for row in rows} == {"delivered", "read", "undelivered"}
    assert all(row.umid and row.at for row in rows)


async def test_the_details_of_a_logged_message_tell_its_status_by_now(
    calls: MessageCalls, time: Time
) -> None:
    await send(calls, 1)
    job = await calls.start_export(START - 1, START + 1)
    time.now += 0.4
    (row,) = await rows_of(calls, job)
    (early,) = await calls.details(row.umid)
    time.now += 60
    (late,) = await calls.details(row.umid)
    assert (early.state, late.state) == (row.status, "read")
    assert early.state in ("queued", "sent", "delivered")
    assert late.client_message_id == "spring.0.1"
    assert late.members["user"] == {"msisdn": "+44770090xxxx"}


async def test_an_export_without_messages_is_empty_and_a_cancelled_one_is_gone(
    calls: MessageCalls, time: Time
) -> None:
    await send(calls, 1)
    job = await calls.start_export(START + 10, START + 20)
    time.now += 1
    assert await calls.export_state(job) == (ExportState.EMPTY, [])
    await calls.cancel_export(job)
    with pytest.raises(NotFound):
        await calls.export_state(job)


def answering(answer: Callable[[httpx.Request], httpx.Response]) -> MessageCalls:
    return MessageCalls(
        ChatAppsClient(httpx.AsyncClient(transport=httpx.MockTransport(answer))), endpoint()
    )


@pytest.mark.parametrize(
    "link",
    [
        "http://evil.test/file", "https://sandbox.test/file", "http://sandbox.test:8080/file",
        "http://sandbox.test@evil.test/", "/file", "http://[x/", "file:///etc/passwd",
    ],
)  # fmt: skip
async def test_a_file_at_another_host_is_not_asked_for(link: str) -> None:
    calls = answering(lambda request: pytest.fail(f"asked for {request.url}"))
    with pytest.raises(ProviderUnavailable, match="not at the host"):
        await calls.download(link, io.BytesIO())


async def test_a_redirect_of_the_file_is_not_followed() -> None:
    there = {"Location": "http://evil.test/"}
    calls = answering(lambda _: httpx.Response(302, headers=there))
    with pytest.raises(ProviderUnavailable, match="redirect"):
        await calls.download("http://sandbox.test/file", io.BytesIO())


async def test_a_file_that_is_too_large_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "MOST_LOG_BYTES", 1000)
    calls, file = answering(lambda _: httpx.Response(200, content=b"x" * 1001)), io.BytesIO()
    with pytest.raises(ProviderUnavailable, match="more than 1000 bytes"):
        await calls.download("http://sandbox.test/file", file)
    assert len(file.getvalue()) <= 1000


async def test_a_file_that_cannot_be_written_is_no_fault_of_the_provider() -> None:
    class Full(io.BytesIO):
        def write(self, _: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    calls = answering(lambda _: httpx.Response(200, content=b"x"))
    with pytest.raises(OSError, match="No space left"):
        await calls.download("http://sandbox.test/file", Full())


def zipped(content: bytes, name: str = "log.csv") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        info = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))  # the same bytes in each process
        archive.writestr(info, content, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def read(content: bytes, columns: Mapping[LogColumn, str] = BY_ID) -> list[LogRow]:
    return list(read_log(io.BytesIO(content), columns))


@pytest.mark.parametrize(
    "pack", [bytes, gzip.compress, zipped, lambda text: b"\xef\xbb\xbf" + text]
)
def test_a_log_is_read_plain_gzipped_and_zipped(pack: Callable[[bytes], bytes]) -> None:
    assert read(pack(HEADER + LINE)) == [ROW]


def test_a_short_row_and_a_cell_with_a_line_break_are_read() -> None:
    rows = read(HEADER + b'u2,spring.2.1\n"u\n3",spring.3.1,,Sent,,,,\n')
    assert [(row.umid, row.client_message_id, row.status) for row in rows] == [
        ("u2", "spring.2.1", ""),
        ("u\n3", "spring.3.1", "Sent"),
    ]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({}, 'no column "client_message_id"'),
        ({LogColumn.CLIENT_MESSAGE_ID: "Reference"}, 'no column "Reference"'),
        ({**BY_ID, LogColumn.STATUS: "Result"}, "backfill.columns.status. It has: umid, Client"),
    ],
)
def test_a_missing_column_is_named_with_those_there_are(
    columns: Mapping[LogColumn, str], said: str
) -> None:
    with pytest.raises(ProviderUnavailable, match=said.replace(".", r"\.")):
        read(HEADER + LINE, columns)


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(HEADER + LINE * 9000, mtime=0)[:-9], b"PK\x03\x04 no archive", b"\x1f\x8b\x08junk",
        zipped(HEADER)[:40], HEADER + b'"' + b"x" * 200_000 + b'"\n', zipped(HEADER, "log.txt"), b"",
    ],
)  # fmt: skip
def test_a_broken_file_is_no_log(content: bytes) -> None:
    with pytest.raises(ProviderUnavailable):
        read(content)


def test_a_small_file_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_file, "MOST_TEXT", 100_000)
    with pytest.raises(ProviderUnavailable, match="shorter time"):
        read(gzip.compress(HEADER + LINE * 10_000))
    with pytest.raises(ProviderUnavailable):
        read(gzip.compress(HEADER + b"x" * 10_000_000))
