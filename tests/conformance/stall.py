"""begin_request, note_ended and the breaker `stall`: what is posted while no answers come."""

import pytest

from store.client import Store
from store.keys import limiter, requests
from store.limits.breakers import (
    ACCOUNT,
    SERVER,
    STALL,
    Counted,
    Probing,
    count_server_error,
    open_breaker,
    read_breakers,
    release_probe,
)
from store.limits.rate_limit import (
    Limits,
    Permits,
    acquire_permits,
    begin_request,
    note_ended,
    pause_sub_account,
)

FREE = Limits(messages_per_second=0, burst=1, urgent_reserve=0, requests_per_second=0)
PACED = Limits(messages_per_second=1000, burst=100_000, urgent_reserve=0, requests_per_second=0)


class Shop:
    """The sub-account `shop` and its workers."""

    def __init__(self, store: Store, limits: Limits = FREE) -> None:
        self.store, self.limits = store, limits

    def ask(self, op: str, n: int = 100, *, ended: str = "", patience: float = 60) -> Permits:
        call = acquire_permits(
            "shop",
            self.limits,
            n,
            op=op,
            urgent=False,
            horizon=1000,
            ended=ended,
            patience=patience,
        )
        return self.store.run(call)

    def begin(
        self, op: str, n: int = 100, *, ended: str = "", patience: float = 60, urgent: bool = False
    ) -> str:
        call = begin_request(
            "shop", self.limits, n, op=op, urgent=urgent, ended=ended, patience=patience
        )
        return self.store.run(call)

    def ended(self, words: str) -> None:
        self.store.run(note_ended("shop", words))

    def failed(self, op: str, n: int = 100, *, silent: bool = True, many: int = 5) -> Counted:
        call = count_server_error(
            "shop", "reset", op=op, messages=n, silent=silent, in_a_row=many, probing=Probing(1, 30)
        )
        return self.store.run(call)

    def open(self) -> dict[str, int]:
        """Open breakers and their failures."""
        return {one.scope: one.failures for one in self.store.run(read_breakers("shop"))}

    def waiting(self) -> int:
        """Requests that wait for an answer."""
        return int(self.store.client.zcard(requests("shop")))

    def later(self, ms: int) -> None:
        """Time passes for all that is known of requests and answers."""
        for request in [*self.store.client.zscan_iter(requests("shop"))]:
            self.store.client.zincrby(requests("shop"), -ms, request[0])
        if answered := self.store.client.hget(limiter("shop"), "answered_at"):
            self.store.client.hset(limiter("shop"), "answered_at", int(answered) - ms)


@pytest.fixture
def shop(store: Store) -> Shop:
    return Shop(store)


class TestOneFailure:
    def test_one_request_without_an_answer_leaves_only_a_probe_of_ten(self, shop: Shop) -> None:
        assert shop.begin("a") == ""
        assert shop.failed("a") == Counted(server=False, stalled=True)
        probe = shop.ask("b")
        assert (probe.granted, probe.n, probe.probes) == (True, 10, (STALL,))
        assert shop.ask("c").held_by == STALL
        assert shop.waiting() == 0

    def test_requests_that_fail_together_open_it_once(self, shop: Shop) -> None:
        for op in "abc":
            shop.begin(op)
        assert [shop.failed(op).stalled for op in "abc"] == [True, False, False]
        assert shop.open() == {STALL: 1}

    def test_turns_that_were_given_before_are_withheld(self, shop: Shop) -> None:
        assert shop.ask("a").granted
        assert shop.ask("b").granted
        shop.begin("a")
        shop.failed("a")
        assert shop.begin("b") == STALL

    def test_the_failure_of_the_probe_makes_the_next_one_later_and_single(self, shop: Shop) -> None:
        shop.begin("a")
        shop.failed("a")
        shop.ask("b")
        assert shop.begin("b", 10) == ""
        assert shop.failed("b", 10) == Counted(server=False, stalled=False)
        assert shop.open() == {STALL: 2}
        assert 0 < shop.ask("c").wait <= 0.5
        while not (probe := shop.ask("d")).granted:
            pass
        assert probe.n == 1

    def test_the_answer_to_the_probe_ends_it(self, shop: Shop) -> None:
        shop.begin("a")
        shop.failed("a")
        shop.ask("b")
        shop.begin("b", 10)
        shop.ended("+b:10")
        assert shop.open() == {}
        assert shop.ask("c", 100).n == 0

    def test_an_answer_to_an_older_request_does_not(self, shop: Shop) -> None:
        shop.begin("old")
        shop.later(5)
        shop.begin("a")
        shop.failed("a")
        shop.ended("+old:100")
        assert shop.open() == {STALL: 1}

    def test_what_an_operator_opened_no_answer_closes(self, shop: Shop) -> None:
        shop.store.run(open_breaker("shop", STALL, "look first", by="operator"))
        shop.store.client.zadd(requests("shop"), {"a:1": 1e15})
        shop.ended("+a:1")
        assert shop.open() == {STALL: 1}

    def test_it_feeds_the_server_breaker_as_an_error_does(self, shop: Shop) -> None:
        assert [shop.failed(op, many=3).server for op in "abc"] == [False, False, True]
        assert set(shop.open()) == {SERVER, STALL}

    def test_an_error_of_the_provider_is_an_answer(self, shop: Shop) -> None:
        shop.begin("a")
        assert shop.failed("a", silent=False) == Counted(server=False, stalled=False)
        assert shop.waiting() == 0
        assert shop.ask("b", patience=0.5).granted
        assert shop.open() == {}

    def test_an_error_that_meets_the_probe_is_no_good_answer(self, shop: Shop) -> None:
        shop.begin("a")
        shop.failed("a")
        shop.ask("b")
        shop.begin("b", 10)
        shop.failed("b", 10, silent=False)
        assert shop.open() == {STALL: 2}

    def test_a_probe_that_was_not_posted_may_follow_at_once(self, shop: Shop) -> None:
        shop.begin("a")
        shop.failed("a")
        shop.ask("b")
        shop.store.run(release_probe("shop", STALL, op="b", later=False))
        assert shop.ask("c").probes == (STALL,)


