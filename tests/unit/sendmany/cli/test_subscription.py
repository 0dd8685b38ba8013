"""`sendmany subscription` and `sendmany outcomes` from the command line."""

import json
from typing import Any

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from config.errors import ReportedError
from config.sections import SubAccount
from config.settings import Settings
from sendmany.cli.application import app
from store.client import Store
from store.outcomes.stream import collect, read_facts, read_outbox
from store.states import State
from tests.conformance import given

SETTINGS = Settings(
    sub_accounts={"shop": SubAccount()}, secret=SecretStr("a secret of some length")
)
URL = "https://shop.example/hooks"


@pytest.fixture
def desk(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    for where in ("sendmany.cli.operations.subscription", "sendmany.cli.outcomes"):
        monkeypatch.setattr(f"{where}.connect", lambda settings: store)
        monkeypatch.setattr(f"{where}.load_settings", lambda: SETTINGS)
    monkeypatch.setattr(store, "close", lambda: None)
    return store


def run(words: str) -> Result:
    return CliRunner().invoke(app, words.split())


def lines(words: str) -> list[Any]:
    """The JSON lines of a command."""
    return [json.loads(line) for line in run(words).stdout.splitlines()]


def test_a_subscription_lives_from_add_to_remove(desk: Store) -> None:
    (one,) = lines(f"subscription add {URL} --types message.*,campaign.finished --json")
    assert one["secret"].startswith("whsec_")
    ((listed,),) = lines("subscription list --json")
    assert listed == {name: value for name, value in one.items() if name != "secret"}
    assert URL in run("subscription list").stdout
    assert run(f"subscription rotate {one['id']}").stdout.strip() not in ("", one["secret"])
    assert run(f"subscription replay {one['id']} --since 2026-12-01T10:00Z").exit_code == 0
    (shown,) = lines(f"subscription show {one['id']} --json")
    assert shown["cursor"] == "1796119200000-0"
    assert "cursor: 1796119200000-0" in run(f"subscription show {one['id']}").stdout
    assert run(f"subscription remove {one['id']}").exit_code == 0
    assert "no subscriptions" in run("subscription list").stdout


def test_a_chat_tool_gets_no_secret_since_its_news_are_not_signed(desk: Store) -> None:
    assert "whsec_" in run(f"subscription add {URL} --types message.*").stdout
    added = run(f"subscription add {URL}/chat --types campaign.paused --format slack")
    assert "whsec_" not in added.output
    assert "types: campaign.paused\n" in run(f"subscription show {added.stdout.strip()}").stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("add http://shop.example/ --types message.*", "https"),
        (f"add {URL} --types message.sent", "no type of event"),
        ("show 123", "no such subscription"),
        ("replay 123 --since soon", "no time"),
    ],
)
def test_bad_words_are_answered_with_what_to_do(desk: Store, words: str, said: str) -> None:
    found = run(f"subscription {words}")
    assert isinstance(found.exception, ReportedError)
    assert said in str(found.exception)


def test_outcomes_go_on_after_the_printed_cursor(desk: Store) -> None:
    ((begin,),) = [lines("outcomes --json")]
    lane, claim = given.claimed_batch(desk, 2)
    given.settle(desk, lane, claim, given.ended(State.ACCEPTED, claim.jobs))
    facts, entries = desk.run(read_facts(lane)), desk.run(read_outbox(lane))
    limits = {"keep_ms": 604_800_000, "most_bytes": 1 << 30}
    desk.run(collect(facts, entries, **limits, event=facts.event))
    *items, end = lines(f"outcomes --json --after {begin['next']}")
    assert [item["type"] for item in items] == [*2 * ["message.accepted"], "campaign.finished"]
    assert lines(f"outcomes --json --after {end['next']}") == [end]
    assert f"message.accepted  {lane}.1  +447700900001" in run("outcomes").stdout
    for cursor, said in (("x", "takes the cursor"), ("1-0", "no longer kept")):
        found = run(f"outcomes --after {cursor}")
        assert said in str(found.exception)
