"""Races on real servers: many callers at once, and exact figures afterwards."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from producer.campaigns.deduplication import SeenRecipients
from store.client import Store
from store.keys import limiter
from store.lanes.lane import find_lane, finish_loading
from store.lanes.open import open_campaign
from store.limits.breakers import (
    ACCOUNT,
    SERVER,
    Probing,
    count_server_error,
    open_breaker,
    read_breakers,
    take_probe,
    template_scope,
)
from store.limits.rate_limit import Limits, acquire_permits, return_permits
from store.queue.dead_letters import Word, count_entries, settle_dead_letters
from store.queue.enqueue import Place, RowsAdded, enqueue_messages, enqueue_rows
from store.queue.settlement import (
    RetryBatch,
    Settlement,
    promote_due,
    recover_expired,
    settle_batch,
)
from store.reports.lane_report import report
from store.states import State
from tests.conformance import given
from tests.conformance.retry_dead_letters import dead
from tests.conformance.schedule import Grant, now_us, worst_excess

T = TypeVar("T")


def at_once(url: str, n: int, work: Callable[[Store, int], T]) -> list[T]:
    """Run `work` in n threads, each with a client of its own, all starting at the same moment."""
    ready = threading.Barrier(n)

    def run(i: int) -> T:
        store = Store.connect(url)
        store.client.ping()
        ready.wait(10)
        try:
            return work(store, i)
        finally:
            store.close()

    with ThreadPoolExecutor(n) as threads:
        return list(threads.map(run, range(n)))


def people(first: int, n: int) -> list[bytes]:
    """Job lines of people who are no numbers, so that there are enough of them."""
    return [b"GB.%d\tGuest" % i for i in range(first, first + n)]


def big_campaign(store: Store, n: int) -> str:
    lane = given.campaign(store)
    for first in range(0, n, 1000):
        given.add(store, lane, people(first, 1000), first, first + 1000)
    store.run(finish_loading(lane))
    return lane


def test_every_job_is_claimed_exactly_once(store: Store, server: str) -> None:
    lane = big_campaign(store, 5000)

    def claim_all(mine: Store, i: int) -> list[int]:
        rng, taken = random.Random(i), list[int]()
        while jobs := given.claim(mine, lane, f"b{i}-{len(taken)}", most=rng.randint(1, 97)).jobs:
            taken += given.indexes(jobs)
        return taken

    taken = at_once(server, 16, claim_all)
    assert sorted(index for mine in taken for index in mine) == list(range(5000))
    assert given.counts(store, lane) == {State.IN_FLIGHT: 5000}
    assert given.balanced(store, lane)


def test_a_claim_repeated_by_many_is_one_claim(store: Store, server: str) -> None:
    lane = big_campaign(store, 1000)
    claims = at_once(server, 8, lambda mine, _: given.claim(mine, lane, most=300))
    assert {tuple(given.indexes(claim.jobs)) for claim in claims} == {tuple(range(300))}
    assert given.counts(store, lane) == {State.QUEUED: 700, State.IN_FLIGHT: 300}


def test_a_settlement_repeated_by_many_has_one_effect(store: Store, server: str) -> None:
    lane = big_campaign(store, 1000)
    claim = given.claim(store, lane)
    what = given.ended(State.UNCONFIRMED, claim.jobs)
    what.stats = {"retried": 3}
    settled = at_once(server, 8, lambda mine, _: given.settle(mine, lane, claim, what))
    assert Counter(one.verdict for one in settled) == {"ok": 1, "repeat": 7}
    assert len({(one.revision, one.status) for one in settled}) == 1
    found = report(store, lane)
    assert found.counts == {State.UNCONFIRMED: 1000}
    assert (found.codes, found.stats) == ({"unconfirmed:none:0": 1000}, {"retried": 3})
    assert given.balanced(store, lane)


def test_a_batch_is_settled_or_recovered_and_never_both(store: Store, server: str) -> None:
    lane = big_campaign(store, 1000)
    claims = {f"b{i}": given.claim(store, lane, f"b{i}", most=25) for i in range(40)}
    for batch in claims:
        given.lease_ran_out(store, lane, batch)

    def settle_or_recover(mine: Store, i: int) -> int:
        if i % 2:
            return sum(
                mine.run(recover_expired(lane, settle_after_ms=0, most=1)).back for _ in claims
            )
        calls = {
            batch: settle_batch(lane, batch, 25, "ann", given.ended(State.ACCEPTED, claim.jobs))
            for batch, claim in claims.items()
        }
        return 25 * sum(mine.run(calls[f"b{b}"]).verdict == "ok" for b in reversed(range(40)))

    did = at_once(server, 4, settle_or_recover)
    accepted, back = did[0] + did[2], did[1] + did[3]
    assert accepted + back == 1000
    counts = {State.ACCEPTED: accepted, State.QUEUED: back}
    assert given.counts(store, lane) == {state: n for state, n in counts.items() if n}
    assert given.balanced(store, lane)


def test_a_file_loaded_by_many_is_in_once(store: Store, server: str) -> None:
    lane, chunks = given.campaign(store), 12

    def load(mine: Store, _: int) -> list[RowsAdded]:
        seen, added = SeenRecipients(), []
        for i in range(chunks):
            lines = seen.drop_duplicates(people(i * 200, 250))
            start, end, twice = Place(i * 250), Place(i * 250 + 250), 250 - len(lines)
            added.append(mine.run(enqueue_rows(lane, start, end, lines, 1, duplicates=twice)))
        return added

    added = [one for mine in at_once(server, 8, load) for one in mine if not one.repeated]
    assert len(added) == chunks
    assert sorted(one.first_index for one in added) == [0, *range(250, chunks * 200, 200)]
    store.run(finish_loading(lane))
    jobs = given.claim(store, lane, most=9999).jobs
    assert sorted(job.recipient for job in jobs) == sorted(
        line.split(b"\t")[0] for line in people(0, chunks * 200 + 50)
    )
    is_ = find_lane(store, lane)
    assert (is_.offset, is_.invalid_rows, is_.duplicates) == (
        chunks * 250,
        chunks,
        50 * (chunks - 1),
    )
    assert given.balanced(store, lane)


def test_a_campaign_opened_by_many_is_one(store: Store, server: str) -> None:
    opened = at_once(server, 8, lambda mine, _: open_campaign(mine, given.plan()))
    assert len({lane for lane, _ in opened}) == 1
    assert Counter(resumed for _, resumed in opened) == {False: 1, True: 7}


def test_a_key_used_by_many_goes_in_once(store: Store, server: str) -> None:
    lane = given.notifications(store)
    messages = [given.message(f"Code {i}", key=f"order-{i}") for i in range(50)]

    def enqueue(mine: Store, i: int) -> list[str]:
        mixed = random.Random(i).sample(messages, len(messages))
        taken = mine.run(enqueue_messages(lane, mixed))
        assert taken is not None
        return [how for how, _ in taken]

    answers = Counter(how for mine in at_once(server, 8, enqueue) for how in mine)
    assert answers == {"n": 50, "d": 350}
    assert given.counts(store, lane) == {State.QUEUED: 50}


def test_a_retry_promoted_by_many_is_queued_once(store: Store, server: str) -> None:
    lane = big_campaign(store, 1000)
    claim = given.claim(store, lane)
    what = Settlement({State.DELAYED: 1000}, given.records(State.TRIED, claim.jobs))
    what.retries = [RetryBatch(f"w{i}", 0, claim.jobs[i * 50 : i * 50 + 50]) for i in range(20)]
    given.settle(store, lane, claim, what)

    def promote(mine: Store, _: int) -> int:
        promoted, wait = 0, 0
        while wait == 0:  # more are due
            jobs, wait = mine.run(promote_due(lane, most=5))
            promoted += jobs
        return promoted

    assert sum(at_once(server, 8, promote)) == 1000
    assert given.balanced(store, lane)


def test_a_report_always_balances_whatever_goes_on(store: Store, server: str) -> None:
    lane, done = given.campaign(store, early=True), threading.Event()

    def work_or_look(mine: Store, i: int) -> bool:
        if i == 0:
            for first in range(0, 20_000, 200):
                given.add(mine, lane, people(first, 200), first, first + 200)
                claim = given.claim(mine, lane, f"b{first}", most=150)
                given.settle(
                    mine, lane, claim, given.ended(State.ACCEPTED, claim.jobs), f"b{first}"
                )
            done.set()
            return True
        looks = []
        while not done.is_set():
            looks.append(report(mine, lane).balanced)
        return all(looks)

    assert all(at_once(server, 3, work_or_look))


def test_many_callers_share_a_burst_to_the_last_message(store: Store, server: str) -> None:
    slow = Limits(messages_per_second=0.001, burst=100, urgent_reserve=20, requests_per_second=0)
    store.client.hset(limiter("shop"), "messages", 0)

    def ask(mine: Store, i: int) -> int:
        call = acquire_permits("shop", slow, 10, op=f"op{i}", urgent=i % 2 == 0, horizon=0)
        return 10 * mine.run(call).granted

    granted = at_once(server, 32, ask)
    assert sum(granted) == 100


def test_permits_returned_by_many_are_returned_once(store: Store, server: str) -> None:
    slow = Limits(messages_per_second=0.001, burst=100, urgent_reserve=0, requests_per_second=0)
    store.client.hset(limiter("shop"), "messages", 0)
    store.run(acquire_permits("shop", slow, 100, op="a", urgent=False, horizon=0))
    returned = at_once(
        server, 8, lambda mine, _: mine.run(return_permits("shop", slow, 40, op="a"))
    )
    assert Counter(returned) == {True: 1, False: 7}
    again = [
        acquire_permits("shop", slow, 20, op=f"op{i}", urgent=False, horizon=0) for i in range(3)
    ]
    assert [store.run(call).granted for call in again] == [True, True, False]


def test_many_callers_never_exceed_the_limit(store: Store, server: str) -> None:
    limits = Limits(messages_per_second=2000, burst=200, urgent_reserve=40, requests_per_second=0)
    empty = now_us(store) + 200 * 500
    store.client.hset(limiter("shop"), "messages", empty)
    give_up = time.monotonic() + 1

    def call_again_and_again(mine: Store, i: int) -> list[Grant]:
        rng, grants, asked = random.Random(i), list[Grant](), 0
        while time.monotonic() < give_up:
            n, asked, before = rng.randint(1, 60), asked + 1, now_us(mine)
            answer = mine.run(
                acquire_permits(
                    "shop", limits, n, op=f"{i}-{asked}", urgent=i % 3 == 0, horizon=0.05
                )
            )
            if answer.granted:
                grants.append(Grant.of(n, before, now_us(mine), answer.wait))
            else:
                threading.Event().wait(min(answer.wait, 0.01))
        return grants

    grants = [one for mine in at_once(server, 16, call_again_and_again) for one in mine]
    total = sum(grant.n for grant in grants)
    assert worst_excess(grants, rate=2000) <= 200
    assert int(store.client.hget(limiter("shop"), "messages") or 0) >= empty + 500 * total
    assert total >= 1000  # of the 2,000 of a second: the rate is used


def test_operators_who_say_the_same_word_at_once_send_nobody_twice(
    store: Store, server: str
) -> None:
    lane = big_campaign(store, 3000)
    for i in range(40):
        dead(store, lane, f"b{i}", (State.UNCONFIRMED, State.FAILED), most=75)
    known = find_lane(store, lane)
    said = at_once(
        server,
        4,
        lambda mine, _: settle_dead_letters(mine, known, Word.RESEND, (State.UNCONFIRMED,)),
    )
    assert sum(one.jobs for one in said) == 1520
    assert given.counts(store, lane) == {State.QUEUED: 1520, State.FAILED: 1480}
    assert store.run(count_entries(lane)) == 40
    assert given.balanced(store, lane)
    jobs = given.claim(store, lane, "again", most=3000).jobs
    assert len({job.index for job in jobs}) == len(jobs) == 1520


def test_of_many_who_ask_at_once_exactly_one_may_probe(store: Store, server: str) -> None:
    free = Limits(messages_per_second=0, burst=1, urgent_reserve=0, requests_per_second=0)
    template = template_scope("order_update", "en_US")
    for scope in (ACCOUNT, SERVER, template):
        store.run(open_breaker("shop", scope, "a reason", by="worker", probe_after=0.001))

    def ask(mine: Store, i: int) -> tuple[list[bool], bool]:
        granted = [
            mine.run(acquire_permits("shop", free, 5, op=f"{i}-{j}", urgent=i % 2 == 0, horizon=0))
            for j in range(20)
        ]
        took = mine.run(take_probe("shop", template, op=f"{i}", lease=60))
        return [one.granted for one in granted], took

    answers = at_once(server, 16, ask)
    assert sum(sum(granted) for granted, _ in answers) == 1
    assert sum(took for _, took in answers) == 1


def test_server_errors_counted_by_many_are_all_counted(store: Store, server: str) -> None:
    probing = Probing(100, 100)

    def fail(mine: Store, i: int) -> list[bool]:
        return [
            mine.run(
                count_server_error("shop", "HTTP 503", op=f"{i}-{j}", in_a_row=100, probing=probing)
            ).server
            for j in range(10)
        ]

    said = [is_open for mine in at_once(server, 16, fail) for is_open in mine]
    assert sum(said) == 61  # the hundredth opened it, and all that came after it met it open
    (breaker,) = store.run(read_breakers("shop"))
    assert breaker.failures == 1
