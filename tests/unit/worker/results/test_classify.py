"""Classification of each message, by answer, attempt and policy."""

import random
from collections import Counter
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatapps.responses import Answered, AnswerItem, NoAnswer, NotSent, Refused, Silence
from config.sections import Policies, Retry
from store.records.job_section import Job
from store.records.outcome import LocalReason, Origin
from tests.examples import examples
from tests.unit.worker.given import answer, item, job, jobs, lane, message_id, named
from worker.results.classify import (
    TAKEN,
    TURNED_AWAY,
    FailureScope,
    Known,
    TooLarge,
    Unmade,
    Unrendered,
    Verdicts,
    Withheld,
    classify,
    explain_failure,
    explain_refusal_streak,
    failure_scope_of,
    is_about_template,
    is_server_error,
    judge_answer,
    judge_server_error,
    judge_stop,
    pause_asked_for,
    request_code,
    retry_delay,
    seconds_in_doubt,
    worth_a_quick_retry,
)

CAMPAIGN, NOTIFICATIONS = "campaign", "notifications"
RETRY, HOLD = "retry", "hold"
MARKED = ("rejected", "retry", "doubtful", "held", "denied")


def everyone(verdicts: Verdicts) -> list[Job]:
    """All jobs that are named, in whatever list."""
    named_ = [job_ for name in MARKED for job_, _ in getattr(verdicts, name)]
    return [*named_, *(job_ for job_, _ in verdicts.accepted), *verdicts.back]


def places(verdicts: Verdicts, index: int = 0) -> list[str]:
    """Names of the lists that hold this message."""
    found = [name for name in MARKED for job_, _ in getattr(verdicts, name) if job_.index == index]
    found += ["accepted" for job_, _ in verdicts.accepted if job_.index == index]
    return found + ["back" for job_ in verdicts.back if job_.index == index]


@pytest.mark.parametrize("state", sorted(TAKEN))
@pytest.mark.parametrize("kind", [CAMPAIGN, NOTIFICATIONS])
@pytest.mark.parametrize("policy", [RETRY, HOLD])
def test_a_message_that_the_provider_took_is_accepted_with_its_umid(
    state: str, kind: str, policy: str
) -> None:
    said = answer(item(message_id(0), state, umid="u-0"))
    verdicts = judge_answer(said, named(jobs(1)), lane(kind, on_server_error=policy))
    assert verdicts == Verdicts(accepted=[(job(0), "u-0")])


def test_the_umids_of_those_that_were_not_taken_are_kept_where_they_are_clear() -> None:
    said = answer(
        item(message_id(0), "rejected", umid="u-0", code=1002),
        item(message_id(1), "queued", umid="u-1"),
        item(message_id(2), "rejected", umid="u-2", code=1002),
        item(message_id(2), "queued", umid="u-3"),
    )
    verdicts = judge_answer(said, named(jobs(3)), lane(CAMPAIGN))
    assert verdicts.umids == [(0, "u-0")]


ITEM_CODES = [
    (2000, RETRY, CAMPAIGN, "retry"),
    (2000, RETRY, NOTIFICATIONS, "retry"),
    (2000, HOLD, CAMPAIGN, "held"),
    (2000, HOLD, NOTIFICATIONS, "held"),
    *((1400, policy, kind, "retry") for policy in (RETRY, HOLD) for kind in (CAMPAIGN, "n")),
    *((429, policy, kind, "retry") for policy in (RETRY, HOLD) for kind in (CAMPAIGN, "n")),
    *((1002, policy, kind, "rejected") for policy in (RETRY, HOLD) for kind in (CAMPAIGN, "n")),
    *((9999, policy, kind, "rejected") for policy in (RETRY, HOLD) for kind in (CAMPAIGN, "n")),
    *((None, policy, kind, "rejected") for policy in (RETRY, HOLD) for kind in (CAMPAIGN, "n")),
    *((3038, policy, CAMPAIGN, "back") for policy in (RETRY, HOLD)),
    *((code, RETRY, kind, "back") for code in (1200, 3027) for kind in (CAMPAIGN, NOTIFICATIONS)),
    *((3038, policy, NOTIFICATIONS, "rejected") for policy in (RETRY, HOLD)),
]


@pytest.mark.parametrize(("code", "policy", "kind", "wanted"), ITEM_CODES)
@pytest.mark.parametrize("state", sorted(TURNED_AWAY))
def test_a_refused_message_goes_where_its_code_says(
    code: int | None, policy: str, kind: str, wanted: str, state: str
) -> None:
    said = answer(item(message_id(0), state, code))
    verdicts = judge_answer(said, named(jobs(1)), lane(kind, on_server_error=policy))
    assert places(verdicts) == [wanted]
    assert bool(verdicts.stop or verdicts.account) == (wanted == "back")


