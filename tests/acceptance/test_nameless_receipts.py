"""Receipts that lack our ids, from a provider that tells its story badly, find their messages."""

from pathlib import Path

import httpx

from sendmany.local.stack import Receiver, Sandbox
from store.receipts.inbox import InboxFigures, read_inbox_figures
from tests.acceptance.house import open_house, until

PEOPLE = 1500
SECRET = "Bearer winter-7"


def test_most_receipts_with_the_providers_ids_alone_find_their_message(tmp_path: Path) -> None:
    """Six in a hundred come without our ids, half of these without the batch's too."""
    wild = Sandbox(receipts="wild", webhook_patience=0.1, seed=5)
    with open_house(tmp_path, wild, receiver=Receiver((SECRET,))) as house:
        lane = house.launch(PEOPLE)
        until(lambda: house.has_ended(lane))
        until(lambda: all_told(house.local.sandbox_url))
        until(lambda: house.store.run(read_inbox_figures()).waiting == 0)
        found: InboxFigures = house.store.run(read_inbox_figures())
        house.check(lane)
    nameless = found.matched + sum(found.unmatched.values())
    assert set(found.unmatched) <= {"no_id"}
    assert 0.04 < nameless / found.applied < 0.08
    assert found.matched > 0.4 * nameless


def all_told(sandbox_url: str) -> bool:
    """The sandbox has nothing more to post."""
    with httpx.Client(trust_env=False) as http:
        ledger = http.get(f"{sandbox_url}/sandbox/ledger").json()
    return bool(ledger["webhooks"]["waiting"] == 0)