class TestSilence:
    def test_too_long_without_an_answer_is_a_stall(self, shop: Shop) -> None:
        shop.begin("a")
        shop.later(2100)
        probe = shop.ask("b", patience=2)
        assert (probe.n, probe.probes) == (10, (STALL,))
        (stall,) = shop.store.run(read_breakers("shop"))
        assert stall.reason == "no answer has come for 2.1 s"

    def test_it_is_noticed_before_the_next_request_is_posted_too(self, shop: Shop) -> None:
        shop.begin("a")
        shop.ask("b")
        shop.later(2100)
        assert shop.begin("b", patience=2) == STALL

    def test_an_answer_meanwhile_starts_the_time_anew(self, shop: Shop) -> None:
        shop.begin("a")
        shop.begin("b")
        shop.later(1500)
        shop.ended("+a:100")
        shop.later(1500)
        assert shop.ask("c", patience=2).probes == ()

    def test_nobody_is_waited_for_when_nothing_was_asked(self, shop: Shop) -> None:
        shop.begin("a", ended="")
        shop.ended("+a:100")
        shop.later(3_600_000)
        assert shop.ask("b", patience=2).probes == ()

    def test_an_answer_that_comes_late_ends_it(self, shop: Shop) -> None:
        shop.begin("a")
        shop.later(2100)
        shop.ask("b", patience=2)
        shop.ended("+a:100")
        assert shop.open() == {}

    def test_how_requests_ended_travels_with_the_next_question(self, shop: Shop) -> None:
        shop.begin("a")
        shop.begin("b")
        shop.later(2100)
        assert shop.begin("c", ended="+a:100 -b:100", patience=2) == ""
        assert shop.waiting() == 1
        shop.later(2100)
        assert shop.ask("d", ended="+c:100", patience=2).probes == ()
        assert shop.waiting() == 0

    def test_what_was_told_twice_counts_once(self, shop: Shop) -> None:
        shop.begin("a")
        shop.begin("b")
        shop.ended("+a:100")
        shop.later(2100)
        shop.ended("+a:100")
        assert shop.ask("c", patience=2).probes == (STALL,)

    def test_a_request_of_a_worker_that_is_gone_is_waited_for_no_longer_than_its_lease(
        self, shop: Shop
    ) -> None:
        shop.begin("a")
        shop.later(61_000)
        assert shop.ask("b", patience=2).probes == ()


class TestHowManyWait:
    def test_before_the_first_answer_three_batches_go_out(self, shop: Shop) -> None:
        assert [shop.begin(op, 1000) for op in "abcd"] == ["", "", "", "waiting"]
        assert not shop.ask("e", 1000).granted
        shop.ended("+a:1000")
        assert [shop.begin(op, 1000) for op in "efghi"] == [""] * 5

    def test_with_a_rate_so_much_of_it_goes_out_as_a_stall_takes_to_be_noticed(
        self, store: Store
    ) -> None:
        shop = Shop(store, PACED)
        assert [shop.begin(op, 500, patience=2) for op in "abcdef"] == [""] * 5 + ["waiting"]
        shop.ended("+a:500")
        assert [shop.begin(op, 500, patience=2) for op in "fg"] == ["", "waiting"]
        assert not shop.ask("g", 500, patience=2).granted

    def test_what_is_urgent_finds_room(self, store: Store) -> None:
        shop = Shop(store, PACED)
        for op in "abcde":
            shop.begin(op, 500)
        assert shop.begin("f", 1, patience=2) == "waiting"
        assert shop.begin("f", 1, patience=2, urgent=True) == ""

    def test_the_probe_finds_room(self, shop: Shop) -> None:
        for op in "abc":
            shop.begin(op, 1000)
        shop.later(2100)
        probe = shop.ask("d", patience=2)
        assert probe.n == 10
        assert shop.begin("d", 10, patience=2) == ""

    def test_answers_that_take_long_make_room_for_more(self) -> None:
        assert PACED.most_waiting(2, urgent=False) == 2500
        assert PACED.most_waiting(30, urgent=False) == 30_000


class TestWhatHasHappenedSince:
    def test_a_pause_holds_up_turns_that_were_given_before(self, shop: Shop) -> None:
        assert shop.ask("a").granted
        shop.store.run(pause_sub_account("shop", 30))
        assert shop.begin("a") == "blocked"

    @pytest.mark.parametrize("scope", [ACCOUNT, SERVER])
    def test_so_does_a_breaker_but_not_its_probe(self, shop: Shop, scope: str) -> None:
        assert shop.ask("a").granted
        shop.store.run(
            open_breaker("shop", scope, "why", by="worker", probe_after=0.001, longest=9)
        )
        assert shop.begin("a") == scope
        while not (probe := shop.ask("b")).granted:
            pass
        assert probe.probes == (scope,)
        assert shop.begin("b") == ""

    def test_other_sub_accounts_do_not_feel_it(self, shop: Shop) -> None:
        shop.begin("a")
        shop.failed("a")
        call = begin_request("bank", FREE, 100, op="b", urgent=False)
        assert shop.store.run(call) == ""