def test_a_refused_message_keeps_the_code_and_who_gave_it() -> None:
    said = answer(item(message_id(0), "rejected", 1002), item(message_id(1), "rejected"))
    verdicts = judge_answer(said, named(jobs(2)), lane())
    assert verdicts.rejected == [(job(0), (Origin.API, 1002)), (job(1), (Origin.API, 0))]


def test_a_template_code_on_one_message_stops_the_campaign_with_words_for_people() -> None:
    said = answer(item(message_id(0)), *(item(message_id(i), "rejected", 3038) for i in (1, 2)))
    verdicts = judge_answer(said, named(jobs(3)), lane())
    assert verdicts.back == [job(1), job(2)]
    assert verdicts.stop == [
        "the provider refused a message with code 3038: no such template in this language"
    ]
    assert [job_ for job_, _ in verdicts.accepted] == [job(0)]


def test_a_message_that_the_answer_does_not_name_is_in_doubt() -> None:
    verdicts = judge_answer(answer(item(message_id(1))), named(jobs(2)), lane())
    assert verdicts.doubtful == [(job(0), (Origin.LOCAL, LocalReason.MISSING_IN_ANSWER))]


def test_an_answer_to_an_earlier_attempt_proves_nothing() -> None:
    verdicts = judge_answer(answer(item(message_id(0, 1))), named([job(0, attempts=1)]), lane())
    assert places(verdicts) == ["doubtful"]


def test_a_state_that_nobody_knows_is_in_doubt_with_the_code_it_came_with() -> None:
    said = answer(item(message_id(0), "pondering", 17), item(message_id(1), "pondering"))
    verdicts = judge_answer(said, named(jobs(2)), lane())
    assert verdicts.doubtful == [(job(0), (Origin.API, 17)), (job(1), (Origin.API, 0))]


@pytest.mark.parametrize("second", [("rejected", 1002), ("pondering", None)])
def test_a_message_named_twice_with_different_results_is_in_doubt(
    second: tuple[str, int | None],
) -> None:
    said = answer(item(message_id(0)), item(message_id(0), *second))
    assert places(judge_answer(said, named(jobs(1)), lane())) == ["doubtful"]


def test_a_message_named_twice_with_the_same_result_has_that_result() -> None:
    said = answer(*[item(message_id(0), "rejected", 1002)] * 2, *[item(message_id(1))] * 2)
    verdicts = judge_answer(said, named(jobs(2)), lane())
    assert (places(verdicts, 0), places(verdicts, 1)) == (["rejected"], ["accepted"])


def test_two_words_for_having_taken_a_message_do_not_contradict_each_other() -> None:
    said = answer(item(message_id(0), "queued"), item(message_id(0), "sent"))
    assert places(judge_answer(said, named(jobs(1)), lane())) == ["accepted"]


SAID = st.builds(
    item,
    st.one_of(
        st.none(),
        st.sampled_from([message_id(index) for index in range(6)]),
        st.sampled_from([message_id(0, 2), "somebody.else.1", "", message_id(99)]),
    ),
    st.sampled_from([*sorted(TAKEN | TURNED_AWAY), "unknown", "pondering", ""]),
    st.one_of(st.none(), st.sampled_from([0, -1, 429, 1002, 1200, 1400, 2000, 3027, 3038, 70000])),
    st.one_of(st.none(), st.just("5c1a7a4c-0000-4000-8000-000000000000"), st.just("no uuid")),
)
LANES = st.builds(
    lane, st.sampled_from([CAMPAIGN, NOTIFICATIONS]), on_server_error=st.sampled_from([RETRY, HOLD])
)


@settings(max_examples=examples(300), deadline=None)
@given(st.lists(SAID, max_size=14), LANES, st.booleans())
def test_whatever_the_answer_says_every_message_lands_in_exactly_one_list(
    said: list[AnswerItem], of: object, suspect: bool
) -> None:
    those = jobs(6)
    verdicts = judge_answer(answer(*said), named(those), of, suspect=suspect)  # type: ignore[arg-type]
    assert Counter(everyone(verdicts)) == Counter(those)
    assert bool(verdicts.stop or verdicts.account) == bool(verdicts.back)


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(SAID, max_size=14), LANES)
def test_a_message_is_accepted_only_if_everything_said_of_it_says_so(
    said: list[AnswerItem], of: object
) -> None:
    verdicts = judge_answer(answer(*said), named(jobs(6)), of)  # type: ignore[arg-type]
    for index in range(6):
        words = {one.state for one in said if one.client_message_id == message_id(index)}
        assert ("accepted" in places(verdicts, index)) == (bool(words) and words <= TAKEN)


