"""Why there was no answer, or nothing could be sent, is told where people look."""

import pytest

from chatapps.responses import Answered, BatchAnswer, NoAnswer, NotSent, Refused, Silence
from dashboard.explain import explain_lane, explain_named_code
from dashboard.message import explain, message_status_of
from sendmany.doctor.checks import check_breakers, look_at_unreached
from store.limits.breakers import ACCOUNT, STALL, read_breakers
from store.limits.unreached import SECONDS_KEPT, read_unreached
from store.reports.waiting import now_ms, waiting
from store.states import State
from tests.integration.worker.rig import Rig

DNS = "ConnectError: DNS: Name or service not known"
TLS = "ConnectError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"


def why(rig: Rig, lane: str) -> str:
    """Sentences of `campaign show` and of the status."""
    return " ".join(explain_lane(rig.report(lane), waiting(rig.store, rig.lane(lane))))


def story(rig: Rig, lane: str, index: int = 0) -> str:
    """Sentences of `message show` and of the message's status."""
    return " ".join(explain(message_status_of(rig.store, f"{lane}.{index}")))


@pytest.mark.parametrize(
    ("silence", "code", "words"),
    [
        (NoAnswer("ReadTimeout", Silence.TIMEOUT), "local:12", "no answer came in time"),
        (NoAnswer("reset", Silence.CONNECTION), "local:13", "the connection broke"),
        (NoAnswer("SSLError", Silence.TLS), "local:14", "TLS"),
        (NoAnswer("cut", Silence.CUT_OFF, 200), "local:15", "was cut off"),
        (NoAnswer("HTTP 204", Silence.STATUS, 204), "http:204", "HTTP 204 came, but no result"),
        (NoAnswer("a page", Silence.UNREADABLE, 200), "http:200", "HTTP 200 came, but no result"),
        (NoAnswer("something", Silence.OTHER), "local:2", "no trustworthy answer"),
    ],
)
async def test_the_reason_stays_with_a_message_in_doubt_and_afterwards(
    rig: Rig, silence: NoAnswer, code: str, words: str
) -> None:
    lane = rig.campaign(2)
    rig.provider.steps = [silence]
    await rig.deliver(lane)
    assert rig.counts(lane) == {State.IN_DOUBT: 2}
    assert words in story(rig, lane)
    rig.due(lane)
    await rig.sweep()
    assert rig.counts(lane) == {State.UNCONFIRMED: 2}
    assert words in story(rig, lane)
    assert rig.report(lane).codes == {f"unconfirmed:{code}": 2}
    assert words in explain_named_code(code)


async def test_why_a_campaign_only_probes_is_told_by_it_and_by_doctor(rig: Rig) -> None:
    lane = rig.campaign(2000)
    rig.provider.steps = [NoAnswer("HTTP 204 without a body", Silence.STATUS, 204)]
    await rig.deliver(lane, 1000)
    assert "1,000 messages wait: shop only probes, since the provider gives no answers" in why(
        rig, lane
    )
    assert "HTTP 204 without a body" in why(rig, lane)
    assert "HTTP 204 without a body" in story(rig, lane, 1500)
    found = rig.store.run(read_breakers("shop"))
    (warning,) = check_breakers(found)
    assert "HTTP 204 without a body" in warning.finding


async def test_answers_that_name_no_message_of_ours_are_none(rig: Rig) -> None:
    lane = rig.campaign(2)
    rig.provider.steps = [Answered(BatchAnswer(2, 0, "theirs", []))]
    await rig.deliver(lane)
    assert rig.counts(lane) == {State.IN_DOUBT: 2}
    (stall,) = rig.store.run(read_breakers("shop"))
    assert (stall.scope, stall.reason) == (STALL, "the answers name no message of ours")


@pytest.mark.parametrize("reason", [DNS, TLS])
async def test_why_nothing_can_be_sent_is_told_until_it_can(rig: Rig, reason: str) -> None:
    lane = rig.campaign(2)
    rig.provider.steps = [NotSent(reason)]
    await rig.deliver(lane)
    assert rig.counts(lane) == {State.QUEUED: 2}
    assert rig.store.run(read_breakers("shop")) == []
    for said in (why(rig, lane), story(rig, lane)):
        assert f"requests of shop cannot be sent from host-1 ({reason})" in said
    now = rig.store.run(now_ms()) // 1000
    found = rig.store.run(read_unreached("shop", now))
    (warning,) = look_at_unreached(found)
    assert (warning.name, reason in warning.finding) == ("provider from host-1", True)
    assert rig.store.run(read_unreached("shop", now + SECONDS_KEPT + 1)) == ()
    delivery = rig.delivery()
    rig.provider.steps = [NotSent(reason)]
    await delivery.deliver(await rig.claim(lane))
    await delivery.deliver(await rig.claim(lane))
    assert rig.counts(lane) == {State.ACCEPTED: 2}
    assert rig.store.run(read_unreached("shop", now)) == ()


async def test_a_request_that_was_never_sent_is_not_counted(rig: Rig) -> None:
    lane = rig.campaign(3)
    rig.provider.steps = [NotSent("connection refused")]
    await rig.deliver(lane)
    report = rig.report(lane)
    assert (report.stats["requests"], report.stats["posted"]) == (0, 0)
    await rig.deliver(lane)
    report = rig.report(lane)
    assert (report.stats["requests"], report.stats["posted"]) == (1, 3)


async def test_a_request_that_is_withheld_after_its_mark_is_not_counted(rig: Rig) -> None:
    lane = rig.campaign(3)
    rig.provider.steps = [NoAnswer("reset")]
    await rig.deliver(lane, 1)
    batch = await rig.claim(lane, 1)
    rig.provider.steps = [NoAnswer("reset")]
    await rig.deliver(lane, 1)
    await rig.delivery().deliver(batch)
    assert len(rig.provider.posts) == 2
    assert rig.report(lane).stats["requests"] == 2
    assert rig.counts(lane) == {State.IN_DOUBT: 2, State.QUEUED: 1}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_holds_up_the_sub_account_and_keeps_the_messages(
    rig: Rig, status: int
) -> None:
    lane = rig.campaign(2)
    rig.provider.steps = [Refused(status)]
    await rig.deliver(lane)
    (account,) = rig.store.run(read_breakers("shop"))
    assert account.scope == ACCOUNT
    assert f"redirect (HTTP {status}): check base_url" in account.reason
    assert [job.attempts for job in rig.queue(lane)] == [0, 0]
    assert "base_url" in why(rig, lane)
