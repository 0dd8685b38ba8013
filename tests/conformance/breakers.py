"""Breakers: opened and closed, and asked by acquire_permits, with one probe at a time."""

import time

from store.client import Store, command
from store.keys import breakers
from store.limits.breakers import (
    ACCOUNT,
    MOST,
    SERVER,
    Breaker,
    Probing,
    close_breaker,
    count_server_error,
    open_breaker,
    read_breakers,
    release_probe,
    take_probe,
    template_scope,
)
from store.limits.rate_limit import Limits, Permits, acquire_permits

FREE = Limits(messages_per_second=0, burst=1, urgent_reserve=0, requests_per_second=0)
SOON = 0.001
TEMPLATE = template_scope("order_update", "en_US")
LATER = Probing(100, 400)


def ask(store: Store, op: str, n: int = 100, *, lease: float = 60) -> Permits:
    """Ask for permits of the sub-account `shop`."""
    call = acquire_permits(
        "shop", FREE, n, op=op, urgent=False, horizon=0, most_probed=10, probe_lease=lease
    )
    return store.run(call)


def probe(store: Store, op: str) -> Permits:
    """Ask until a probe is granted."""
    give_up = time.monotonic() + 5
    while not (answer := ask(store, op)).granted:
        assert time.monotonic() < give_up, "no probe is ever granted"
    return answer


def opened(store: Store, scope: str = ACCOUNT, *, after: float = SOON, by: str = "worker") -> bool:
    """Open a breaker."""
    call = open_breaker("shop", scope, "a reason", by=by, probe_after=after, longest=400)  # type: ignore[arg-type]
    return store.run(call)


def failed(store: Store, op: str, scope: str = ACCOUNT) -> bool:
    """The request with these permits has failed for the cause of the breaker; True if that opened it."""
    return store.run(
        open_breaker("shop", scope, "again", by="worker", probe_after=100, longest=400, op=op)
    )


def found(store: Store) -> Breaker:
    """The only breaker that is open."""
    (one,) = store.run(read_breakers("shop"))
    return one


def scopes(store: Store) -> list[str]:
    """Open breakers."""
    return [one.scope for one in store.run(read_breakers("shop"))]


def error(store: Store, op: str, many: int = 3, probing: Probing = LATER) -> bool:
    """A request has met an error of the provider."""
    call = count_server_error("shop", "HTTP 500", op=op, in_a_row=many, probing=probing)
    return store.run(call).server


class TestOpenBreaker:
    def test_an_open_breaker_refuses_permits_and_says_which_it_is(self, store: Store) -> None:
        assert opened(store, after=100)
        answer = ask(store, "a")
        assert (answer.granted, answer.blocked, answer.held_by) == (False, False, ACCOUNT)
        assert 99 < answer.wait <= 100
        one = found(store)
        assert (one.sub_account, one.scope, one.reason) == ("shop", ACCOUNT, "a reason")
        assert (one.by, one.failures) == ("worker", 1)
        assert one.probe_at == one.opened_at + 100_000

    def test_other_sub_accounts_do_not_feel_it(self, store: Store) -> None:
        opened(store, after=100)
        call = acquire_permits("bank", FREE, 1, op="a", urgent=False, horizon=0)
        assert store.run(call) == Permits(True, 0)

    def test_requests_that_fail_together_open_it_once(self, store: Store) -> None:
        assert [opened(store, after=100) for _ in range(5)] == [True] + [False] * 4
        assert found(store).failures == 1

    def test_what_an_operator_opened_is_never_probed(self, store: Store) -> None:
        call = open_breaker("shop", ACCOUNT, "stop it", by="operator")
        assert store.run(call)
        assert not ask(store, "a").granted
        assert found(store).probe_at == 0
        assert not store.run(take_probe("shop", ACCOUNT, op="a", lease=60))

    def test_a_stronger_word_replaces_a_weaker_one_and_never_the_other_way(
        self, store: Store
    ) -> None:
        assert opened(store, by="worker")
        assert opened(store, by="provider")
        assert not opened(store, by="worker")
        assert store.run(open_breaker("shop", ACCOUNT, "stop it", by="operator"))
        assert not opened(store, by="provider")
        assert (found(store).by, found(store).reason) == ("operator", "stop it")

    def test_workers_do_not_fill_the_store_with_names_from_outside(self, store: Store) -> None:
        many = {template_scope(f"t{i}", "en"): "{}" for i in range(MOST)}
        store.client.hset(breakers("shop"), mapping=many)  # type: ignore[arg-type]
        assert not opened(store, TEMPLATE)
        assert opened(store, TEMPLATE, by="provider")