@pytest.mark.parametrize("kind", [CAMPAIGN, NOTIFICATIONS])
def test_a_server_error_is_retried_or_held_as_the_lane_wants(kind: str) -> None:
    retried = judge_server_error(jobs(2), 500, 2000, lane(kind))
    assert retried == Verdicts(retry=[(one, (Origin.REQUEST, 2000)) for one in jobs(2)])
    held = judge_server_error(jobs(2), 503, None, lane(kind, on_server_error=HOLD))
    assert held == Verdicts(held=[(one, (Origin.HTTP, 503)) for one in jobs(2)])


def test_a_refusal_that_concerns_them_all_keeps_the_jobs_and_says_why() -> None:
    assert judge_stop(jobs(2), Refused(401, 1200), FailureScope.ACCOUNT) == Verdicts(
        back=jobs(2),
        account=[
            "the provider refused the request with HTTP 401, code 1200: "
            "the API key is missing or wrong"
        ],
    )
    assert judge_stop([], Refused(400), FailureScope.LANE).stop == [
        "the provider refused the request with HTTP 400"
    ]


@pytest.mark.parametrize("kind", [CAMPAIGN, NOTIFICATIONS])
def test_a_code_about_the_account_on_one_message_concerns_the_sub_account(kind: str) -> None:
    said = answer(item(message_id(0)), *(item(message_id(i), "rejected", 1200) for i in (1, 2)))
    verdicts = judge_answer(said, named(jobs(3)), lane(kind))
    assert (verdicts.back, verdicts.stop, verdicts.denied) == ([job(1), job(2)], [], [])
    assert verdicts.account == [
        "the provider refused a message with code 1200: the API key is missing or wrong"
    ]


@pytest.mark.parametrize("kind", [CAMPAIGN, NOTIFICATIONS])
def test_where_it_is_not_the_first_time_the_batch_decides(kind: str) -> None:
    said = answer(item(message_id(0)), item(message_id(1), "rejected", 1201))
    verdicts = judge_answer(said, named(jobs(2)), lane(kind), suspect=True)
    assert verdicts.denied == [(job(1), (Origin.API, 1201))]
    assert (verdicts.back, verdicts.account) == ([], [])


def test_a_channel_that_only_some_messages_miss_is_not_the_fault_of_the_sub_account() -> None:
    said = answer(item(message_id(0)), item(message_id(1), "rejected", 3027))
    campaign = judge_answer(said, named(jobs(2)), lane(CAMPAIGN))
    assert (campaign.back, len(campaign.stop), campaign.account) == ([job(1)], 1, [])
    single = judge_answer(said, named(jobs(2)), lane(NOTIFICATIONS))
    assert single.rejected == [(job(1), (Origin.API, 3027))]
    assert (single.back, single.stop, single.account) == ([], [], [])


ACCOUNT, LANE, MESSAGES = FailureScope.ACCOUNT, FailureScope.LANE, FailureScope.MESSAGES
REQUESTS = [
    # status, code, what it concerns in a campaign, in a notification lane
    (401, 1200, ACCOUNT, ACCOUNT),
    (403, None, ACCOUNT, ACCOUNT),
    (403, 3038, ACCOUNT, ACCOUNT),
    (404, 1300, ACCOUNT, ACCOUNT),
    (404, 9999, ACCOUNT, ACCOUNT),
    (410, None, ACCOUNT, ACCOUNT),
    (400, 1001, ACCOUNT, ACCOUNT),
    (400, 3035, ACCOUNT, ACCOUNT),
    (400, None, LANE, LANE),
    (409, None, LANE, MESSAGES),
    (409, 3060, LANE, MESSAGES),
    (400, 3038, LANE, MESSAGES),
    (400, 3010, LANE, MESSAGES),
    (400, 1000, LANE, MESSAGES),
    (400, 9999, LANE, MESSAGES),
    (422, 3041, MESSAGES, MESSAGES),
    (400, 1002, MESSAGES, MESSAGES),
    (413, None, MESSAGES, MESSAGES),
    (429, 429, MESSAGES, MESSAGES),
    (500, 2000, MESSAGES, MESSAGES),
    (503, None, MESSAGES, MESSAGES),
]


