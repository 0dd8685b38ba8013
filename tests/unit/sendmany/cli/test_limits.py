"""`sendmany limits …`, as it is typed, on a store without a server."""

import json
from typing import Any

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from config.sections import SubAccount
from config.settings import Settings
from producer.errors import InputError
from sendmany.cli.application import app
from sendmany.cli.operations import limits
from store.access.audit import read_audit
from store.client import Store
from store.limits.breakers import BULK, open_breaker
from store.limits.learned import Cause, Learned, keep_learned, read_learned
from store.limits.tier import change_tier, reserve_places
from store.people.service_windows import mark_unreachable

ACCOUNTS = {
    "shop": SubAccount(api_key=SecretStr("key")),
    "bank": SubAccount(api_key=SecretStr("key"), messages_per_second=200),
}


@pytest.fixture(autouse=True)
def desk(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal at an empty store, with two sub-accounts."""
    monkeypatch.setattr(limits, "connect", lambda settings: store)
    settings = Settings(sub_accounts=ACCOUNTS, default_sub_account="shop")
    monkeypatch.setattr(limits, "load_settings", lambda: settings)


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["limits", *words])


def as_json(*words: str) -> Any:
    result = run(*words, "--json")
    assert result.exit_code == 0, result.exception
    return json.loads(result.stdout)


def learn(store: Store, learned: Learned) -> None:
    assert store.run(keep_learned("shop", store.run(read_learned("shop")), learned))


THROTTLED = Learned(
    78.2, Cause.THROTTLED, 1_700_000_000, estimate=82.3, share=0.042, code=1009, in_force=True
)


def test_reactions_in_force_are_shown_with_their_cause_and_end(store: Store) -> None:
    reason = "a receipt with code 1023: too much was reported as spam"
    store.run(open_breaker("shop", BULK, reason, by="worker", probe_after=3600))
    store.run(mark_unreachable("shop", [("447700900001", None), ("447700900002", None)], 60))
    text = " ".join(run("show", "--sub-account", "shop").stdout.split())
    assert "2 people get no marketing: they could not be reached; bulk held up since" in text
    assert reason in text
    (told,) = as_json("show", "--sub-account", "shop")
    assert told["unreachable"] == 2
    assert told["breakers"][0]["reason"] == reason
    assert told["breakers"][0]["probe_at"] > told["breakers"][0]["opened_at"]


def test_limits_are_shown_with_what_was_learned_and_why(store: Store) -> None:
    text = " ".join(run("show").stdout.split())
    assert "bank: configured 200 messages/s, burst 100; learn_rate observe; nothing is" in text
    learn(store, THROTTLED)
    text = " ".join(run("show", "--sub-account", "shop").stdout.split())
    assert "the learned limit is 78 messages/s (4.2% of the messages came back with" in text
    assert "1009" in text
    assert "82/s went through" in text
    (one,) = as_json("show", "--sub-account", "shop")
    assert one["learned"]["since"] == "2023-11-14T22:13:20Z"
    assert one["learned"]["until"] is None  # it may rise since long
    assert (one["learned"]["cause"], one["learn_rate"]) == ("throttled", "on")


def test_the_history_names_each_change_and_its_cause(store: Store) -> None:
    for learned in (Learned(100, since=1_700_000_000), THROTTLED):
        learn(store, learned)
    assert [one["rate"] for one in as_json("history")["items"]] == [78.2, 100]
    assert "throttled" in run("history", "--limit", "1").stdout


def test_a_rate_is_pinned_until_it_is_forgotten_and_both_are_audited(store: Store) -> None:
    assert as_json("pin", "60") == {"sub_account": "shop", "changed": True}
    assert "pinned" in run("show", "--sub-account", "shop").stdout
    assert run("forget").stdout == "What was learned about shop is forgotten.\n"
    assert run("forget").stdout == "Nothing was learned yet.\n"
    acts = [entry.act for entry in read_audit(store)]
    assert acts == ["limits.forget", "limits.forget", "limits.pin"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("pin", "60", "--sub-account", "bank"), "its rate is not learned"),
        (("pin", "5000"), "above its limit of 1000 messages/s"),
    ],
)
def test_a_rate_that_would_not_be_used_is_refused(words: tuple[str, ...], sentence: str) -> None:
    result = run(*words)
    assert isinstance(result.exception, InputError)
    assert sentence in str(result.exception)


def test_the_tier_of_a_portfolio_is_shown_with_what_is_used(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(sub_accounts={"shop": SubAccount(tier=2000, portfolio="Group")})
    monkeypatch.setattr(limits, "load_settings", lambda: settings)
    store.run(reserve_places("Group", 2000, [b"447700900001", b"447700900002"]))
    told = "tier of Group: 2 of 2,000 people in 24 hours, 1,940 for campaigns"
    assert told in " ".join(run("show").stdout.split())
    store.run(change_tier("Group", 10_000, 2000, 1))
    (one,) = as_json("show")
    tier = {"portfolio": "Group", "people": 10_000, "for_campaigns": 9700, "used": 2, "told": True}
    assert one["tier"] == tier
