"""Explanations of lanes, states and codes for people."""

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from chatapps.receipt_codes import RECEIPT_CODES, Family
from dashboard import explain
from dashboard.explain import (
    Remedy,
    explain_attempts,
    explain_breaker,
    explain_code,
    explain_hold,
    explain_lane,
    explain_named_code,
    explain_state,
    in_doubt,
    iso,
    several,
    starts_at,
)
from store.lanes.lane import Canary, Lane, LaneStatus
from store.limits.breakers import Breaker
from store.limits.learned import Cause, Learned
from store.limits.stops import Stop, Stopped
from store.queue.settlement import WaitCause
from store.records.outcome import LocalReason, Origin
from store.reports.waiting import Span
from store.states import State
from tests.unit.sendmany.given import report, wait


def test_every_state_has_words() -> None:
    assert all(explain_state(state) for state in State)


def test_every_reason_of_our_own_has_words() -> None:
    assert all(explain_code(Origin.LOCAL, reason) for reason in LocalReason)


def test_the_same_number_means_different_things_from_different_mouths() -> None:
    assert explain_code(Origin.API, 429) == "too many requests"
    assert explain_code(Origin.HTTP, 429) == "the provider answered with HTTP status 429"
    assert explain_code(Origin.LOCAL, 429) == ""
    assert explain_code(Origin.RECEIPT, 429) == "unknown code 429"
    assert "too large" in explain_code(Origin.API, 0xFFFF)
    assert explain_code(Origin.NONE, 0) == ""


def test_a_code_of_a_receipt_means_what_the_list_of_receipt_codes_says() -> None:
    assert explain_code(Origin.RECEIPT, 1) == "the person is not on this channel"
    assert explain_code(Origin.RECEIPT, 1018) == RECEIPT_CODES[Family.WHATSAPP, 1018].meaning
    assert explain_code(Origin.RECEIPT, 0) == "the receipt names no code"


@pytest.mark.parametrize(
    "name", ["api:1002", "request:1200", "http:503", "local:1", "receipt:1018"]
)
def test_a_code_is_explained_by_the_name_it_has_in_the_counts(name: str) -> None:
    assert explain_named_code(name)


def test_a_attempt_log_entry_becomes_a_sentence() -> None:
    text = explain_attempts("2 api 2000 1700000000 abcdef012345")
    assert text.startswith("attempt 2 at 2023-11-")
    assert text.endswith("2000: internal error of the provider (batch abcdef012345)")


def test_what_an_operator_decided_stands_between_the_attempts() -> None:
    text = explain_attempts("2 local 5 1700000000 operator")
    assert text.startswith("after attempt 2, at 2023-11-")
    assert text.endswith("an operator resent it")


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({State.ACCEPTED: 9}, ""),
        ({State.UNCONFIRMED: 1}, "1 unconfirmed message"),
        ({State.FAILED: 2_000}, "2,000 failed messages"),
        ({State.FAILED: 1, State.UNCONFIRMED: 1}, "1 unconfirmed and 1 failed messages"),
    ],
)
def test_what_is_in_doubt_is_counted_in_words(counts: dict[State, int], words: str) -> None:
    assert in_doubt(counts) == words


def test_a_command_about_a_lane_that_is_no_campaign_names_its_id() -> None:
    now = report({State.UNCONFIRMED: 10}, kind="notifications")
    text = " ".join(explain_lane(now, wait(kept=True)))
    assert '`sendmany campaign unconfirmed list "spring-1"`' in text
    assert "unknown list" not in " ".join(explain_lane(now, wait()))


def test_a_stopped_lane_says_why_and_how_to_go_on() -> None:
    now = report({State.QUEUED: 10}, status=LaneStatus.STOPPED, reason="the API key is wrong")
    text = " ".join(explain_lane(now, wait()))
    assert "It has stopped: the API key is wrong." in text
    assert 'campaign resume "Spring"' in text
    assert "10 messages wait in the queue." in text