@pytest.mark.parametrize(("status", "code", "campaign", "notifications"), REQUESTS)
def test_a_refused_request_holds_up_only_what_it_concerns(
    status: int, code: int | None, campaign: FailureScope, notifications: FailureScope
) -> None:
    refused = Refused(status, code)
    assert failure_scope_of(refused, lane(CAMPAIGN)) is campaign
    assert failure_scope_of(refused, lane(NOTIFICATIONS)) is notifications


def test_a_channel_that_is_missing_again_is_missing_to_the_lane() -> None:
    refused, said = Refused(400, 3035), answer(item(message_id(0), "rejected", 3027))
    assert failure_scope_of(refused, lane(CAMPAIGN), suspect=True) is FailureScope.LANE
    assert failure_scope_of(refused, lane(NOTIFICATIONS), suspect=True) is FailureScope.MESSAGES
    assert failure_scope_of(Refused(401), lane(CAMPAIGN), suspect=True) is FailureScope.ACCOUNT
    assert failure_scope_of(Refused(403), lane(CAMPAIGN), suspect=True) is FailureScope.DENIED
    assert (
        failure_scope_of(Refused(403, 1200), lane(NOTIFICATIONS), suspect=True)
        is FailureScope.DENIED
    )
    campaign = judge_answer(said, named(jobs(1)), lane(CAMPAIGN), suspect=True)
    assert (campaign.back, len(campaign.stop), campaign.account) == ([job(0)], 1, [])
    single = judge_answer(said, named(jobs(1)), lane(NOTIFICATIONS), suspect=True)
    assert (single.rejected, single.account) == ([(job(0), (Origin.API, 3027))], [])


@pytest.mark.parametrize(
    ("code", "concerned"),
    [
        ((Origin.API, 3038), True),
        ((Origin.REQUEST, 3033), True),
        ((Origin.HTTP, 409), True),
        ((Origin.API, 3041), False),  # a value of this person's
        ((Origin.API, 1002), False),
        ((Origin.API, 3010), False),
        ((Origin.LOCAL, 6), False),
        ((Origin.HTTP, 413), False),
    ],
)
def test_a_code_about_the_template_concerns_all_that_use_it(
    code: tuple[Origin, int], concerned: bool
) -> None:
    assert is_about_template(code) is concerned


@pytest.mark.parametrize(
    ("refused", "seconds"),
    [
        (Refused(429), 1),
        (Refused(429, retry_after=7), 7),
        (Refused(503), 0),
        (Refused(503, retry_after=0), 0),
        (Refused(503, retry_after=7), 7),
        (Refused(502, 2000, retry_after=1e9), 120),
        (Refused(400, 1002, retry_after=7), 0),  # about one message
        (Refused(401, retry_after=7), 0),  # its breaker knows when to try
    ],
)
def test_a_pause_is_what_the_provider_asks_for_within_reason(
    refused: Refused, seconds: float
) -> None:
    assert pause_asked_for(refused, Retry()) == seconds


def test_nobody_is_asked_again_at_once_who_says_how_long_to_wait() -> None:
    assert worth_a_quick_retry(Refused(503), lane())
    assert not worth_a_quick_retry(Refused(503, retry_after=1), lane())


def test_a_server_error_is_one_for_the_whole_request() -> None:
    assert is_server_error(Refused(500, 2000))
    assert is_server_error(Refused(400, 2000))
    assert not any(map(is_server_error, (Refused(429), Refused(401), NoAnswer("reset"))))


def test_only_a_server_error_that_may_be_retried_is_posted_again_at_once() -> None:
    again = {result: worth_a_quick_retry(result, lane()) for result in RESULTS}
    assert again == {**dict.fromkeys(RESULTS, False), Refused(500, 2000): True, Refused(503): True}
    held = [worth_a_quick_retry(result, lane(on_server_error=HOLD)) for result in RESULTS]
    assert not any(held)


RESULTS = (
    Refused(500, 2000),
    Refused(503),
    Refused(429),
    Refused(400, 1002),
    Refused(401),
    NotSent("refused"),
    NoAnswer("reset"),
)


def test_a_request_has_the_code_of_its_body_or_else_its_status() -> None:
    assert request_code(Refused(500, 2000)) == (Origin.REQUEST, 2000)
    assert request_code(Refused(503)) == (Origin.HTTP, 503)
    assert request_code(Answered(answer())) == (Origin.NONE, 0)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ((Origin.REQUEST, 3041), "with code 3041: a template parameter is not valid"),
        ((Origin.HTTP, 413), "with HTTP 413"),
    ],
)
def test_refusals_one_after_the_other_are_explained(code: tuple[Origin, int], words: str) -> None:
    assert explain_refusal_streak(code) == f"message after message is refused {words}"


