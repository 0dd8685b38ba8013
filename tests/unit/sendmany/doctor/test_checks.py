"""The doctor's findings about a server's figures."""

from typing import Any

import pytest

from chatapps.client import Probe, ProbeVerdict
from chatapps.responses import Refused
from config.sections import SubAccount
from config.settings import Settings
from sendmany.doctor.checks import (
    _account,
    check_breakers,
    check_inbox,
    check_memory,
    limits,
    look_at_tier,
    read_due_lanes,
)
from sendmany.doctor.finding import Verdict, ok
from sendmany.doctor.provider_probe import explain
from sendmany.doctor.redis_checks import check_server
from store.client import Store
from store.lanes.lane import find_lane, list_lanes, move_lane
from store.limits.breakers import open_breaker, read_breakers
from store.limits.tier import reserve_places
from store.receipts.inbox import InboxFigures
from store.reports.gauges import Holdings
from tests.conformance import given

VALKEY = {"redis_version": "7.2.4", "server_name": "valkey", "valkey_version": "9.1.2"}
GOOD = {
    "maxmemory-policy": "noeviction",
    "hash-max-listpack-entries": "128",
    "hash-max-listpack-value": "64",
}


def problems(
    server: dict[str, str], persistence: dict[str, int], config: dict[str, str]
) -> dict[str, str]:
    checks = check_server({**server, **persistence}, config)
    return {check.name: check.remedy for check in checks if check.verdict is Verdict.PROBLEM}


@pytest.mark.parametrize("server", [VALKEY, {"redis_version": "7.0.0"}, {"redis_version": "8.2.1"}])
def test_a_server_as_it_should_be_has_no_problem(server: dict[str, str]) -> None:
    assert problems(server, {"aof_enabled": 1}, GOOD) == {}


@pytest.mark.parametrize(
    "server", [{"redis_version": "6.2.6"}, {**VALKEY, "valkey_version": "7.0.1"}]
)
def test_an_old_server_is_a_problem(server: dict[str, str]) -> None:
    assert set(problems(server, {"aof_enabled": 1}, GOOD)) == {"redis"}


def test_what_would_lose_messages_says_what_to_set() -> None:
    found = problems(VALKEY, {"aof_enabled": 0}, {**GOOD, "maxmemory-policy": "allkeys-lru"})
    assert found == {
        "append-only file": "set appendonly yes",
        "eviction": "set maxmemory-policy noeviction",
    }


@pytest.mark.parametrize("change", [("entries", "64"), ("value", "32")])
def test_listpack_limits_that_are_too_low_are_a_problem(change: tuple[str, str]) -> None:
    config = {**GOOD, f"hash-max-listpack-{change[0]}": change[1]}
    assert set(problems(VALKEY, {"aof_enabled": 1}, config)) == {"listpack limits"}


def test_a_server_that_does_not_show_its_settings_is_no_problem() -> None:
    checks = {check.name: check.verdict for check in check_server({}, {})}
    assert set(checks.values()) == {Verdict.NOTE}
    assert set(checks) == {"redis", "append-only file", "eviction", "listpack limits"}


def test_eviction_is_told_though_only_info_is_allowed() -> None:
    policy = {"maxmemory_policy": "allkeys-lru"}
    checks = {check.name: check for check in check_server({**VALKEY, **policy}, {})}
    assert checks["eviction"].remedy == "set maxmemory-policy noeviction"


def test_limits_are_told_in_words() -> None:
    account = SubAccount(messages_per_second=500, burst=100, requests_per_second=0)
    assert limits(account) == "500 messages/s, burst 100, requests/s without limit"
    assert "20 of the burst kept" in limits(SubAccount(urgent_reserve=20))


def test_the_memory_is_told_with_what_it_holds() -> None:
    found = check_memory(Holdings(2, 3, 1_000_000, 500, 60_030_000, 0), 30)
    assert found.verdict is Verdict.OK
    assert found.finding == (
        "60.0 MB; 2 lanes active, 3 ended and kept for 30 days; 1,000,000 messages waiting,"
        " 500 finished; 60 bytes a message"
    )


def test_the_memory_of_each_message_is_not_told_of_a_few() -> None:
    few = check_memory(Holdings(1, 0, 0, 2, 2_000_000, 0), 30)
    assert few.finding.endswith("2 finished")


def test_a_redis_that_is_nearly_full_is_a_problem() -> None:
    found = check_memory(Holdings(0, 0, 0, 0, 91_000_000, 100_000_000), 30)
    assert found.verdict is Verdict.PROBLEM
    assert found.finding.startswith("91.0 MB of 100 MB; ")


