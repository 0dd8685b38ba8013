"""`sendmany demo`: the whole of it, and Ctrl-C at any moment."""

import contextlib
import json
import re
import signal
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from tests.acceptance.command import family, running, sendmany, survivors, until

PROMISED = {
    "recipients", "accepted", "rejected", "failed", "unconfirmed", "requests", "retries", "seconds",
    "messages_per_second", "ledger_balanced", "provider_duplicates", "lost",
}  # fmt: skip


def test_a_wild_provider_costs_no_message_and_doubles_none(tmp_path: Path) -> None:
    words = ["demo", "--recipients", "2000", "--faults", "wild", "--json", "--seed", "7"]
    ran = sendmany(tmp_path, *words, tmpdir=str(tmp_path))
    assert ran.code == 0, ran.err
    figures = json.loads(ran.out)  # one object and nothing else
    assert figures.keys() >= PROMISED
    assert figures["accepted"] + figures["rejected"] == figures["recipients"] == 2000
    assert (figures["failed"], figures["unconfirmed"]) == (0, 0)
    assert (figures["lost"], figures["unrecorded"], figures["provider_duplicates"]) == (0, 0, 0)
    assert figures["ledger_balanced"] is True
    assert figures["retries"] > 0
    assert figures["requests"] == sum(figures["requests_by_status"].values())
    assert {"429", "500"} <= figures["requests_by_status"].keys()
    assert figures["seconds"] < 30


def test_people_get_a_table_that_can_be_read(tmp_path: Path) -> None:
    ran = sendmany(tmp_path, "demo", "--recipients", "100", "--faults", "none")
    assert ran.code == 0, ran.err
    pairs = [re.split("  +", line.strip()) for line in ran.out.splitlines() if line[:2] == "  "]
    rows = {pair[0]: pair[-1] for pair in pairs}
    assert rows["ledger balanced"] == "yes"
    assert rows["accepted"] == "100"
    assert rows["lost"] == "0"
    assert rows["faults survived"] == "none"


@pytest.mark.parametrize(
    ("processes", "number", "twice"),
    [
        (0, signal.SIGINT, True),
        (1, signal.SIGINT, False),
        (2, signal.SIGTERM, False),
        (3, signal.SIGINT, True),
        (5, signal.SIGINT, False),
    ],
)
@pytest.mark.timing
def test_a_signal_while_things_start_leaves_nothing_behind(
    processes: int, number: signal.Signals, twice: bool, tmp_path: Path
) -> None:
    with running(tmp_path, "demo") as demo:
        until(demo, lambda: "Starting" in (tmp_path / "err").read_text())
        until(demo, lambda: len(family(demo.pid)) >= processes)
        stop_and_look(demo, number, tmp_path, twice=twice)


@pytest.mark.timing
def test_ctrl_c_while_it_sends_leaves_nothing_behind(tmp_path: Path) -> None:
    with running(tmp_path, "demo", "--rate", "100") as demo:
        until(demo, lambda: "Sending" in (tmp_path / "err").read_text())
        stop_and_look(demo, signal.SIGINT, tmp_path, twice=True)
    assert "Stopped: worker, sandbox, server.\n" in (tmp_path / "err").read_text()


def test_open_serves_the_finished_campaign_on_the_page_until_ctrl_c(tmp_path: Path) -> None:
    with running(tmp_path, "demo", "--recipients", "100", "--open") as demo:
        until(demo, lambda: "Ctrl-C ends the demo." in (tmp_path / "err").read_text())
        said = (tmp_path / "err").read_text()
        assert "#code=" not in said  # it is no terminal
        address = re.findall(r"page +(http://127\.0\.0\.1:\d+)$", said, re.MULTILINE)[0]
        assert httpx.get(f"{address}/readyz").status_code == 200
        stop_and_look(demo, signal.SIGINT, tmp_path, twice=False)
    assert "ledger balanced" in (tmp_path / "out").read_text()


def test_ctrl_c_before_anything_has_begun_says_so_in_a_line(tmp_path: Path) -> None:
    with running(tmp_path, "demo") as demo:
        maps = Path(f"/proc/{demo.pid}/maps")
        until(demo, lambda: "pydantic_core" in maps.read_text())  # it is importing
        stop_and_look(demo, signal.SIGINT, tmp_path, twice=False)


def stop_and_look(
    demo: "subprocess.Popen[str]", number: signal.Signals, home: Path, *, twice: bool
) -> None:
    """Send the signal, once or twice, and see that everything is gone and tidy."""
    children, began = family(demo.pid), time.monotonic()
    demo.send_signal(number)
    if twice:
        demo.send_signal(number)
    while demo.poll() is None and time.monotonic() < began + 60:
        children |= family(demo.pid)
        with contextlib.suppress(subprocess.TimeoutExpired):
            demo.wait(0.05)
    assert demo.returncode == 128 + number
    assert survivors(children) == set()
    said = (home / "err").read_text()
    assert "Traceback" not in said
    assert said.splitlines()[-1].startswith("Stopped")
    assert list(home.glob("sendmany-*")) == []