class TestProbes:
    def test_when_it_is_time_one_small_request_is_let_through(self, store: Store) -> None:
        opened(store)
        first = probe(store, "a")
        assert (first.granted, first.n, first.probes) == (True, 10, (ACCOUNT,))
        assert not ask(store, "b").granted
        assert ask(store, "a") == first  # a repeat of the same question

    def test_a_probe_of_the_server_is_a_whole_batch(self, store: Store) -> None:
        opened(store, SERVER)
        first = probe(store, "a")
        assert (first.n, first.probes) == (0, (SERVER,))

    def test_the_success_of_the_probe_closes_it(self, store: Store) -> None:
        opened(store)
        probe(store, "a")
        assert store.run(close_breaker("shop", ACCOUNT, by="worker", op="a"))
        assert ask(store, "b") == Permits(True, 0)
        assert scopes(store) == []

    def test_the_success_of_an_older_request_does_not(self, store: Store) -> None:
        opened(store, after=100)
        assert not store.run(close_breaker("shop", ACCOUNT, by="worker", op="older"))
        assert not store.run(close_breaker("shop", ACCOUNT, by="worker"))
        assert scopes(store) == [ACCOUNT]

    def test_the_failure_of_the_probe_doubles_the_wait_up_to_the_longest(
        self, store: Store
    ) -> None:
        opened(store, after=150)
        waits = []
        for op in "abc":
            due(store)
            probe(store, op)
            assert not failed(store, op)  # it was open
            waits.append(round(ask(store, "x").wait))
        assert waits == [300, 400, 400]
        assert found(store).failures == 4

    def test_the_failure_of_an_older_request_changes_nothing(self, store: Store) -> None:
        opened(store)
        probe(store, "a")
        failed(store, "older")
        assert found(store).failures == 1

    def test_a_probe_that_is_never_heard_of_ends_with_its_lease(self, store: Store) -> None:
        opened(store)
        probe(store, "a")
        assert 50 < ask(store, "b").wait <= 60
        due(store)
        opened_again = probe(store, "c")
        assert opened_again.probes == (ACCOUNT,)

    def test_a_probe_that_was_not_sent_may_follow_at_once(self, store: Store) -> None:
        opened(store)
        probe(store, "a")
        assert store.run(release_probe("shop", ACCOUNT, op="a", later=False))
        assert ask(store, "b").probes == (ACCOUNT,)
        assert not store.run(release_probe("shop", ACCOUNT, op="a", later=False))

    def test_a_probe_that_told_nothing_is_followed_when_the_usual_time_has_passed(
        self, store: Store
    ) -> None:
        opened(store, after=100)
        due(store)
        probe(store, "a")
        store.run(release_probe("shop", ACCOUNT, op="a", later=True))
        assert 99 < ask(store, "b").wait <= 100
        assert found(store).failures == 1

    def test_one_request_may_probe_both(self, store: Store) -> None:
        opened(store, SERVER, after=100)
        opened(store, ACCOUNT)
        assert ask(store, "a").held_by == SERVER
        due(store)
        assert probe(store, "b").probes == (ACCOUNT, SERVER)


class TestCountServerError:
    def test_so_many_in_a_row_open_it(self, store: Store) -> None:
        assert [error(store, op) for op in "abc"] == [False, False, True]
        assert scopes(store) == [SERVER]
        assert ask(store, "x").held_by == SERVER

    def test_errors_are_news_and_a_success_ends_the_row(self, store: Store) -> None:
        assert not ask(store, "x").news
        error(store, "a")
        assert ask(store, "y").news
        assert scopes(store) == []
        store.run(close_breaker("shop", SERVER, by="worker", op="y"))
        assert [error(store, op) for op in "bcd"] == [False, False, True]
        store.run(close_breaker("shop", SERVER, by="worker", op="any"))
        assert not ask(store, "z").news
        assert store.client.exists(breakers("shop")) == 0

    def test_the_same_error_told_twice_counts_once(self, store: Store) -> None:
        assert [error(store, "a") for _ in range(5)] == [False] * 5

    def test_the_failure_of_its_probe_doubles_the_wait(self, store: Store) -> None:
        for op in "abc":
            error(store, op)
        due(store)
        probe(store, "p")
        assert error(store, "older")
        assert found(store).failures == 1
        assert error(store, "p")
        assert found(store).failures == 2
        assert 199 < ask(store, "x").wait <= 200