def test_a_halted_lane_says_why_and_what_accepting_means() -> None:
    now = report({State.QUEUED: 10}, status=LaneStatus.HALTED, reason="Redis is older")
    text = " ".join(explain_lane(now, wait()))
    assert "It is halted: Redis is older." in text
    assert 'campaign resume "Spring" --accept' in text
    assert "may go out again" in text


@pytest.mark.parametrize("status", [s for s in LaneStatus if s is not LaneStatus.GONE])
def test_every_status_is_explained(status: LaneStatus) -> None:
    assert explain_lane(report({State.ACCEPTED: 10}, status=status), wait())[0]


def test_a_blocked_sub_account_is_the_reason_to_wait_and_says_until_when() -> None:
    sentences = explain_lane(report({State.QUEUED: 10}), wait(blocked_until=1_000))
    assert "the provider asked Shop to pause until" in sentences[1]


def test_what_is_held_up_says_why_and_how_that_ends() -> None:
    key = breaker("account", "the API key is missing or wrong")
    (_, why, *_) = explain_lane(report({State.QUEUED: 10}), wait(breakers=(key,)))
    assert why.startswith("10 messages wait: everything of Shop is held up since ")
    assert "the API key is missing or wrong. One request tries again after " in why
    slow = explain_breaker(breaker("server", "HTTP 503"))
    assert slow.startswith("Shop goes slow since ")
    by_hand = explain_breaker(breaker("account", "moving", by="operator", probe_at=0))
    assert by_hand.endswith("until an operator closes it: `sendmany breaker close`.")


def test_what_lasts_longest_is_the_reason_to_wait() -> None:
    found = [breaker("account", "a", probe_at=0), breaker("server", "b", probe_at=9_000)]
    for order in (found, found[::-1]):
        assert wait(breakers=tuple(order)).held_by == found[0]
    assert wait(breakers=(breaker("template:a:en", "c"),)).held_by is None


def test_a_template_that_is_held_up_is_told_with_the_lanes_of_notifications() -> None:
    held = wait(breakers=(breaker("template:order_update:en_US", "no such template"),))
    campaign = explain_lane(report({State.QUEUED: 10}), held)
    assert not any("order_update" in sentence for sentence in campaign)
    lane = report({State.QUEUED: 10}, kind="notifications")
    assert any(
        sentence.startswith("What uses the template order_update (en_US) is not sent")
        for sentence in explain_lane(lane, held)
    )


def breaker(scope: str, reason: str, *, by: str = "worker", probe_at: int = 5_000) -> Breaker:
    return Breaker("Shop", scope, reason, by, opened_at=1_000, probe_at=probe_at, failures=1)


@pytest.mark.parametrize(
    ("given", "held"),
    [
        ({}, ""),
        ({"loops": 0}, "no worker is sending"),
        ({"stop": Stop(Stopped.MARKETING, "Shop", "wrong price", 1)}, "marketing is stopped"),
        ({"breakers": (breaker("account", "x"),)}, "breaker of Shop"),
        ({"breakers": (breaker("bulk", "x"),), "scopes": ("bulk",)}, "breaker of Shop (bulk)"),
        ({"breakers": (breaker("bulk", "x"),)}, ""),  # it is not of this priority
        (
            {"breakers": (breaker("template:a:b:en", "x"),), "scopes": ("template:a:b:en",)},
            "breaker of template a:b (en)",
        ),
        ({"put_off": {WaitCause.HOURS: Span(1, 2)}}, ""),  # others wait for their turn
    ],
)
def test_what_holds_up_all_of_a_campaign_is_told_in_a_few_words(
    given: dict[str, Any], held: str
) -> None:
    waits = wait(**given)
    assert explain_hold(report({State.QUEUED: 1, State.DELAYED: 9}), waits) == held
    for status in (LaneStatus.PAUSED, LaneStatus.LOADING, LaneStatus.FINISHED):
        assert explain_hold(report({State.QUEUED: 10}, status=status), waits) == ""
    assert explain_hold(report({State.ACCEPTED: 10}), waits) == ""


