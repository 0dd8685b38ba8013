"""kill -9 at every step of creating, changing and launching a draft loses no recipient and adds none
twice."""

import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest

from config.sections import SubAccount
from config.settings import Settings
from producer.campaigns.draft import add_rows, create, edit, prepared_draft
from producer.campaigns.form import CampaignForm
from producer.campaigns.launch import run
from producer.layout import ReadOptions
from store.client import Call, Store
from store.errors import UnknownLane
from store.lanes.drafts import delete_draft
from store.lanes.lane import Lane, LaneStatus, find_lane, list_lanes
from store.reports.lane_report import report, waiting_jobs

SETTINGS = Settings(sub_accounts={"shop": SubAccount()})
FORM = CampaignForm.model_validate(
    {"name": "Spring", "message": {"type": "text", "content": {"text": "Hi {{name}}"}}}
)
PEOPLE = 2500
ROWS = b"phone,name\n" + b"".join(b"+4930231%08d,N%d\n" % (n, n) for n in range(PEOPLE))
MORE = b"name,phone\n" + b"".join(b"M%d,+4930232%08d\n" % (n, n) for n in range(300))
Doing = Callable[[Store], object]


class Mortal(Store):
    """Kills its process with SIGKILL instead of making one of its calls."""

    left = 0

    def _send(self, call: Call[Any]) -> Any:
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1
        return super()._send(call)


def killed(url: str, doing: Doing, calls: int) -> bool:
    """Do it in a process that dies after so many calls; False if it ended before."""

    def child() -> None:
        store = Mortal.connect(url)
        assert isinstance(store, Mortal)
        store.left = calls
        doing(store)

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


def spring(store: Store) -> Lane:
    return find_lane(store, "Spring")


def creating(store: Store) -> Lane:
    return create(store, SETTINGS, FORM, "shop", BytesIO(ROWS))


def adding(store: Store) -> object:
    return add_rows(store, SETTINGS, spring(store), BytesIO(MORE), ReadOptions())


def launching(store: Store) -> object:
    prepared = prepared_draft(store, SETTINGS, spring(store))
    return run(store, prepared, lambda: None, listed=[])


def people(store: Store) -> Counter[bytes]:
    lines = (job.line for _, job in waiting_jobs(store, spring(store).id))
    return Counter(line.partition(b"\t")[0] for line in lines)


def see_that_launched_once(store: Store, expected: int) -> None:
    if spring(store).draft:
        launching(store)
    found = people(store)
    assert (len(found), max(found.values())) == (expected, 1)
    assert report(store, spring(store).id).balanced
    assert spring(store).status is LaneStatus.SENDING
    assert not list(store.client.scan_iter("*:c:*"))


def test_whenever_a_creation_is_killed_there_is_a_whole_draft_or_none(
    store: Store, server: str
) -> None:
    calls = 0
    while killed(server, creating, calls):
        try:
            lane = spring(store)
        except UnknownLane:
            lane = creating(store)  # nothing keeps the name
        assert [one.id for one in list_lanes(store)] == [lane.id]
        assert prepared_draft(store, SETTINGS, lane).file.size == len(ROWS)
        delete_draft(store, lane)
        store.client.flushall()
        calls += 1
    assert calls > 8


@pytest.mark.parametrize("doing", [adding, lambda store: edit(
    store, SETTINGS, spring(store), {"name": "Summer", "rate": 5}, BytesIO(MORE)
)], ids=["add", "edit"])  # fmt: skip
def test_whenever_a_change_is_killed_it_is_done_or_not_done(
    store: Store, server: str, doing: Doing
) -> None:
    calls, seen = 0, set[int]()
    creating(store)
    while killed(server, doing, calls):
        (lane,) = list_lanes(store)
        size = prepared_draft(store, SETTINGS, lane).file.size
        seen.add(size)
        store.client.flushall()
        creating(store)
        calls += 1
    assert len(seen) == 2


def test_whenever_a_launch_is_killed_it_goes_on_and_holds_each_person_once(
    store: Store, server: str
) -> None:
    calls = 0
    creating(store)
    while killed(server, launching, calls):
        see_that_launched_once(store, PEOPLE)
        store.client.flushall()
        creating(store)
        calls += 1
    assert calls > 12


def test_a_launch_that_is_killed_again_and_again_comes_to_its_end(
    store: Store, server: str
) -> None:
    creating(store)
    adding(store)
    calls = 1
    while killed(server, launching, calls):
        calls += 3
    see_that_launched_once(store, PEOPLE + 300)
