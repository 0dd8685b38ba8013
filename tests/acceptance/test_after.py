"""Runs each command of the page about what comes after a campaign, against the sandbox."""

import csv
import json
import re
import shlex
from pathlib import Path

from store.client import Store
from store.lanes.lane import find_lane
from store.reports.lane_report import report
from store.reports.recount import recount
from store.states import State
from tests.acceptance.command import running, sendmany, until
from tests.acceptance.test_up import is_up, note, shown

PAGE = Path(__file__).parents[2] / "docs/how-to/after.md"
COMMANDS = [
    shlex.split(line)[1:]
    for block in re.findall(r"```sh\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    for line in block.splitlines()
    if line.startswith("sendmany ")
]
PEOPLE = 1200


def people(first: int, n: int) -> str:
    rows = (f"+4477009{i:05d},Ada,{('gold', 'basic')[i % 2]}\n" for i in range(first, first + n))
    return "phone,name,Segment\n" + "".join(rows)


def test_each_command_of_the_page_does_what_it_says(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(people(0, PEOPLE))
    (tmp_path / "more.csv").write_text(people(PEOPLE - 10, 30) + "12,Bo,gold\n")
    message = {"type": "text", "content": {"text": "Hello {{name}}"}}
    (tmp_path / "offer.json").write_text(json.dumps(message))
    with running(tmp_path, "up", "--sandbox", "--webhooks") as up:
        until(up, lambda: is_up(tmp_path))
        store = Store.connect(note(tmp_path)["settings"]["redis_url"])
        files = ("--recipients", "people.csv", "--message", "offer.json", "--keep", "Segment")
        lane = shown(sendmany(tmp_path, "campaign", "launch", "Spring sale", *files, "--json"))[
            "id"
        ]
        until(up, lambda: all_told(store, lane))
        lost = report(store, lane).codes["undelivered:receipt:1024"]
        assert lost > 0
        outputs = []
        for words in COMMANDS:
            done = sendmany(tmp_path, *words)
            assert done.code == 0, (words, done.err)
            outputs.append(done.out + done.err)
        child = find_lane(store, "Spring sale (retry 1)")
        assert (child.next_index, child.parent) == (lost, lane)
        assert find_lane(store, lane).next_index == PEOPLE + 20
        until(up, lambda: all_told(store, child.id) and all_told(store, lane))
        assert recount(store, child.id).balanced
        assert recount(store, lane).balanced
        export = sendmany(tmp_path, "campaign", "export", child.id).out.splitlines()
        rows = list(csv.DictReader(export))
        assert {(row["campaign"], row["Segment"] in ("gold", "basic")) for row in rows} == {
            (child.name, True)
        }
        assert "<h1>Spring sale</h1>" in (tmp_path / "spring.html").read_text()
        assert "campaign.retry" in outputs[-1]
        store.close()


def all_told(store: Store, lane: str) -> bool:
    """It is over, and receipts have told of every message."""
    now = report(store, lane)
    return now.lane.status.ended and {State.ACCEPTED, State.FORWARDED}.isdisjoint(now.counts)