def test_lanes_that_redis_lost_something_of_are_problems(store: Store) -> None:
    lane = given.loaded(store, 3)
    assert list(read_due_lanes(list_lanes(store), {})) == []
    store.run(move_lane(lane, "halt", "an older copy", known=9))
    lost = {"other-a1b2c3": 0, "spring-a1b2c3": 12_345}
    halted, gone, sent = read_due_lanes([find_lane(store, lane)], lost)
    assert (halted.finding, halted.verdict) == ("halted: an older copy", Verdict.PROBLEM)
    assert 'resume "Spring" --accept' in halted.remedy
    assert (gone.name, gone.verdict) == ("lane other-a1b2c3", Verdict.PROBLEM)
    assert gone.remedy.startswith("launch or enqueue again what is missing")
    assert "12,345 messages of it had gone out before" in sent.finding
    assert "launching it again writes to those people twice" in sent.finding
    assert sent.remedy.endswith("`sendmany doctor --clear spring-a1b2c3` ends this line")


def test_what_is_held_up_is_a_problem_and_says_how_it_ends(store: Store) -> None:
    assert list(check_breakers([])) == []
    store.run(open_breaker("shop", "account", "the key is wrong", by="worker"))
    store.run(open_breaker("shop", "template:a:en", "stop it", by="operator"))
    held = store.run(read_breakers("shop"))
    account, template = check_breakers(held)
    assert (account.name, account.verdict) == ("breaker account of shop", Verdict.PROBLEM)
    assert "the key is wrong. One request tries again after " in account.finding
    assert account.remedy == "mend the cause"
    assert "`sendmany breaker close`" in template.finding


def inbox(waiting: int, age: float, **unmatched: int) -> InboxFigures:
    return InboxFigures(waiting, age, 4000, 50, 2, 1, 3, 0, unmatched)


def test_an_inbox_that_is_applied_in_time_is_well() -> None:
    empty, busy = check_inbox(inbox(0, 0)), check_inbox(inbox(1200, 2.2, no_id=3))
    assert (empty.verdict, busy.verdict) == (Verdict.OK, Verdict.OK)
    assert empty.finding == "4,000 receipts and 50 replies applied"
    assert busy.finding == (
        "1,200 webhooks wait, the oldest for 2 s; 4,000 receipts and 50 replies applied, 3 receipts"
        " about no message of ours"
    )


def test_webhooks_that_nobody_applies_are_a_problem() -> None:
    found = check_inbox(inbox(7, 61))
    assert found.verdict is Verdict.PROBLEM
    assert "the oldest for 61 s" in found.finding
    assert "worker" in found.remedy


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://user:pa55@proxy.test/8x8", "http://proxy.test/8x8 is without TLS"),
        ("http://127.0.0.1:8088", None),
        ("http://localhost:8088", None),
        ("http://[::1]:8088", None),
        ("https://proxy.test", None),
    ],
)
def test_a_provider_without_tls_is_told_and_no_password_is_shown(
    url: str, told: str | None
) -> None:
    settings = Settings(sub_accounts={"Shop": {"base_url": url, "api_key": "key"}})
    account = settings.sub_accounts["Shop"]
    found = [check.finding for check in _account(settings, "Shop", account, offline=True)]
    assert [line for line in found if "TLS" in line] == (
        [f"{told}: the key goes there as it is; use https"] if told else []
    )
    assert "pa55" not in account.place
    asked = explain(Probe(ProbeVerdict.READY, Refused(400)), "Shop", account.place)
    assert "pa55" not in str((found, asked))


def test_the_variable_of_a_key_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHOP_KEY", raising=False)
    settings = Settings(sub_accounts={"Shop": {"api_key_env": "SHOP_KEY"}})
    for offline in (True, False):
        found = next(_account(settings, "Shop", settings.sub_accounts["Shop"], offline=offline))
        assert found.verdict is Verdict.PROBLEM
        assert "api_key_env names SHOP_KEY, which is not set" in found.finding


def test_a_tier_is_told_with_what_is_used_and_none_without_one(store: Store) -> None:
    accounts: dict[str, Any] = {"shop": {"tier": 250, "portfolio": "Group"}, "bank": {}}
    settings = Settings(sub_accounts=accounts)
    store.run(reserve_places("Group", 250, [b"447700900001"]))
    (check,) = look_at_tier(store, settings, "shop")
    assert check == ok("tier of shop", "1 of 250 people in 24 hours (Group)")
    assert list(look_at_tier(store, settings, "bank")) == []
