"""`sendmany up`: state that outlives it, and other commands that find it."""

import csv
import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from store.client import Store
from store.reports.lane_report import LaneReport, report
from store.states import State
from tests.acceptance.command import Ran, family, running, sendmany, survivors, until

RECIPIENTS = 3_000
CAMPAIGN = ("Spring", "--recipients", "people.csv", "--message", "offer.json")
SINGLE = ("message", "send", "--to", "07700 900123", "--region", "GB", "--key", "a", "--text")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A directory with a recipient file and a message."""
    return furnished(tmp_path)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory in which a `sendmany up` runs, at 100 messages a second, for several tests."""
    home = furnished(tmp_path_factory.mktemp("town"))
    slow = {"sub_accounts__sandbox__messages_per_second": "100"}
    with running(home, "up", "--sandbox", **slow) as up:
        until(up, lambda: is_up(home))
        yield home


@pytest.fixture
def store(town: Path) -> Iterator[Store]:
    store = Store.connect(note(town)["settings"]["redis_url"])
    yield store
    store.close()


def furnished(home: Path) -> Path:
    rows = [f"+4477009{index:05d},Ada\n" for index in range(RECIPIENTS)]
    (home / "people.csv").write_text("phone,name\n" + "".join(rows))
    message = {"type": "text", "content": {"text": "Hello {{name}}"}}
    (home / "offer.json").write_text(json.dumps(message))
    return home


def is_up(home: Path) -> bool:
    return "It is up" in (home / "out").read_text()


