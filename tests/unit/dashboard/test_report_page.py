"""The report of a campaign: whole in itself, and nothing in it is taken for HTML."""

from html.parser import HTMLParser

import fakeredis
import pytest

from dashboard.explain import Remedy, remedy
from dashboard.report_page import report_page
from store.client import Store
from store.lanes.lane import finish_loading
from store.receipts.feedback import count_feedback
from store.records.outcome import Feedback, Origin
from store.scripts import load_scripts
from store.states import State
from tests.conformance import given

EVIL = "<script>alert(1)</script>&"


class Tags(HTMLParser):
    """Collects what a page holds."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not {"src", "href", "onclick"} & {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += f"{data}|"


@pytest.fixture
def store() -> Store:
    return Store(fakeredis.FakeRedis(), load_scripts(flags=False))


def test_a_page_tells_funnel_failures_countries_and_opt_outs(store: Store) -> None:
    lane = given.campaign(store, EVIL)
    given.add(store, lane, [*given.numbers(4), b"493023125000001\tBo"], 0, 5)
    store.run(finish_loading(lane))
    claim = given.claim(store, lane)
    what = given.ended(State.DELIVERED, claim.jobs[:3])
    what.records += given.records(State.UNDELIVERED, claim.jobs[3:], (Origin.RECEIPT, 1018))
    what.add(State.UNDELIVERED, 2)
    given.settle(store, lane, claim, what)
    store.run(count_feedback(lane, [(0, Feedback.REPLIED), (0, Feedback.OPTED_OUT)]))
    page = report_page(store, lane)
    seen = Tags()
    seen.feed(page)
    assert seen.tags <= {
        "html", "meta", "title", "style", "h1", "h2", "p", "table", "tr", "th", "td", "meter"
    }  # fmt: skip
    assert EVIL in seen.text
    for words in (
        "+44 GB",
        "+49 DE",
        "0 excluded",
        "take these people off the list",
        "1 person (20.0 %)",
    ):
        assert words in seen.text
    assert "7700900000" not in page


@pytest.mark.parametrize(
    ("origin", "code", "what"),
    [
        (Origin.RECEIPT, 1018, Remedy.TAKE_OFF),
        (Origin.RECEIPT, 1024, Remedy.WAIT),
        (Origin.RECEIPT, 1030, Remedy.MEND),
        (Origin.RECEIPT, 42, Remedy.ACCOUNT),
        (Origin.API, 1002, Remedy.TAKE_OFF),
        (Origin.API, 3003, Remedy.TAKE_OFF),
        (Origin.API, 1004, Remedy.MEND),
        (Origin.API, 1001, Remedy.ACCOUNT),
        (Origin.HTTP, 503, Remedy.WAIT),
        (Origin.HTTP, 401, Remedy.ACCOUNT),
        (Origin.LOCAL, 8, Remedy.NOTHING),
        (Origin.LOCAL, 12, Remedy.WAIT),
        (Origin.NONE, 0, Remedy.NOTHING),
    ],
)
def test_what_to_do_follows_from_the_code(origin: Origin, code: int, what: Remedy) -> None:
    assert remedy(origin, code) is what
    assert what.sentence
