"""A provider that leaves us in doubt, a campaign that holds, and an operator who has the last word."""

from collections import Counter
from pathlib import Path
from subprocess import Popen

from sendmany.local.sandbox_check import read_taken
from store.client import Store
from store.queue.dead_letters import count_entries
from store.reports.lane_report import outcomes, report
from store.reports.messages import list_dead_letters
from store.reports.recount import recount
from store.states import PROVIDER_HAS_IT, State
from tests.acceptance.command import running, sendmany, until
from tests.acceptance.test_up import CAMPAIGN, RECIPIENTS, furnished, is_up, note, shown

HOLD = ("--on-unconfirmed", "hold", "--on-server-error", "hold", "--settle-after", "0")
UNKNOWN = ("campaign", "unconfirmed")
ROUNDS = 12
PATIENCE = 60.0  # s; a slow machine is no failure


def test_an_operator_brings_a_campaign_in_doubt_to_its_end(tmp_path: Path) -> None:
    home = furnished(tmp_path)
    faults = ("--faults", "ambiguous", "--seed", "5")
    with running(home, "up", "--sandbox", *faults, batch__max_messages="50") as up:
        until(up, lambda: is_up(home))
        store = Store.connect(note(home)["settings"]["redis_url"])
        lane = shown(sendmany(home, "campaign", "launch", *CAMPAIGN, *HOLD, "--json"))["id"]
        counts, taken = finished(up, home, store, lane)
        assert counts[State.UNCONFIRMED] > 0
        assert max(taken.values()) == 1  # nobody is sent to twice unless somebody says so
        assert 'sendmany campaign unconfirmed list "Spring"' in said(
            home, "campaign", "show", "Spring"
        )
        listed = shown(sendmany(home, *UNKNOWN, "list", "Spring", "--json"))
        assert len(listed) == counts[State.UNCONFIRMED]
        assert {row["state"] for row in listed} == {"unconfirmed"}
        refused = sendmany(home, *UNKNOWN, "resend", "Spring")
        assert (refused.code, refused.out) == (1, "")
        assert f"{len(listed)} unconfirmed messages" in refused.err

        asked: Counter[int] = Counter()
        for _ in range(ROUNDS):
            waiting = [one.index for one in list_dead_letters(store, lane, (State.UNCONFIRMED,))]
            asked.update(waiting)
            if not waiting:
                break
            resent = shown(sendmany(home, *UNKNOWN, "resend", "Spring", "--yes", "--json"))
            assert (resent["resent"], resent["status"]) == (len(waiting), "sending")
            counts, taken = finished(up, home, store, lane)

        assert set(counts) <= {State.ACCEPTED, State.REJECTED}
        assert store.run(count_entries(lane)) == 0
        assert all(times <= 1 + asked[index] for index, times in taken.items())
        index, times = max(asked.items(), key=lambda pair: pair[1])
        story = said(home, "message", "show", f"{lane}.{index}")
        assert story.count("an operator resent it") == times
        assert all(f"attempt {n} at" in story for n in range(1, times + 1))
        assert "Balanced" in said(home, "campaign", "verify", "Spring")
        store.close()


def finished(
    up: "Popen[str]", home: Path, store: Store, lane: str
) -> tuple[dict[State, int], dict[int, int]]:
    """Wait for the end. The ledger balances all along, and the provider has what we say that it has."""
    until(up, lambda: has_ended(store, lane), PATIENCE)
    counted = recount(store, lane)
    assert counted.balanced, counted
    assert counted.accepted_jobs == RECIPIENTS
    taken = dict(read_taken(note(home)["sandbox_url"], lane))
    accepted = {one.index for one in outcomes(store, lane) if one.state in PROVIDER_HAS_IT}
    assert accepted <= set(taken)
    return counted.counted, taken


def has_ended(store: Store, lane: str) -> bool:
    """Nothing more will happen by itself; whatever the moment, the figures add up."""
    now = report(store, lane)
    assert now.balanced, now
    return now.lane.status.ended


def said(home: Path, *words: str) -> str:
    """Output of a command."""
    ran = sendmany(home, *words)
    assert ran.code == 0, ran.err
    return ran.out
