"""Runs the commands of the page about when campaigns go, and those of other pages that stand alone."""

import json
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from store.client import Store
from store.lanes.lane import LaneStatus, find_lane
from store.reports.lane_report import report
from store.states import State
from tests.acceptance.command import Ran, running, sendmany, until
from tests.acceptance.test_up import is_up, note

PAGES = Path(__file__).parents[2] / "docs/how-to"
PEOPLE = 400


def commands(page: str, start: str = "", end: str = "\\Z") -> Iterator[list[str]]:
    """The commands of a page between two headings, with days that lie ahead."""
    text = re.search(f"{start}.*?(?={end})", (PAGES / page).read_text("utf-8"), re.DOTALL)
    assert text is not None, (page, start)
    ahead = (datetime.now(UTC) + timedelta(days=20)).strftime("%Y-%m-%d")
    for block in re.findall(r"```sh\n(.*?)```", text[0], re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("sendmany "):
                yield shlex.split(re.sub(r"\d{4}-\d\d-\d\d(?=[T \"]|$)", ahead, line))[1:]


def files(home: Path) -> None:
    numbers = [f"+4477009{n:05d}" for n in range(PEOPLE)]
    rows = [f"{number},Ada,Europe/London\n" for number in numbers]
    (home / "people.csv").write_text("phone,name,zone\n" + "".join(rows))
    (home / "employees.csv").write_text("\n".join(["phone", *numbers[:9], ""]))
    guests = [f"07700900{n:03d},Bo,United Kingdom,{('yes', 'no')[n % 2]}\n" for n in range(8)]
    (home / "Guest list.csv").write_text("Mobile,Given name,Home,Consent\n" + "".join(guests))
    (home / "offer.json").write_text(
        json.dumps({"type": "text", "content": {"text": "Hi {{name}}"}})
    )
    (home / "offer.jpg").write_bytes(b"\xff\xd8\xff picture")


@pytest.mark.long
def test_each_command_of_the_pages_does_what_it_says(tmp_path: Path) -> None:
    files(tmp_path)

    def run(page: str, start: str = "", end: str = "\\Z") -> list[Ran]:
        done = []
        for words in commands(page, start, end):
            done.append(sendmany(tmp_path, *words))
            assert done[-1].code == 0, (words, done[-1].err)
        return done

    caps = {"campaigns__cap_messages": "2"}
    with running(tmp_path, "up", "--sandbox", "--webhooks", **caps) as up:
        until(up, lambda: is_up(tmp_path))
        store = Store.connect(note(tmp_path)["settings"]["redis_url"])

        def over(name: str) -> bool:
            return report(store, find_lane(store, name).id).lane.status is LaneStatus.FINISHED

        christmas = run("when.md", end="## By the local time")
        assert "It starts at" in christmas[0].out
        sunday = run("when.md", "## By the local time", "## Quiet hours")
        assert f"{PEOPLE} of {PEOPLE} people get it" in sunday[0].out
        quiet = run("when.md", "## Quiet hours", "## A canary")
        assert "US" in quiet[1].out
        sendmany(tmp_path, "quiet-hours", "set", "--off")
        until(up, lambda: over("Spring"))
        canary = run("when.md", "## A canary", "## Not too often")
        assert "Its canary of 20 messages" in canary[1].out
        sendmany(tmp_path, "campaign", "resume", "Summer")
        until(up, lambda: over("Summer"))
        run("when.md", "## Not too often", "## At a pace")
        until(up, lambda: over("Third in a week"))
        capped = report(store, find_lane(store, "Third in a week").id)
        assert capped.counts[State.SKIPPED] > 0
        pace = run("when.md", "## At a pace")
        assert "200 messages/s" in pace[1].out
        assert (
            "4 of 4 people get it"
            in run("campaigns.md", "## The recipient file", "## The m")[0].out
        )
        assert run("before.md", "## Media", "## Leave")[0].out.startswith("http")
        sendmany(
            tmp_path, "campaign", "launch", "Spring sale", "--recipients", "people.csv",
            "--message", "offer.json", "--limit", "50", "--purpose", "utility",
        )  # fmt: skip
        run("before.md", "## Leave people out", "## The question")
        assert 40 < find_lane(store, "Second wave").excluded <= 50  # whom it did not reach gets it
        store.close()
