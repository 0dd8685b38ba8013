"""A receiver that is down for a campaign loses its receipts; the provider's log still tells them."""

import json
from datetime import UTC, datetime
from pathlib import Path

from sendmany.local.stack import Receiver, Sandbox
from store.access.audit import read_audit
from store.receipts.backfill import read_backfill
from store.reports.waiting import now_ms
from store.states import PROVIDER_HAS_IT, State
from tests.acceptance.command import sendmany
from tests.acceptance.house import House, open_house, until
from tests.acceptance.test_nameless_receipts import all_told

PEOPLE = 2000
SECRET = "Bearer winter-7"
QUICK = Sandbox(receipts="plain", webhook_patience=0.01, seed=5)
TOLD = (State.UNDELIVERED, State.DELIVERED_TO_OPERATOR, State.DELIVERED, State.READ)
"""The last states in the sandbox's log."""


def stop_receiver(house: House) -> None:
    """End the receiver and its socket, which its parent keeps open for a restart."""
    assert house.local.web is not None
    assert house.local._listener is not None
    house.local.web.stop()
    house.local._listener.close()


def lose_receipts(house: House) -> str:
    """Send a campaign while nothing receives its receipts; returns its lane."""
    stop_receiver(house)
    lane = house.launch(PEOPLE)
    until(lambda: house.has_ended(lane))
    return lane


def told(house: House, lane: str) -> int:
    counts = house.report(lane).counts
    return sum(counts.get(state, 0) for state in TOLD)


def test_a_backfill_tells_what_became_of_messages_whose_receipts_were_lost(tmp_path: Path) -> None:
    with open_house(
        tmp_path, QUICK, ("SENDMANY_BACKFILL__AUTOMATIC", "false"), receiver=Receiver((SECRET,))
    ) as house:
        lane = lose_receipts(house)
        until(lambda: all_told(house.local.sandbox_url))
        assert house.report(lane).counts == {State.ACCEPTED: PEOPLE}
        settings = {
            name.removeprefix("SENDMANY_").lower(): value
            for name, value in house.local.environment.items()
        }
        since = house.store.run(now_ms()) / 1000 - 3600
        words = ("receipts", "backfill", "--since", _written(since), "--json")
        first = sendmany(tmp_path, *words, **settings)
        assert first.code == 0, first.err
        found = json.loads(first.out)
        assert (found["lost"], found["known"], found["foreign"]) == (PEOPLE, 0, 0)
        until(lambda: told(house, lane) == PEOPLE)
        house.check(lane)
        again = json.loads(sendmany(tmp_path, *words, **settings).out)
        assert (again["lost"], again["known"]) == (0, PEOPLE)
        acts = [one.act for one in read_audit(house.store)]
        assert acts.count("receipts.backfill") == 2
        counts = house.report(lane).counts
    assert counts[State.READ] > counts[State.DELIVERED] > counts[State.UNDELIVERED] > 0


def test_workers_ask_by_themselves_about_messages_without_a_receipt(tmp_path: Path) -> None:
    soon = ("SENDMANY_BACKFILL__AFTER", "2")
    listens = ("SENDMANY_WEBHOOKS__RECEIVED", "true")
    with open_house(tmp_path, QUICK, soon, listens, receiver=Receiver((SECRET,))) as house:
        lane = lose_receipts(house)
        until(lambda: told(house, lane) == PEOPLE)
        last = house.store.run(read_backfill("sandbox"))
        house.check(lane)
    assert (last.lost, last.error) == (PEOPLE, "")


def test_unconfirmed_messages_are_settled_by_asking(tmp_path: Path) -> None:
    """The provider has taken most of them, and its answers were lost."""
    doubtful = Sandbox(receipts="plain", webhook_patience=0.01, seed=5, faults="ambiguous")
    soon = ("SENDMANY_BACKFILL__AFTER", "4")
    hold = ("SENDMANY_POLICIES__CAMPAIGN_ON_UNCONFIRMED", "hold")
    small = ("SENDMANY_BATCH__MAX_MESSAGES", "100")
    with open_house(tmp_path, doubtful, soon, hold, small, receiver=Receiver((SECRET,))) as house:
        stop_receiver(house)
        lane = house.launch(PEOPLE)
        until(lambda: house.count(lane, State.UNCONFIRMED) > 0)
        until(lambda: house.has_ended(lane))
        taken = house.taken(lane)
        assert unconfirmed(house, lane) & set(taken)
        until(lambda: not unconfirmed(house, lane) & set(taken))
        found = {one.index for one in house.outcomes(lane) if one.state in PROVIDER_HAS_IT}
    assert found == set(taken)


def unconfirmed(house: House, lane: str) -> set[int]:
    return {one.index for one in house.outcomes(lane) if one.state is State.UNCONFIRMED}


def _written(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
