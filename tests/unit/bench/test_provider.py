"""The provider of the bench counts what comes, and answers each message."""

import json

from bench.provider import Ledger, answer_to, ids_of

BODY = (
    b'{"messages":[{"clientMessageId":"a.0.1","user":{"msisdn":"+12025550101"}},'
    b'{"clientMessageId":"a.1.1","user":{"msisdn":"+12025550102"}}]}'
)


def _ledger(*requests: list[bytes]) -> Ledger:
    ledger = Ledger()
    for at, ids in enumerate(requests):
        ledger.note(ids, float(at))
    return ledger


def test_the_ids_of_a_request_are_found_in_order() -> None:
    assert ids_of(BODY) == [b"a.0.1", b"a.1.1"]


def test_every_message_of_a_batch_is_taken_under_its_own_id() -> None:
    head, _, body = answer_to([b"a.0.1", b"a.1.1"], single=False).partition(b"\r\n\r\n")
    answer = json.loads(body)
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert b"Content-Length: %d" % len(body) in head
    assert [item["clientMessageId"] for item in answer["messages"]] == ["a.0.1", "a.1.1"]
    assert answer["acceptedCount"] == len({item["umid"] for item in answer["messages"]}) == 2


def test_a_single_message_is_answered_without_an_envelope() -> None:
    body = answer_to([b"a.0.1"], single=True).partition(b"\r\n\r\n")[2]
    assert json.loads(body)["clientMessageId"] == "a.0.1"


def test_a_request_without_messages_is_refused_and_counted() -> None:
    ledger = _ledger([])
    assert answer_to([], single=False).startswith(b"HTTP/1.1 400 ")
    assert (ledger.tally().messages, ledger.tally().unreadable) == (0, 1)


def test_a_message_that_comes_twice_is_doubled_whatever_its_attempt() -> None:
    tally = _ledger([b"a.0.1", b"a.1.1"], [b"a.1.2", b"b.0.1"]).tally()
    assert (tally.messages, tally.distinct, tally.doubled, tally.requests) == (4, 3, 1, 2)


def test_the_first_request_is_told_apart() -> None:
    tally = _ledger([b"a.0.1", b"a.1.1"], [b"a.2.1"]).tally()
    assert (tally.first, tally.first_batch) == (0.0, 2)


def test_arrivals_are_told_by_the_start_of_the_id() -> None:
    ledger = _ledger([b"a.0.1"], [b"b.0.1", b"b.1.1"])
    assert dict(ledger.arrivals(b"b.")) == {"b.0": 1.0, "b.1": 1.0}


def test_forgetting_counts_from_zero() -> None:
    ledger = _ledger([b"a.0.1"])
    ledger.forget()
    assert (ledger.total, ledger.tally().distinct) == (0, 0)
