"""Two uploads under one name at the same time: no rows are lost silently."""

from collections.abc import Callable

import fakeredis
import pytest

from producer.campaigns.upload import Upload, Uploaded, receive
from producer.files.stream import ArrivingFile
from store.client import Store
from store.errors import StoreRefused
from store.lanes.lane import find_lane, list_lanes
from store.reports.lane_report import waiting_jobs
from store.scripts import load_scripts

UPLOAD = Upload("Spring", "shop", {"type": "text", "content": {"text": "Hello {{name}}"}})
SAMPLE = 1000  # rows that are read before the lane is looked at


@pytest.fixture
def store() -> Store:
    return Store(fakeredis.FakeRedis(server=fakeredis.FakeServer()), load_scripts(flags=False))


def rows(n: int, first: int = 0) -> bytes:
    """A file of n people; two such files are of the same length."""
    people = [b"+493023125%06d,Guest\n" % i for i in range(first, first + n)]
    return b"msisdn,name\n" + b"".join(people)


def send(
    store: Store, file: bytes, at: int = 0, meanwhile: Callable[[], object] = lambda: None
) -> Uploaded:
    """Send a file in two pieces; between them something else happens."""
    pieces = iter([file[:at], file[at:]] if at else [file])
    sent = 0

    def more() -> bytes:
        nonlocal sent
        sent += 1
        if sent == 2:
            meanwhile()
        return next(pieces, b"")

    return receive(store, UPLOAD, ArrivingFile(more), lambda: None, lambda columns, try_rows: None)


def after_the_sample(file: bytes) -> int:
    """The byte in the middle of the first row that is read when the lane has been looked at."""
    return len(b"".join(file.splitlines(keepends=True)[: SAMPLE + 1])) + 3


@pytest.mark.parametrize(
    ("others", "why"), [(2500, "does not follow"), (2400, "already in"), (4000, "loaded more rows")]
)
def test_an_upload_that_another_one_has_overtaken_is_refused(
    store: Store, others: int, why: str
) -> None:
    mine, theirs = rows(2500), rows(others, 50_000)

    def overtaken() -> None:
        assert list_lanes(store)[0].offset == 0
        send(store, theirs)

    with pytest.raises(StoreRefused, match=why):
        send(store, mine, after_the_sample(mine), overtaken)
    lane = find_lane(store, "Spring")
    assert lane.loaded
    found = [job.line.partition(b"\t")[0] for _, job in waiting_jobs(store, lane.id)]
    assert found == [b"493023125%06d" % i for i in range(50_000, 50_000 + others)]


def test_a_shorter_upload_does_not_end_the_one_that_it_met(store: Store) -> None:
    mine, theirs = rows(1500), rows(4000, 50_000)

    def overtaken() -> None:
        """The other one has stored most of its rows, and goes on."""
        with pytest.raises(ConnectionError):
            send(store, theirs, len(theirs) - 5, lost)

    def lost() -> None:
        raise ConnectionError

    with pytest.raises(StoreRefused, match="loaded more rows"):
        send(store, mine, after_the_sample(mine), overtaken)
    assert not find_lane(store, "Spring").loaded
    send(store, theirs)
    assert find_lane(store, "Spring").next_index == 4000


def test_the_same_file_sent_twice_at_once_is_stored_once(store: Store) -> None:
    """The caller went away and came back while the first upload was still being stored."""
    file = rows(3500)
    send(store, file, after_the_sample(file), lambda: send(store, file))
    lane = find_lane(store, "Spring")
    assert (lane.next_index, lane.loaded) == (3500, True)