class TestEvents:
    def test_an_older_event_about_the_same_changes_nothing(self, store: Store) -> None:
        def tell(at: int, *, well: bool) -> bool:
            if well:
                return store.run(close_breaker("shop", TEMPLATE, by="provider", event_ms=at))
            call = open_breaker("shop", TEMPLATE, "paused", by="provider", event_ms=at)
            return store.run(call)

        assert not tell(7, well=True)
        assert not tell(6, well=False)
        assert tell(8, well=False)
        assert not tell(7, well=True)
        assert scopes(store) == [TEMPLATE]
        assert tell(8, well=True)

    def test_events_about_others_and_other_words_are_not_held_against_it(
        self, store: Store
    ) -> None:
        store.run(close_breaker("shop", TEMPLATE, by="provider", event_ms=9))
        assert store.run(open_breaker("shop", ACCOUNT, "x", by="provider", event_ms=1))
        assert store.run(open_breaker("shop", TEMPLATE, "x", by="operator"))
        assert store.run(open_breaker("bank", TEMPLATE, "x", by="provider", event_ms=1))


class TestCloseBreaker:
    def test_an_operator_closes_any(self, store: Store) -> None:
        for scope in (ACCOUNT, SERVER, TEMPLATE):
            store.run(open_breaker("shop", scope, "stop it", by="operator"))
            assert store.run(close_breaker("shop", scope))
            assert not store.run(close_breaker("shop", scope))
        assert scopes(store) == []

    def test_nobody_else_closes_what_an_operator_opened(self, store: Store) -> None:
        for scope in (ACCOUNT, SERVER):
            store.run(open_breaker("shop", scope, "stop it", by="operator"))
            assert not store.run(close_breaker("shop", scope, by="worker", op="a"))
            assert not store.run(close_breaker("shop", scope, by="provider"))
        assert scopes(store) == [ACCOUNT, SERVER]

    def test_what_an_operator_lets_be_probed_ends_with_the_success_of_its_probe(
        self, store: Store
    ) -> None:
        for scope in (ACCOUNT, SERVER):
            opened(store, scope, by="operator")
            probe(store, f"p-{scope}")
            assert not store.run(close_breaker("shop", scope, by="worker", op="older"))
            assert store.run(close_breaker("shop", scope, by="worker", op=f"p-{scope}"))
        assert scopes(store) == []

    def test_its_failure_lets_an_operators_breaker_wait_longer(self, store: Store) -> None:
        for scope, tell in ((ACCOUNT, failed), (SERVER, error)):
            opened(store, scope, after=150, by="operator")
            due(store)
            probe(store, f"p-{scope}")
            tell(store, f"p-{scope}")
            assert 299 < ask(store, "x").wait <= 300
            assert (found(store).by, found(store).reason) == ("operator", "a reason")
            store.run(close_breaker("shop", scope))


class TestTemplates:
    def test_a_template_holds_up_nobody_and_is_counted(self, store: Store) -> None:
        assert ask(store, "a").templates == 0
        opened(store, TEMPLATE, after=100)
        opened(store, template_scope("hello", "de"), after=100)
        error(store, "e")
        answer = ask(store, "b")
        assert (answer.granted, answer.templates, answer.probes) == (True, 2, ())

    def test_one_message_is_the_probe(self, store: Store) -> None:
        opened(store, TEMPLATE)
        give_up = time.monotonic() + 5
        while not store.run(take_probe("shop", TEMPLATE, op="a", lease=60)):
            assert time.monotonic() < give_up, "no probe is ever granted"
        assert not store.run(take_probe("shop", TEMPLATE, op="b", lease=60))
        assert store.run(take_probe("shop", TEMPLATE, op="a", lease=60))
        assert store.run(close_breaker("shop", TEMPLATE, by="worker", op="a"))
        assert not store.run(take_probe("shop", TEMPLATE, op="c", lease=60))


def due(store: Store) -> None:
    """Time passes: every breaker may be probed, and no probe is in the air any more."""
    key = breakers("shop")
    for scope in scopes(store):
        is_ = store.run(command("HGET", key, scope, parse=bytes.decode))
        for field in ("probe_at", "leased_until"):
            start = is_.index(f'"{field}":') + len(field) + 3
            stop = min(i for i in (is_.find(",", start), is_.find("}", start)) if i > 0)
            is_ = f"{is_[:start]}1{is_[stop:]}"
        store.client.hset(key, scope, is_)