@pytest.mark.parametrize(
    ("cause", "lane", "held"),
    [
        (WaitCause.HOURS, {}, "quiet hours"),
        (WaitCause.HOURS, {"local_start": "x"}, "local time of its people"),
        (WaitCause.TIER, {}, "the tier of the portfolio"),
        (WaitCause.PAIR, {}, ""),
    ],
)
def test_a_campaign_is_held_once_all_that_is_left_of_it_waits(
    cause: WaitCause, lane: dict[str, Any], held: str
) -> None:
    waits = wait(put_off={cause: Span(1, 2)})
    assert explain_hold(report({State.ACCEPTED: 1, State.DELAYED: 9}, **lane), waits) == held
    assert explain_hold(report({State.IN_FLIGHT: 1, State.DELAYED: 9}, **lane), waits) == ""


def test_a_campaign_whose_canary_is_watched_is_held() -> None:
    now = report({State.ACCEPTED: 5, State.DELAYED: 5}, canary="5", canary_state=Canary.WATCHED)
    assert explain_hold(now, wait()) == "its first part is watched"


def test_the_page_has_acts_for_every_remedy() -> None:
    page = Path(explain.__file__).parent / "page/js/remedies.js"
    known = re.findall(r"^  ([a-z_]+): \[.*\],$", page.read_text("utf-8"), re.MULTILINE)
    assert sorted(known) == sorted(Remedy)


def test_a_worker_that_cannot_send_says_why() -> None:
    why = "The worker on host-1 cannot send: sub-account 'Shop' has no API key."
    waiting = report({State.QUEUED: 10}, reason=why)
    assert why in explain_lane(waiting, wait())
    assert why not in explain_lane(report({State.ACCEPTED: 10}, reason=why), wait())


def test_messages_that_wait_without_a_worker_say_so() -> None:
    sentences = explain_lane(report({State.QUEUED: 1, State.ACCEPTED: 9}), wait(loops=0))
    assert sentences[1].startswith("1 message waits, and no worker is sending")


def test_whatever_waits_is_named_with_its_time() -> None:
    counts = {State.IN_FLIGHT: 1, State.DELAYED: 2, State.IN_DOUBT: 3, State.UNCONFIRMED: 4}
    sentences = explain_lane(report(counts), wait(next_retry=1_000, next_decision=2_000))
    assert [sentence[0] for sentence in sentences[1:]] == ["1", "2", "3", "4"]
    assert "tried again, the first at" in sentences[2]
    assert "held as unconfirmed at" in sentences[3]


def test_a_lane_whose_figures_do_not_add_up_asks_to_be_verified() -> None:
    text = explain_lane(report({State.ACCEPTED: 9}), wait())
    assert "campaign verify" in text[-1]


def test_never_is_an_empty_time() -> None:
    assert iso(0) == ""
    assert iso(1_700_000_000) == "2023-11-14T22:13:20Z"


def test_one_thing_is_not_many() -> None:
    assert several(1, "reject") == "1 reject"
    assert several(2000, "reject") == "2,000 rejects"


def test_messages_that_wait_for_the_learned_limit_name_its_cause_and_its_next_rise() -> None:
    now = report({State.QUEUED: 400})
    learned = Learned(78.2, Cause.THROTTLED, since=0, estimate=82.3, share=0.042, code=1009)
    text = " ".join(explain_lane(now, wait(learned=replace(learned, in_force=True))))
    assert "the learned limit is 78 messages/s (4.2% of the messages came back with receipt" in text
    assert "code 1009, the sender number sends too fast; 82/s went through; it rises at" in text
    assert "learned" not in " ".join(explain_lane(now, wait(learned=learned)))  # only observed


def test_a_start_that_was_said_with_an_offset_is_told_without_a_zone() -> None:
    lane = cast(Lane, SimpleNamespace(send_at=1_798_102_800_000, zone="Z", local_start=""))
    assert starts_at(lane).endswith(" here")