@pytest.mark.parametrize(
    ("changes", "resends", "least", "most"),
    [
        ({"on_unconfirmed": "hold"}, [0], 0, 0),  # an end, not another message
        ({"on_unconfirmed": "hold", "settle_after": 180}, [0], 180, 180),
        ({}, [0], 65, 67.5),
        ({"settle_after": 20}, [0], 65, 67.5),
        ({"settle_after": 180}, [0], 185, 187.5),
        ({"settle_after": 180}, [0, 1], 240, 270),
        ({"settle_after": 180}, [2], 180, 180),  # it is not sent again
        ({"settle_after": 180}, [0, 2], 185, 187.5),
    ],
)
def test_what_may_be_sent_again_is_in_doubt_for_a_minute_and_its_pause(
    changes: dict[str, Any], resends: list[int], least: float, most: float
) -> None:
    those, rng = lane(**{"on_unconfirmed": "resend", **changes}), random.Random(3)
    waits = [seconds_in_doubt(those, Policies(), resends, rng) for _ in range(50)]
    assert least <= min(waits) <= max(waits) <= most


def test_the_last_pause_holds_for_all_further_resends() -> None:
    policies = Policies(max_resends=9, resend_pauses=[1, 100])
    wait = seconds_in_doubt(lane(on_unconfirmed="resend"), policies, [7], random.Random(3))
    assert 160 <= wait <= 210


@pytest.mark.parametrize(
    ("attempts", "full"), [(1, 5), (3, 5), (4, 10), (5, 20), (10, 640), (11, 900), (500, 900)]
)
def test_retries_wait_longer_each_time_up_to_the_cap(attempts: int, full: float) -> None:
    retry, rng = Retry(quick_attempts=3, base_delay=5, max_delay=900), random.Random(1)
    delays = [retry_delay(attempts, retry, rng) for _ in range(50)]
    assert full / 2 <= min(delays)
    assert max(delays) <= full
    assert len(set(delays)) == 50  # jittered


def test_the_verdicts_of_two_halves_are_joined_list_by_list() -> None:
    whole, half = Verdicts(), Verdicts()
    for place, field in enumerate(fields(Verdicts)):
        getattr(whole, field.name).append(place)
        getattr(half, field.name).append(place + 100)
    whole.join(half)
    for place, field in enumerate(fields(Verdicts)):
        assert getattr(whole, field.name) == [place, place + 100]


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (NoAnswer("ReadTimeout", Silence.TIMEOUT), "(timeout: ReadTimeout)"),
        (NoAnswer("ReadError", Silence.CONNECTION), "(connection reset or closed: ReadError)"),
        (NoAnswer("HTTP 204 without a body", Silence.STATUS, 204), "(HTTP 204 without a body)"),
        (Refused(503), "HTTP 503"),
        (Refused(301), "redirect (HTTP 301): check base_url"),
    ],
)
def test_a_failure_is_explained_in_words_that_people_look_for(
    result: NoAnswer | Refused, words: str
) -> None:
    assert words in explain_failure(result)


@pytest.mark.parametrize(
    ("result", "suspect", "scope", "split"),
    [
        (Refused(401), False, FailureScope.ACCOUNT, False),
        (Refused(302), True, FailureScope.ACCOUNT, False),
        (Refused(403), True, FailureScope.DENIED, True),
        (Refused(503), False, FailureScope.MESSAGES, False),
        (Refused(413), False, FailureScope.MESSAGES, True),
        (TooLarge(), False, FailureScope.MESSAGES, True),
        (Withheld("paused"), False, FailureScope.MESSAGES, False),
    ],
)
def test_every_end_of_a_request_is_classified(
    result: Refused | Unmade, suspect: bool, scope: FailureScope, split: bool
) -> None:
    verdict = classify(result, jobs(2), lane(), suspect=suspect)
    assert (verdict.scope, verdict.split) == (scope, split)
    named = sum(len(getattr(verdict.messages, name)) for name in ("back", "retry", "denied"))
    assert named == (0 if split else 2)


def test_the_rest_of_a_request_travels_without_those_that_cannot() -> None:
    verdict = classify(Known(frozenset({0})), jobs(3), lane())
    assert (verdict.messages.confirmed, list(verdict.rest)) == (jobs(1), jobs(3)[1:])
    verdict = classify(Unrendered(frozenset({1})), jobs(2), lane())
    assert [one.index for one, _ in verdict.messages.rejected] == [1]
    assert list(verdict.rest) == jobs(1)
