"""Log lines of the worker: they name the batch, and never a person or a key."""

import logging
import re
from collections.abc import Iterator

import pytest
from pydantic import SecretStr
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs
from structlog.typing import EventDict

from chatapps.responses import NoAnswer, NotSent, Refused
from config.sections import SubAccount
from store.errors import StoreUnavailable
from store.receipts.inbox import add_to_inbox
from store.states import State
from tests.integration.worker.rig import Rig, refuses

KEY = "never-to-be-seen-7f3a"
RECIPIENT = re.compile(r"4477009\d{5}|GB\.1349\d+")
ABOUT_A_BATCH = {
    "request_refused", "request_unanswered", "request_not_sent", "request_not_posted",
    "jobs_not_rendered", "settlement_waits_for_store", "lease_lost", "lane_stopped",
    "in_doubt_batch_resolved", "delivery_failed",
}  # fmt: skip


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[EventDict]]:
    """All that is logged, of every level, with what is bound to the task."""
    with capture_logs(processors=[merge_contextvars]) as entries:
        yield entries


async def go_wrong_in_every_way(rig: Rig) -> str:
    """A campaign that meets all faults that can be had; returns its lane."""
    rig.configure(
        batch={"max_messages": 20},
        retry={"quick_base": 0.001, "quick_cap": 0.001, "max_attempts": 3, "base_delay": 0.001},
        sub_accounts={
            "shop": SubAccount(api_key=SecretStr(KEY), messages_per_second=0, requests_per_second=0)
        },
    )
    people = [b"%d\tGuest" % (447700900000 + i) for i in range(200)]
    people[150] = b"447700900150"  # its value is missing
    people[151] = b"GB.13491208655302741918\tGuest"
    lane = rig.campaign(200, lines=people, on_unconfirmed="resend")
    rig.provider.steps = [
        Refused(503), Refused(503), Refused(503),
        refuses({21: 1002, 22: 9999}),
        NoAnswer("the connection broke"),
        Refused(429, retry_after=0.01),
        NotSent("connection refused"),
        Refused(400, 1002),
    ]  # fmt: skip
    rig.watched.failures["settle_batch"] = [StoreUnavailable("away")]
    for _ in range(30):
        await rig.drain_until(lambda: not rig.counts(lane).get(State.QUEUED))
        rig.due(lane)
        await rig.sweep()
        if not rig.report(lane).open:
            return lane
    raise AssertionError(rig.counts(lane))


async def test_every_line_about_a_batch_says_which_one_and_which_attempt(
    rig: Rig, logs: list[EventDict]
) -> None:
    lane = await go_wrong_in_every_way(rig)
    about = [line for line in logs if line["event"] in ABOUT_A_BATCH]
    assert {"request_refused", "request_unanswered", "request_not_sent", "jobs_not_rendered",
            "settlement_waits_for_store", "in_doubt_batch_resolved",
            } <= {line["event"] for line in about}  # fmt: skip
    for line in about:
        assert line["lane"] == lane, line
        assert re.fullmatch(r"[0-9a-f]{12}p?", line["batch"]), line
        assert line["attempt"] >= 1, line


async def test_a_fault_of_ours_says_which_batch_it_struck(rig: Rig, logs: list[EventDict]) -> None:
    lane = rig.campaign(5)

    def fault(_: object) -> Refused:
        raise RuntimeError("a fault of ours")

    rig.provider.steps = [fault]
    event = "delivery_failed"
    await rig.drain_until(lambda: any(line["event"] == event for line in logs))
    (line,) = [line for line in logs if line["event"] == event]
    assert (line["lane"], line["attempt"], line["log_level"]) == (lane, 1, "error")


async def test_neither_a_recipient_nor_a_key_is_ever_logged(
    rig: Rig, logs: list[EventDict], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        await go_wrong_in_every_way(rig)
        rig.store.run(add_to_inbox(b'{"payload":{"user":{"msisdn":"+447700900007"}}}'))
        rig.store.run(add_to_inbox(b"447700900008 is no JSON"))
        await rig.sweep()
    assert len(logs) > 10
    said = "\n".join([*map(str, logs), caplog.text])
    assert not RECIPIENT.search(said)
    assert KEY not in said
