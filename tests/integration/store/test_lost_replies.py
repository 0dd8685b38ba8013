"""Every script, called through a proxy that loses its reply, and then called again: one effect.

A store after `call, lost reply, the same call` must look as it does after the call alone; only a lease
may end later. The table names every script there is; those few whose repeat shows say why it harms
nobody.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from sendmany.local.embedded_redis import EmbeddedServer
from store.access.tokens import (
    Scope,
    Token,
    add_token,
    note_token_use,
    revoke_token,
)
from store.client import Call, Store, command, script_call, text
from store.errors import StoreUnavailable
from store.keys import (
    ASIDE,
    OUTCOMES,
    inbox,
    lane_keys,
    lifted,
    shard_of,
    suppressed,
    unmarketed,
    unreachable,
    windows,
)
from store.lanes.drafts import Draft, change_draft, keep_part, remove_files
from store.lanes.held_jobs import EndedJob, end_jobs
from store.lanes.lane import (
    HELD_UNTIL_MS,
    Priority,
    announce,
    find_lane,
    finish_loading,
    grow_canary,
    link_child,
    move_lane,
    note_missing,
    pace_lane,
    reopen_lane,
    schedule_lane,
)
from store.lanes.open import open_campaign
from store.lanes.retention import expire_step
from store.limits.breakers import (
    close_breaker,
    count_receipts,
    count_server_error,
    open_breaker,
    release_probe,
    take_probe,
)
from store.limits.learned import Cause, Learned, keep_learned, read_learned
from store.limits.pairs import space_pairs
from store.limits.rate_limit import (
    Limits,
    acquire_permits,
    begin_request,
    note_ended,
    pause_sub_account,
    return_permits,
)
from store.limits.stops import Stopped, stop_sending
from store.limits.tier import change_tier, reserve_places
from store.metrics.counters import flush_metrics
from store.migrations.schema import raise_schema
from store.people.erase import erase_body, erase_records
from store.people.find import Body, find_in_lane
from store.people.forgotten import keep_forgotten
from store.people.person import Person
from store.people.service_windows import forget_windows, mark_unreachable, open_windows
from store.people.suppressions import Why, note_people, release, suppress
from store.queue.dead_letters import DeadLetters, Word, retry_dead_letters
from store.queue.enqueue import Place, enqueue_messages, enqueue_rows
from store.queue.settlement import (
    InDoubtBatch,
    RetryBatch,
    Settlement,
    claim_batch,
    mark_posting,
    promote_due,
    recover_expired,
    settle_batch,
    settle_in_doubt,
)
from store.receipts.inbox import (
    acknowledge,
    add_to_inbox,
    forget_aside,
    keep_unmatched,
    read_inbox,
    reclaim,
)
from store.receipts.sent_batches import hold_batch
from store.receipts.status_updates import StatusUpdate, apply_status_updates
from store.records.outcome import Origin, forgotten, head
from store.scripts import load_scripts
from store.states import State
from store.workers.presence import register_worker, wake_workers
from tests.conformance import breakers, given
from tests.integration.proxy import ReplyDropper

LIMITS = Limits(messages_per_second=10, burst=5, urgent_reserve=0, requests_per_second=0)
AnyCall = Call[Any]
Doing = Callable[[Store], AnyCall]
"""Brings the store into the state before the call, and gives the call."""


@dataclass(frozen=True)
class Case:
    """A call that is made twice."""

    script: str
    doing: Doing


CASES: dict[str, Case] = {}
"""By a few words that say what is done."""

NOT_TWICE_THE_SAME = {
    "keep_person_event": "news of a reply come at least once; they have its id",
    "add_to_inbox": "a body that is kept twice is applied twice, which changes nothing",
    "keep_unmatched": "kept for people to look at; a copy harms nobody",
    "wake_workers": "a hint: a lost one costs seconds, until the next tick or sweep",
    "read_inbox": "what was handed out and never arrived is reclaimed by another consumer",
    "reclaim_inbox": "as read_inbox",
    "note_sweep": "notes the time, as every sweep does",
    "open_session": "a repeat ends as much later as it came later; its id is told only once",
    "find_session": "reads; a repeat resets the idle time again",
    "discard_lane": "a repeat finds no lane; what is left of it expires step by step",
    "read_lane_report": "reads",
    "read_due": "reads",
    "read_rules": "reads",
    "find_recipient": "reads",
    "read_inbox_figures": "reads",
    "check_recipients": "reads, and notes whose last message was not marketing: a repeat notes the same",
    "reserve_marketing": "a message that has its place keeps it",
    "release_marketing": "a repeat finds no place of the message",
    "find_bodies": "reads",
    "find_jobs": "reads",
    "find_keys": "reads",
    "find_person": "reads",
    "find_unmarketed": "reads",
    "find_token": "reads",
    "widen_records": "a step of a migration, repeated in tests/conformance/widen_records.py",
    "choose_canary": "a repeat finds the batch shorter, and moves nothing",
    "collect_outcomes": "each entry once, by its id: tests/conformance/outcomes.py",
    "follow_lane": "sets a flag of the lane, or takes it away",
    "rename_key": "a step of a migration, repeated in tests/conformance/key_names.py",
    "take_subscription": "a repeat finds the lease taken; it ends in a minute",
    "note_delivery": "a repeat counts events twice; an endpoint may get a batch twice anyway",
    "keep_subscription": "a repeat finds it as it should be, and says that it has changed",
    "begin_subscription": "a repeat notes a later time",
    "take_inbox": "a process that hears nothing takes another one; the first is free in a minute",
    "list_tokens": "reads",
    "take_quota": "a repeat takes the messages again, and so the caller waits a little longer",
    "count_feedback": "a bit in each record tells who is counted: tests/conformance/feedback.py",
    "reserve_cells": "a repeat counts the same bytes, for a moment longer",
    "change_quiet_hours": "a repeat sets the same hours; the messages that wait are looked at twice",
    "release_put_off": "a repeat makes the same batches due a moment later",
    "write_audit": "an act that was asked for twice is told twice",
}


def case(script: str, what: str) -> Callable[[Doing], Doing]:
    """Add a call to the table."""

    def add(doing: Doing) -> Doing:
        CASES[f"{script}: {what}"] = Case(script, doing)
        return doing

    return add


# Intake


@case("open_lane", "a campaign is opened")
def _(store: Store) -> AnyCall:
    """The call is taken from what opening a campaign runs, with the id that it has drawn."""
    calls: list[AnyCall] = []
    original = store.run

    def noting(call: AnyCall) -> Any:
        following = call.parse(None) if call.args[:2] == ("ZSCORE", OUTCOMES) else call
        calls.append(following)
        return original(call)

    store.run = noting  # type: ignore[method-assign]
    open_campaign(store, given.plan())
    store.run = original  # type: ignore[method-assign]
    store.client.flushall()
    return next(call for call in calls if call.script == "open_lane")


@case("keep_cells", "a part of a draft's file")
def _(_: Store) -> AnyCall:
    return keep_part("spring-a1b2c3", "5f0a", 0, b"compressed")


@case("edit_draft", "a draft is launched")
def _(store: Store) -> AnyCall:
    lane = given.draft(store, b"phone\n+447700900001\n")
    return change_draft(lane, Draft.of(lane), {"status": "loading"})


@case("forget_draft", "a launch has loaded its files")
def _(store: Store) -> AnyCall:
    lane = given.draft(store, b"phone\n+447700900001\n")
    return remove_files(lane, Draft.of(lane).files)


@case("enqueue_rows", "a chunk of a file")
def _(store: Store) -> AnyCall:
    lane = given.campaign(store)
    return enqueue_rows(lane, Place(), Place(40, 4, 4), given.numbers(3), 2, duplicates=1)


@case("note_missing", "a lane is gone")
def _(store: Store) -> AnyCall:
    store.run(note_missing("spring-a1b2c3", 3))
    return note_missing("spring-a1b2c3", 7)


@case("stop_sending", "an operator stops sending")
def _(_: Store) -> AnyCall:
    return stop_sending(Stopped.ALL, "", "wrong price")


@case("finish_loading", "a file has been read")
def _(store: Store) -> AnyCall:
    lane = given.campaign(store)
    given.add(store, lane, given.numbers(3), 0, 30)
    return finish_loading(lane)


@case("reopen_lane", "people are to be added")
def _(store: Store) -> AnyCall:
    return reopen_lane(given.loaded(store, 3), "a further file")


@case("link_child", "a campaign is retried")
def _(store: Store) -> AnyCall:
    return link_child(given.loaded(store, 3), "child-1")


@case("replace_values", "kept values of a person are erased")
def _(store: Store) -> AnyCall:
    key = f"{lane_keys(given.loaded(store, 3)).values}0"
    store.run(command("HSET", key, "0", "old", parse=int))
    return script_call("replace_values", (key,), ("0", "old", "new"), int)


@case("enqueue_messages", "messages with keys")
def _(store: Store) -> AnyCall:
    messages = [given.message(f"text {i}", key=f"key {i}") for i in range(3)]
    return enqueue_messages(given.notifications(store), messages, day=_today())


@case("enqueue_messages", "scheduled messages")
def _(store: Store) -> AnyCall:
    later = given.message("text", key="key")._replace(due_ms=int(time.time() * 1000) + 3_600_000)
    messages = [later, given.message("x", key="y")]
    return enqueue_messages(given.notifications(store), messages, day=_today())


@case("enqueue_messages", "messages with tags")
def _(store: Store) -> AnyCall:
    messages = [given.message(f"x {i}", key=f"key {i}")._replace(tag=f"t{i}") for i in range(3)]
    return enqueue_messages(given.notifications(store), messages, day=_today())


def _today() -> int:
    return int(time.time()) // 86_400


# Lanes


def _moving(action: str, *before: str) -> Doing:
    def doing(store: Store) -> AnyCall:
        lane = given.loaded(store, 3)
        for one in before:
            store.run(move_lane(lane, one))
        return move_lane(lane, action, "a reason")

    return doing


for action, before in {"pause": (), "stop": (), "cancel": (), "resume": ("pause",)}.items():
    case("move_lane", action)(_moving(action, *before))


@case("move_lane", "close")
def _(store: Store) -> AnyCall:
    return move_lane(given.notifications(store), "close")


@case("schedule_lane", "a time")
def _(store: Store) -> AnyCall:
    in_an_hour = int(time.time() * 1000) + 3_600_000
    return schedule_lane(given.loaded(store, 3), in_an_hour, "UTC")


@case("schedule_lane", "no time any more")
def _(store: Store) -> AnyCall:
    lane = given.loaded(store, 3)
    store.run(schedule_lane(lane, int(time.time() * 1000) + 3_600_000, "UTC"))
    return schedule_lane(lane, None, "")


@case("pace_lane", "rate and weight")
def _(store: Store) -> AnyCall:
    return pace_lane(given.loaded(store, 3), 50.0, 3)


@case("expire_lane", "all of a lane without messages")
def _(store: Store) -> AnyCall:
    return expire_step(given.loaded(store, 0))


# A batch


@case("claim_batch", "a part of a section")
def _(store: Store) -> AnyCall:
    lane = given.loaded(store, 10)
    return claim_batch(lane, "b1", owner="ann", most=4, most_bytes=1 << 20, lease_ms=60_000)


@case("mark_posting", "the first request")
def _(store: Store) -> AnyCall:
    lane, _ = given.claimed_batch(store, 5)
    return mark_posting(lane, "b1", owner="ann", request=1, messages=5, lease_ms=60_000)


def _all_kinds_of_ends(store: Store) -> tuple[str, Settlement]:
    lane, claim = given.claimed_batch(store, 12)
    sent, back, later, doubtful, dead = (claim.jobs[i : i + 2] for i in range(0, 10, 2))
    rest = claim.jobs[10:]
    what = Settlement(records=given.records(State.ACCEPTED, sent + rest))
    what.records += given.records(State.TRIED, later + doubtful)
    what.records += given.records(State.FAILED, dead)
    what.back, what.retries, what.in_doubt_batches = (
        back,
        [RetryBatch("w", 0, later)],
        [InDoubtBatch("p", 0, doubtful)],
    )
    what.dead = [DeadLetters("http:500", dead)]
    what.stats = {"retried": 2}
    what.attempt_logs = [(0, b"4-5 1 http 500 1 b1")]
    what.long_ids = [(0, b"GB.1349")]
    for state, n in {
        State.ACCEPTED: 4, State.QUEUED: 2, State.DELAYED: 2, State.IN_DOUBT: 2, State.FAILED: 2
    }.items():  # fmt: skip
        what.add(state, n)
    return lane, what


@case("settle_batch", "a flight that ends in every way")
def _(store: Store) -> AnyCall:
    lane, what = _all_kinds_of_ends(store)
    return settle_batch(lane, "b1", 12, "ann", what)


@case("settle_batch", "a park that ends")
def _(store: Store) -> AnyCall:
    lane, what = _all_kinds_of_ends(store)
    store.run(settle_batch(lane, "b1", 12, "ann", what))
    jobs = what.in_doubt_batches[0].jobs
    return settle_in_doubt(lane, "p", 2, given.ended(State.UNCONFIRMED, list(jobs)))


@case("write_best_effort", "a lane is announced")
def _(store: Store) -> AnyCall:
    return announce(given.campaign(store), Priority.URGENT)


@case("promote_due", "a wave that is due")
def _(store: Store) -> AnyCall:
    lane, what = _all_kinds_of_ends(store)
    store.run(settle_batch(lane, "b1", 12, "ann", what))
    return promote_due(lane)


def _lost_batch(store: Store, *, posted: bool) -> AnyCall:
    lane, _ = given.claimed_batch(store, 5)
    if posted:
        store.run(mark_posting(lane, "b1", owner="ann", request=1, messages=5, lease_ms=60_000))
    given.lease_ran_out(store, lane)
    return recover_expired(lane, settle_after_ms=0)


@case("recover_expired", "a flight that was claimed")
def _(store: Store) -> AnyCall:
    return _lost_batch(store, posted=False)


@case("recover_expired", "a flight that was posted")
def _(store: Store) -> AnyCall:
    return _lost_batch(store, posted=True)


@case("apply_status_updates", "early, late, and of nobody")
def _(store: Store) -> AnyCall:
    lane, what = _all_kinds_of_ends(store)
    store.run(settle_batch(lane, "b1", 12, "ann", what))
    pieces = [StatusUpdate(index, 1, State.DELIVERED, given.NOW) for index in (0, 2, 6, 9, 999)]
    return apply_status_updates(lane, pieces)


@case("retry_dead_letters", "an operator has them sent again")
def _(store: Store) -> AnyCall:
    lane, what = _all_kinds_of_ends(store)
    store.run(settle_batch(lane, "b1", 12, "ann", what))
    return retry_dead_letters(lane, Word.RESEND, [State.FAILED], op="op", entries=9)


# Limits, loops, the inbox


@case("acquire_permits", "granted")
def _(store: Store) -> AnyCall:
    return acquire_permits("shop", LIMITS, 3, op="op", urgent=False, horizon=60)


@case("return_permits", "some of them")
def _(store: Store) -> AnyCall:
    store.run(acquire_permits("shop", LIMITS, 5, op="op", urgent=False, horizon=60))
    return return_permits("shop", LIMITS, 2, op="op")


@case("keep_learned", "a rate is cut")
def _(store: Store) -> AnyCall:
    return keep_learned("shop", store.run(read_learned("shop")), Learned(40, Cause.THROTTLED))


@case("space_pairs", "of people, one of whom has just got another message")
def _(store: Store) -> Call[Any]:
    store.run(space_pairs("shop", "a", [(b"447700900001", 0)], 6, waits=True))
    people = [(b"447700900001", 1), (b"447700900002", 2)]
    return space_pairs("shop", "b", people, 6, waits=True)


@case("reserve_places", "of people, one of whom has one")
def _(store: Store) -> AnyCall:
    store.run(reserve_places("shop", 250, [b"447700900001"]))
    return reserve_places("shop", 2, [b"447700900001", b"447700900002", b"447700900003"])


@case("change_tier", "an event tells a higher one")
def _(_: Store) -> AnyCall:
    return change_tier("shop", 10_000, 2000, 1_700_000_000_000)


@case("pause_sub_account", "for a minute")
def _(store: Store) -> AnyCall:
    return pause_sub_account("shop", 60)


@case("acquire_permits", "a probe of a breaker")
def _(store: Store) -> AnyCall:
    breakers.opened(store, after=100)
    breakers.due(store)
    return acquire_permits("shop", LIMITS, 3, op="op", urgent=False, horizon=60)


@case("open_breaker", "a cause is found")
def _(store: Store) -> AnyCall:
    return open_breaker("shop", "account", "a reason", by="worker")


@case("open_breaker", "an operator's word")
def _(store: Store) -> AnyCall:
    breakers.opened(store)
    return open_breaker("shop", "account", "a reason", by="operator")


@case("open_breaker", "its probe has failed")
def _(store: Store) -> AnyCall:
    breakers.opened(store)
    breakers.probe(store, "op")
    return open_breaker("shop", "account", "again", by="worker", op="op")


@case("close_breaker", "its probe has passed")
def _(store: Store) -> AnyCall:
    breakers.opened(store)
    breakers.probe(store, "op")
    return close_breaker("shop", "account", by="worker", op="op")


@case("count_server_error", "one of a few")
def _(store: Store) -> AnyCall:
    probing = breakers.LATER
    return count_server_error("shop", "HTTP 500", op="op", in_a_row=3, probing=probing)


@case("count_server_error", "one too many")
def _(store: Store) -> AnyCall:
    probing = breakers.LATER
    return count_server_error("shop", "HTTP 500", op="op", in_a_row=1, probing=probing)


@case("grow_canary", "one that is watched")
def _(store: Store) -> AnyCall:
    lane = given.loaded(store, 3)
    store.client.hset(lane_keys(lane).meta, "canary_state", "watched")
    store.client.zadd(lane_keys(lane).retries, {"c0": HELD_UNTIL_MS})
    return grow_canary(lane, 3, ["c0"])


@case("count_receipts", "one of a few")
def _(store: Store) -> AnyCall:
    return count_receipts("shop", 1023, 2, 5, 60, op="op")


@case("count_receipts", "enough")
def _(store: Store) -> AnyCall:
    store.run(count_receipts("shop", 1023, 2, 5, 60, op="earlier"))
    return count_receipts("shop", 1023, 4, 5, 60, op="op")


@case("take_probe", "a template")
def _(store: Store) -> AnyCall:
    breakers.opened(store, breakers.TEMPLATE, after=100)
    breakers.due(store)
    return take_probe("shop", breakers.TEMPLATE, op="op", lease=60)


@case("release_probe", "it was not sent")
def _(store: Store) -> AnyCall:
    breakers.opened(store)
    breakers.probe(store, "op")
    return release_probe("shop", "account", op="op", later=True)


@case("register_worker", "a loop registers")
def _(store: Store) -> AnyCall:
    return register_worker("loop", lease_ms=60_000, starts=True)


@case("acknowledge_inbox", "an entry, and what it was")
def _(store: Store) -> AnyCall:
    id_ = store.run(add_to_inbox(b"body"))
    store.run(read_inbox("ann"))
    return acknowledge([id_], {"applied": 1})


@case("hold_batch", "a batch in the air")
def _(store: Store) -> AnyCall:
    lane, _ = given.claimed_batch(store, 3)
    return hold_batch(lane, "b1")


# People


@case("suppress", "a wish from a reply and one from now")
def _(store: Store) -> AnyCall:
    store.run(suppress("shop", [("447700900001", 1000)], Why.REPLY))
    return suppress("shop", [("447700900001", 2000), ("447700900006", None)], Why.OPERATOR)


@case("unsuppress", "a person who said so, and one who was not suppressed")
def _(store: Store) -> AnyCall:
    store.run(suppress("shop", [("447700900001", 1000)], Why.REPLY))
    return release("shop", [("447700900001", 2000), ("447700900006", 2000)], replied=True)


@case("begin_request", "of a batch")
def _(store: Store) -> AnyCall:
    return begin_request("shop", LIMITS, 1, op="a", urgent=False)


@case("note_ended", "without an answer")
def _(store: Store) -> AnyCall:
    store.run(begin_request("shop", LIMITS, 1, op="a", urgent=False))
    return note_ended("shop", "-a:1")


@case("forget_aside", "what is old")
def _(store: Store) -> AnyCall:
    store.client.xadd(ASIDE, {"body": "old"}, id="1000-1")
    return forget_aside(30)


@case("erase_body", "of a person, in an entry with others")
def _(store: Store) -> AnyCall:
    id_ = store.run(add_to_inbox(b"one", b"two"))
    return erase_body(Body(inbox(0), "inbox", id_, 1, b"two"))


@case("end_jobs", "of a person who is forgotten")
def _(store: Store) -> AnyCall:
    lane = given.loaded(store, 3)
    found = find_in_lane(store, find_lane(store, lane), Person("447700900001"), lambda _: None)
    held = found.held[0]
    record = forgotten(head(State.SKIPPED, 0, Origin.NONE, 0, 0, given.NOW))
    return end_jobs(lane_keys(lane), held, [EndedJob(job, record) for job in held.jobs])


@case("erase_records", "of a person who is forgotten")
def _(store: Store) -> AnyCall:
    return erase_records(lane_keys(given.loaded(store, 3)), 0, [1], 0)


@case("forget_person", "who was suppressed")
def _(store: Store) -> AnyCall:
    store.run(suppress("shop", [("447700900005", 1000)], Why.REPLY))
    keys = (
        *(suppressed("shop", 0), lifted("shop", 0), windows("shop", "whatsapp", 0)),
        unreachable("shop", 0),
    )
    args = ("447700900005", "1000r")
    return script_call("forget_person", (*keys, *unmarketed("shop", 0)), args, int)


@case("keep_forgotten", "with a suppression")
def _(store: Store) -> AnyCall:
    return keep_forgotten("ab" * 16, "shop", "1000r")


@case("note_people", "one person is suppressed")
def _(store: Store) -> AnyCall:
    return note_people("suppressed:shop", 1000, parse=int)


@case("adopt", "what lay under an older key")
def _(store: Store) -> AnyCall:
    return script_call("adopt", (suppressed("shop", 0),), ("hash", "447700900005", "1r"), int)


@case("open_windows", "by hand")
def _(store: Store) -> AnyCall:
    return open_windows("shop", [("447700900001", None)], written=False)


@case("open_windows", "of a person who could not be reached")
def _(store: Store) -> AnyCall:
    store.run(mark_unreachable("shop", [("447700900001", None)], 60))
    return open_windows("shop", [("447700900001", None)], written=False)


@case("forget_windows", "one that is closed")
def _(store: Store) -> AnyCall:
    shard = shard_of("447700900001")
    key = windows("shop", "whatsapp", shard)
    store.run(command("ZADD", key, 1000, "447700900001", parse=int))
    return forget_windows("shop", "whatsapp", shard)


# API tokens


def _token(store: Store) -> AnyCall:
    token = Token("abcd1234", "shop", frozenset({Scope.READ}), frozenset())
    return add_token(token, "s" * 43, lives=3600)


@case("add_token", "one that lives for an hour")
def _(store: Store) -> AnyCall:
    return _token(store)


@case("note_token_use", "in this hour")
def _(store: Store) -> AnyCall:
    store.run(_token(store))
    return note_token_use("abcd1234")


@case("revoke_token", "one that was used")
def _(store: Store) -> AnyCall:
    store.run(_token(store))
    store.run(note_token_use("abcd1234"))
    return revoke_token("abcd1234")


@case("raise_schema", "a step has been run")
def _(store: Store) -> AnyCall:
    return raise_schema(1)


@case("flush_metrics", "what was counted in a second")
def _(store: Store) -> AnyCall:
    return flush_metrics("process", 1, {"sendmany_retries|shop": 3})


# The tests


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplyDropper]:
    """A server behind a proxy."""
    home = tmp_path_factory.mktemp("proxied")
    server = EmbeddedServer(home / "redis", options={"appendonly": "no"})
    server.start()
    with ReplyDropper(server.url, home) as dropper:
        yield dropper
    server.stop()


@pytest.fixture
def lossy(proxy: ReplyDropper) -> Iterator[Store]:
    """A store that is empty, and loses replies when the test says so."""
    proxy.drop_nothing()
    store = Store.connect(proxy.url)
    store.client.flushall()
    store.load()
    yield store
    store.close()


def lose(store: Store, proxy: ReplyDropper, call: AnyCall, script: str | None = None) -> None:
    """Make the call; its work is done, and its reply is lost.

    Args:
        script: of the call that follows, where this one only reads for it.
    """
    script = script or call.script
    assert script is not None
    proxy.drop(script)
    before = len(proxy.dropped)
    with pytest.raises(StoreUnavailable):
        store.run(call)
    assert proxy.dropped[before:] == [script]


def everything(store: Store) -> dict[str, Any]:
    """All that the store holds, but for the times at which leases and waits end."""
    keys: list[bytes] = sorted(store.run(command("KEYS", "*", parse=list)))
    return {key.decode(): _content(store, key) for key in keys}


def _content(store: Store, key: bytes) -> Any:
    kind = store.run(command("TYPE", key, parse=text))
    reads = {
        "string": ("GET", key),
        "hash": ("HGETALL", key),
        "list": ("LRANGE", key, 0, -1),
        "zset": ("ZRANGE", key, 0, -1),
        "set": ("SMEMBERS", key),
        "stream": ("XRANGE", key, "-", "+"),
    }
    found = store.run(command(*reads[kind], parse=lambda reply: reply))
    if kind == "hash":
        return {name: value for name, value in found.items() if name != b"blocked_until"}
    return found


def test_the_table_names_every_script() -> None:
    assert {one.script for one in CASES.values()} | set(NOT_TWICE_THE_SAME) == set(load_scripts())


@pytest.mark.parametrize("name", CASES)
def test_a_call_whose_reply_is_lost_may_be_repeated(
    lossy: Store, proxy: ReplyDropper, name: str
) -> None:
    call = CASES[name].doing(lossy)
    before = everything(lossy)
    lose(lossy, proxy, call, CASES[name].script)
    after = everything(lossy)
    assert after != before, "the call did nothing"
    lossy.run(call)
    assert everything(lossy) == after


def test_a_chunk_whose_reply_was_lost_is_answered_with_the_first_figures(
    lossy: Store, proxy: ReplyDropper
) -> None:
    call = CASES["enqueue_rows: a chunk of a file"].doing(lossy)
    lose(lossy, proxy, call, "enqueue_rows")
    again = lossy.run(call)
    assert (again.added, again.duplicates, again.repeated) == (3, 1, True)


def test_a_message_whose_reply_was_lost_has_the_id_that_it_got_first(
    lossy: Store, proxy: ReplyDropper
) -> None:
    call = CASES["enqueue_messages: messages with keys"].doing(lossy)
    lose(lossy, proxy, call)
    again = lossy.run(call)
    assert [what.value for what, _ in again] == ["d", "d", "d"]
    assert [id_.split(".")[1] for _, id_ in again] == ["0", "1", "2"]


def test_a_claim_whose_reply_was_lost_brings_the_same_jobs(
    lossy: Store, proxy: ReplyDropper
) -> None:
    call = CASES["claim_batch: a part of a section"].doing(lossy)
    lose(lossy, proxy, call)
    assert given.indexes(lossy.run(call).jobs) == [0, 1, 2, 3]


def test_a_batch_whose_settlement_was_answered_into_the_void_is_not_lost(
    lossy: Store, proxy: ReplyDropper
) -> None:
    call = CASES["settle_batch: a flight that ends in every way"].doing(lossy)
    lose(lossy, proxy, call)
    assert lossy.run(call).verdict == "repeat"


def test_an_entry_that_was_handed_out_into_the_void_is_reclaimed(
    lossy: Store, proxy: ReplyDropper
) -> None:
    id_ = lossy.run(add_to_inbox(b"body"))
    lose(lossy, proxy, read_inbox("ann"))
    assert lossy.run(read_inbox("ann")) == []
    lose(lossy, proxy, reclaim("bob", 0))
    assert [entry.id for entry in lossy.run(reclaim("cid", 0))] == [id_]


def test_a_body_that_is_kept_twice_is_there_twice(lossy: Store, proxy: ReplyDropper) -> None:
    lose(lossy, proxy, add_to_inbox(b"body"))
    lossy.run(add_to_inbox(b"body"))
    assert [entry.body for entry in lossy.run(read_inbox("ann"))] == [b"body", b"body"]
    lose(lossy, proxy, keep_unmatched([b"reply"]))
    assert lossy.run(keep_unmatched([b"reply"])) == 1


def test_a_wake_up_that_was_answered_into_the_void_is_not_asked_for_again(
    lossy: Store, proxy: ReplyDropper
) -> None:
    lose(lossy, proxy, wake_workers(1))
    assert lossy.run(wake_workers(1)) is False  # for half a minute; workers look by themselves
    assert lossy.client.xlen(inbox(0)) == 0