def note(home: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((home / ".sendmany/up.json").read_text())
    return value


def shown(ran: Ran) -> Any:
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


def test_a_campaign_goes_on_where_it_was_when_everything_was_stopped(home: Path) -> None:
    very_slow = {"sub_accounts__sandbox__messages_per_second": "10"}
    with running(home, "up", "--sandbox", **very_slow) as up:
        until(up, lambda: is_up(home))
        launched = shown(sendmany(home, "campaign", "launch", *CAMPAIGN, "--json"))
        assert (launched["recipients"], launched["status"]) == (RECIPIENTS, "sending")
        children = family(up.pid)
        up.send_signal(signal.SIGINT)
        assert up.wait(30) == 130
        assert survivors(children) == set()
        assert "Stopped: worker, sandbox, web, server." in (home / "err").read_text()

    away = sendmany(home, "campaign", "show", "Spring")
    assert (away.code, away.err.count("\n")) == (1, 1)
    assert "sendmany up" in away.err

    with running(home, "up", "--sandbox") as up:
        until(up, lambda: is_up(home))
        watched = sendmany(home, "campaign", "watch", "Spring")
        assert watched.code == 0, watched.err
        assert "It is finished." in watched.out
        exported = sendmany(home, "campaign", "export", "Spring", "--output", "who.csv")
        assert exported.code == 0, exported.err
    with (home / "who.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len({row["number"] for row in rows}) == len(rows) == RECIPIENTS
    assert {row["state"] for row in rows} == {"accepted"}


@pytest.mark.timing
def test_pause_resume_and_cancel_take_effect_within_a_second(town: Path, store: Store) -> None:
    lane = shown(sendmany(town, "campaign", "launch", *CAMPAIGN, "--json"))["id"]
    assert moved(town, "pause")
    paused = eventually(store, lane, lambda now: not now.counts.get(State.IN_FLIGHT))
    assert paused.counts[State.QUEUED] > 0
    assert moved(town, "resume")
    resumed = eventually(store, lane, lambda now: now.done > paused.done)
    assert resumed.done - paused.done <= 200  # nothing had gone out meanwhile
    assert moved(town, "cancel")
    cancelled = eventually(store, lane, lambda now: now.lane.status.ended)
    assert cancelled.sent + cancelled.counts[State.CANCELLED] == RECIPIENTS
    assert shown(sendmany(town, "campaign", "verify", "Spring", "--json"))["balanced"]
    refused = sendmany(town, "campaign", "resume", "Spring")
    assert (refused.code, refused.err) == (
        1,
        'sendmany: "Spring" is cancelled: it cannot resume.\n',
    )


def moved(home: Path, action: str) -> bool:
    return bool(shown(sendmany(home, "campaign", action, "Spring", "--json"))["changed"])


def eventually(store: Store, lane: str, true: Any, seconds: float = 1) -> LaneReport:
    """The lane as soon as something is true of it, within a second (and some, on a slow machine)."""
    give_up = time.monotonic() + 5 * seconds
    while not true(now := report(store, lane)):
        assert time.monotonic() < give_up, now
    return now


def test_a_single_message_goes_out_and_can_be_asked_about(town: Path) -> None:
    sent = shown(sendmany(town, *SINGLE, "Hello", "--wait", "--json"))
    assert (sent["state"], sent["number"]) == ("accepted", "+447700900123")
    again = shown(sendmany(town, *SINGLE, "Hello", "--json"))
    assert again == {"id": sent["id"], "new": False}
    conflict = sendmany(town, *SINGLE, "Another text")
    assert (conflict.code, conflict.err.count("\n")) == (1, 1)
    assert "idempotency key" in conflict.err
    assert "accepted: the provider took it" in sendmany(town, "message", "show", sent["id"]).out


def test_the_doctor_finds_everything_in_order(town: Path) -> None:
    checks = json.loads(sendmany(town, "doctor", "--json").out)
    assert [check for check in checks if check["verdict"] != "ok"] == []
    assert {"redis", "broker", "workers", "sub-account sandbox"} <= {c["name"] for c in checks}


def test_a_second_up_in_the_same_directory_is_refused_in_a_sentence(town: Path) -> None:
    second = sendmany(town, "up")
    assert (second.code, second.out, second.err.count("\n")) == (1, "", 1)
    assert f"(process {note(town)['pid']})" in second.err


@pytest.mark.parametrize(
    ("sub_account", "key", "words"),
    [
        ("sandbox", "a-wrong-key", "refuses the API key of sandbox"),
        ("other", "sandbox-key", "knows no sub-account other"),
    ],
)
def test_what_the_provider_refuses_is_told_before_anything_is_stored(
    sub_account: str, key: str, words: str, town: Path, store: Store
) -> None:
    account = {"base_url": note(town)["sandbox_url"], "api_key": key}
    settings = {"sub_accounts": json.dumps({sub_account: account})}
    launch = ("campaign", "launch", "Summer", *CAMPAIGN[1:], "--sub-account", sub_account)
    refused = sendmany(town, *launch, **settings)
    assert (refused.code, refused.err.count("\n")) == (1, 1)
    assert words in refused.err
    assert "a-wrong-key" not in refused.err
    assert not store.client.exists("sm:names:summer")


def test_the_doctor_finds_a_wrong_key(town: Path) -> None:
    doctor = sendmany(town, "doctor", sub_accounts__sandbox__api_key="a-wrong-key")
    assert doctor.code == 1
    assert "refuses the API key of sandbox" in doctor.out
    assert "a-wrong-key" not in doctor.out + doctor.err


PARTS = {
    "worker": b"sendmany.worker_process",
    "web": b"sendmany.api.__main__",
    "sandbox": b"chatapps.sandbox",
    "server": b"redis.sock",
}


def test_parts_that_end_by_themselves_are_started_again(home: Path) -> None:
    with running(home, "up", "--sandbox") as up:
        until(up, lambda: is_up(home))
        for name in PARTS:
            victim = part(up.pid, name)
            os.kill(victim, signal.SIGKILL)
            until(up, lambda: f"The {name} has been started again." in said(home))  # noqa: B023
            assert f"The {name} ended by itself (SIGKILL)" in said(home)
            assert part(up.pid, name) != victim
        launched = shown(sendmany(home, "campaign", "launch", *CAMPAIGN, "--json"))
        assert launched["recipients"] == RECIPIENTS
        watched = sendmany(home, "campaign", "watch", "Spring")
        assert "It is finished." in watched.out, watched.err
        assert httpx.get(f"{note(home)['web_url']}/readyz").status_code == 200
        children = family(up.pid)
        up.send_signal(signal.SIGINT)
        assert up.wait(30) == 130
        assert survivors(children) == set()
    assert "Traceback" not in said(home)


def test_a_part_that_ends_again_and_again_takes_the_others_along(home: Path) -> None:
    with running(home, "up", "--sandbox", "--workers", "1") as up:
        until(up, lambda: is_up(home))
        children = family(up.pid)
        for times in range(5):
            until(up, lambda: said(home).count("has been started again") == times)  # noqa: B023
            os.kill(part(up.pid, "web"), signal.SIGKILL)
        assert up.wait(30) == 1
        assert survivors(children) == set()
    assert "The web has ended 5 times within 60 seconds (SIGKILL): see" in said(home)
    assert "Traceback" not in said(home)


def said(home: Path) -> str:
    return (home / "err").read_text()


def part(up: int, name: str) -> int:
    """The process id of a part; of a worker, its main process."""
    found = [pid for pid in family(up) if PARTS[name] in cmdline(pid)]
    return min(found)


def cmdline(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it has ended
        return b""


def test_a_port_that_is_taken_is_told_in_a_sentence_and_nothing_stays(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        up = sendmany(home, "up", "--sandbox", "--sandbox-port", port)
        alone = sendmany(home, "sandbox", "--port", port)
    assert (up.code, alone.code) == (1, 1)
    for ran in (up, alone):
        assert f"port {port}" in ran.err
        assert "choose another port" in ran.err
        assert "Traceback" not in ran.err
