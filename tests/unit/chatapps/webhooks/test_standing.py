"""Receipts of one message in any order, any number of times, on several channels."""

import random
from typing import Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatapps.webhooks import Channel, Receipt, better, overall, standings

# A busy machine is no fault of the code.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
UMID: Final = "5d3f0c2e-7a11-4b6d-9e00-000000000001"


def receipt(
    state: str, channel: str = Channel.WHATSAPP, at: int | None = 0, detail: str | None = None
) -> Receipt:
    return Receipt(umid=UMID, state=state, detail=detail, channel=channel, timestamp=at)


def on_handset(channel: str = Channel.WHATSAPP, at: int = 0) -> Receipt:
    return receipt("delivered", channel, at, "delivered_to_recipient")


def any_receipts(*channels: str) -> st.SearchStrategy[Receipt]:
    return st.builds(
        Receipt,
        umid=st.just(UMID),
        state=st.sampled_from(
            ["unknown", "queued", "sent", "delivered", "undelivered", "rejected", "read", "new"]
        ),
        detail=st.sampled_from([None, "delivered_to_operator", "delivered_to_recipient", "new"]),
        channel=st.sampled_from(channels),
        timestamp=st.none() | st.integers(0, 5),
        code=st.none() | st.integers(0, 3),
        pricing=st.none() | st.sampled_from(["marketing", "service"]),
    )


RECEIPTS: Final = any_receipts(Channel.WHATSAPP, Channel.SMS, Channel.RCS, "")
HISTORY: Final = st.lists(RECEIPTS, max_size=8)
ORDER: Final = st.sampled_from([(), ("WhatsApp", "SMS"), ("RCS", "WhatsApp", "SMS"), ("SMS",)])


@UNHURRIED
@given(HISTORY, ORDER, st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_nothing(
    history: list[Receipt], order: tuple[str, ...], rng: random.Random
) -> None:
    shuffled = rng.sample(history, len(history))

    assert standings(shuffled) == standings(history)
    assert overall(shuffled, order) == overall(history, order)


@UNHURRIED
@given(HISTORY, ORDER, st.randoms(use_true_random=False))
def test_repeats_change_nothing(
    history: list[Receipt], order: tuple[str, ...], rng: random.Random
) -> None:
    doubled = history + rng.choices(history, k=len(history)) if history else []

    assert standings(doubled) == standings(history)
    assert overall(doubled, order) == overall(history, order)


@UNHURRIED
@given(RECEIPTS, RECEIPTS, RECEIPTS)
def test_merging_is_the_same_in_any_grouping(a: Receipt, b: Receipt, c: Receipt) -> None:
    assert better(a, better(b, c)) == better(better(a, b), c)
    assert better(a, a) == a
    assert better(a, b) == better(b, a)


@UNHURRIED
@given(HISTORY, RECEIPTS)
def test_a_channel_never_falls_back(history: list[Receipt], news: Receipt) -> None:
    before, after = standings(history), standings([*history, news])

    assert before.keys() <= after.keys()
    assert all(after[channel].rank >= known.rank for channel, known in before.items())


@UNHURRIED
@given(HISTORY, RECEIPTS, ORDER)
def test_proof_from_a_handset_is_never_taken_back(
    history: list[Receipt], news: Receipt, order: tuple[str, ...]
) -> None:
    before, after = overall(history, order), overall([*history, news], order)

    if before is not None and before.rank.is_proof:
        assert after is not None
        assert after.rank >= before.rank


@UNHURRIED
@given(HISTORY, RECEIPTS, st.sampled_from([("WhatsApp", "SMS"), ("SMS", "RCS", "WhatsApp")]))
def test_over_all_nothing_falls_back_but_a_channel_that_failed(
    history: list[Receipt], news: Receipt, order: tuple[str, ...]
) -> None:
    before, after = overall(history, order), overall([*history, news], order)

    if before is not None and not (news.rank.is_failure and news.channel == before.channel):
        assert after is not None
        assert after.rank >= before.rank


@UNHURRIED
@given(st.lists(any_receipts(Channel.SMS), min_size=1, max_size=8))
def test_on_one_channel_over_all_is_the_best_rank(history: list[Receipt]) -> None:
    found = overall(history)

    assert found is not None
    assert found.rank == max(receipt.rank for receipt in history)


def test_the_first_time_of_a_rank_is_kept() -> None:
    first, again = receipt("read", at=1), receipt("read", at=2)

    assert better(again, first) is first
    assert better(first, receipt("read", at=None)) is first


def test_a_late_sent_does_not_overwrite_a_failure_and_a_read_does() -> None:
    failed, sent, read = receipt("undelivered"), receipt("sent", at=9), receipt("read", at=9)

    assert overall([failed, sent]) is failed
    assert overall([failed, sent, read]) is read
    assert overall([read, failed]) is read


def test_while_the_next_channel_is_trying_the_message_has_not_failed() -> None:
    whatsapp = [receipt("sent", at=1), receipt("undelivered", at=2)]
    sms = receipt("sent", Channel.SMS, at=3)

    assert overall(whatsapp) is whatsapp[1]
    assert overall([*whatsapp, sms]) is sms


def test_it_failed_when_the_last_channel_failed() -> None:
    whatsapp = receipt("delivered", at=1, detail="delivered_to_operator")
    sms = receipt("undelivered", Channel.SMS, at=3)

    assert overall([whatsapp, sms]) is sms
    assert overall([whatsapp, sms, on_handset(at=9)]) == on_handset(at=9)


def test_the_best_channel_decides() -> None:
    sms = on_handset(Channel.SMS, 5)

    assert overall([receipt("undelivered", at=1), sms]) is sms
    assert overall([sms, receipt("read", at=7)]) == receipt("read", at=7)


def test_a_channel_that_is_still_to_come_leaves_it_open() -> None:
    assert overall([receipt("undelivered")], ["WhatsApp", "SMS"]) is None
    assert overall([receipt("undelivered")], ["SMS", "whatsapp"]) == receipt("undelivered")
    assert overall([]) is None


def test_receipts_that_name_no_channel_are_one_channel() -> None:
    unnamed = receipt("undelivered", "", at=None)

    assert overall([receipt("sent", ""), unnamed]) is unnamed
