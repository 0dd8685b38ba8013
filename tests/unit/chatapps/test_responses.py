"""Interpretation of the provider's answers, from bytes alone."""

import gzip
import json
import os
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatapps.responses import (
    Answered,
    ErrorBody,
    NoAnswer,
    RawAnswer,
    Refused,
    Silence,
    UnreadableAnswer,
    decode_batch_answer,
    decode_error_body,
    judge_answer,
    parse_retry_after,
)

NOON = 1_800_000_000.0  # Fri, 15 Jan 2027 08:00:00 GMT


def item(**changes: Any) -> dict[str, Any]:
    return {
        "umid": "11111111-0000-4000-8000-000000000001",
        "user": {"msisdn": "+447700900001"},
        "clientMessageId": "spring.7.1",
        "status": {"state": "queued", "timestamp": "2027-01-15T08:00:00Z"},
    } | changes


def batch(*items: Any, **changes: Any) -> bytes:
    counts = {"batchId": "b-1", "acceptedCount": len(items), "rejectedCount": 0}
    return json.dumps(counts | {"messages": list(items)} | changes).encode()


def judge(status: int, body: bytes = b"", **headers: str) -> Answered | Refused | NoAnswer:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return judge_answer(RawAnswer(status, names, body), now=NOON, max_bytes=100_000)


def test_an_answer_tells_id_state_and_code_of_each_message() -> None:
    refused = item(status={"state": "rejected", "errorCode": 1002}, clientMessageId="spring.8.1")
    answer = decode_batch_answer(batch(item(), refused, acceptedCount=1, rejectedCount=1))
    assert (answer.batch_id, answer.accepted_count, answer.rejected_count) == ("b-1", 1, 1)
    first, second = answer.messages
    assert (first.client_message_id, first.state, first.error_code) == (
        "spring.7.1",
        "queued",
        None,
    )
    assert first.umid == "11111111-0000-4000-8000-000000000001"
    assert (second.state, second.error_code) == ("rejected", 1002)


@pytest.mark.parametrize("messages", [[], None])
def test_an_answer_may_hold_counters_only(messages: list[Any] | None) -> None:
    answer = decode_batch_answer(batch(acceptedCount=3, messages=messages, clientBatchId=None))
    assert answer.accepted_count == 3
    assert answer.messages == []


def test_null_and_absent_are_the_same() -> None:
    absent = item()
    for name in ("umid", "clientMessageId"):
        del absent[name]
    null = absent | {"umid": None, "clientMessageId": None}
    assert decode_batch_answer(batch(absent)) == decode_batch_answer(batch(null))


def test_unknown_members_are_skipped() -> None:
    body = batch(item(price={"amount": 1}), page=[1, {}])
    assert decode_batch_answer(body) == decode_batch_answer(batch(item()))


@pytest.mark.parametrize("code", ["1002", 1002, 1002.0])
def test_a_code_may_be_a_string_of_digits(code: object) -> None:
    answer = decode_batch_answer(batch(item(status={"state": "rejected", "errorCode": code})))
    assert answer.messages[0].error_code == 1002


@pytest.mark.parametrize("code", ["x", "", "٣", [], True, 1.5])
def test_a_code_that_is_no_number_is_left_out(code: object) -> None:
    answer = decode_batch_answer(batch(item(status={"state": "rejected", "errorCode": code})))
    assert (answer.messages[0].state, answer.messages[0].error_code) == ("rejected", None)


@pytest.mark.parametrize("status", [None, "queued", {}, {"state": None}, {"state": 7}])
def test_an_item_without_a_readable_state_is_unknown(status: object) -> None:
    assert decode_batch_answer(batch(item(status=status))).messages[0].state == "unknown"


def test_states_are_told_in_lower_case() -> None:
    assert (
        decode_batch_answer(batch(item(status={"state": " Queued "}))).messages[0].state == "queued"
    )


def test_an_item_that_is_no_object_is_passed_over() -> None:
    assert len(decode_batch_answer(batch(None, item(), "x")).messages) == 1


def test_missing_counts_are_counted_from_the_items() -> None:
    refused = item(status={"state": "rejected", "errorCode": 1002})
    answer = decode_batch_answer(
        batch(item(), refused, item(), acceptedCount=None, rejectedCount=None)
    )
    assert (answer.accepted_count, answer.rejected_count) == (2, 1)


@pytest.mark.parametrize("umid", ["x" * 1000, "a\nb", "\ud800", 7])
def test_an_id_that_no_store_should_hold_is_left_out(umid: object) -> None:
    # One oddity makes the careful reader read the whole body.
    body = batch(item(umid=umid, status={"state": "queued", "errorCode": "0"}))
    assert decode_batch_answer(body).messages[0].umid is None


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"null", b"{}", b'{"code":1}', b"\xff\xfe", b"[" * 200_000],
    ids=["empty", "html", "list", "null", "nothing", "error", "bytes", "deep"],
)
def test_what_is_no_batch_answer_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        decode_batch_answer(body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["umid", "clientMessageId", "status"]), json_values))
def test_whatever_an_item_holds_the_others_can_be_read(odd: dict[str, Any]) -> None:
    messages = decode_batch_answer(batch(odd, item())).messages
    assert messages[-1].client_message_id == "spring.7.1"


@given(st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_body_is_read_or_unreadable(body: bytes) -> None:
    assert isinstance(judge(200, body), Answered | NoAnswer)
    assert isinstance(judge(400, body), Refused)
    assert isinstance(judge(200, body, content_encoding="gzip"), Answered | NoAnswer)


def test_an_error_body_tells_its_code_and_id() -> None:
    body = b'{"code":"1001","message":"code 9","errorId":"e-1","timestamp":"x"}'
    assert decode_error_body(body) == ErrorBody(1001, "e-1")
    assert decode_error_body(b"Bad gateway") == ErrorBody(None, None)


@pytest.mark.parametrize("status", [400, 401, 403, 413, 422, 426, 429, 500, 502, 599])
def test_an_error_status_is_a_refusal(status: int) -> None:
    assert judge(status, b'{"code":7,"errorId":"e"}') == Refused(status, 7, "e", None)
    assert judge(status, b"<html>") == Refused(status)


def test_a_cut_off_error_is_still_a_refusal() -> None:
    raw = RawAnswer(401, {}, b'{"code":12', flaw="ReadError")
    assert judge_answer(raw, now=NOON, max_bytes=100) == Refused(401)


@pytest.mark.parametrize("status", [101, 408])
def test_statuses_that_settle_nothing_are_no_answer(status: int) -> None:
    result = judge(status, batch(item()))
    assert isinstance(result, NoAnswer)
    assert (result.reason, result.why, result.status) == (f"HTTP {status}", Silence.STATUS, status)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
def test_a_redirect_is_a_refusal_whatever_its_body_says(status: int) -> None:
    assert judge(status, batch(item())) == Refused(status)


@pytest.mark.parametrize(
    ("status", "body", "why", "reason"),
    [
        (204, b"", Silence.STATUS, "HTTP 204 without a body"),
        (200, b"", Silence.STATUS, "HTTP 200 without a body"),
        (
            200,
            b"  <!DOCTYPE html>",
            Silence.UNREADABLE,
            "HTTP 200, unreadable: a page of HTML or XML",
        ),
        (200, b"welcome", Silence.UNREADABLE, "HTTP 200, unreadable: not JSON"),
    ],
)
def test_a_success_without_a_result_says_what_came_instead(
    status: int, body: bytes, why: Silence, reason: str
) -> None:
    result = judge(status, body)
    assert isinstance(result, NoAnswer)
    assert (result.why, result.reason, result.status) == (why, reason, status)


def test_a_success_that_did_not_arrive_whole_is_no_answer() -> None:
    raw = RawAnswer(200, {}, batch(item()), flaw="ReadError")
    assert isinstance(judge_answer(raw, now=NOON, max_bytes=100), NoAnswer)


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP", "deflate", "identity", ""])
def test_a_compressed_answer_is_unpacked(encoding: str) -> None:
    plain = batch(item())
    packed = {"deflate": zlib.compress(plain), "": plain, "identity": plain}
    body = packed.get(encoding, gzip.compress(plain))
    assert isinstance(judge(200, body, content_encoding=encoding), Answered)


def test_compression_that_is_broken_cut_huge_or_unknown_is_no_answer() -> None:
    whole = gzip.compress(batch(item()))
    bomb = gzip.compress(batch(item(), filler="x" * 200_000))
    for body in (b"no gzip", whole[:-9], whole[:20], bomb):
        assert isinstance(judge(200, body, content_encoding="gzip"), NoAnswer)
    assert isinstance(judge(200, whole, content_encoding="br"), NoAnswer)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("1", 1.0),
        (" 2 ", 2.0),
        ("0.5", 0.5),
        ("99999999999", 99999999999.0),
        ("Fri, 15 Jan 2027 08:00:30 GMT", 30.0),
        ("Fri, 15 Jan 2027 08:00:30 -0000", 30.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0),
        ("60, 120", 120.0),
        ("60, soon", None),
        ("-1", None),
        ("soon", None),
        ("", None),
        ("٣", None),
        ("nan", None),
        ("9" * 5000, None),
        ("Fri, 99 Jan 2027 08:00:30 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_or_nothing(
    value: str | None, seconds: float | None
) -> None:
    assert parse_retry_after(value, NOON) == seconds


@given(st.text())
def test_no_retry_after_breaks_the_reader(value: str) -> None:
    wait = parse_retry_after(value, NOON)
    assert wait is None or wait >= 0


def test_a_date_to_retry_at_is_meant_by_the_server_s_clock() -> None:
    refused = judge(
        429,
        retry_after="Fri, 15 Jan 2027 09:00:05 GMT",
        date="Fri, 15 Jan 2027 09:00:00 GMT",  # an hour ahead of us
    )
    assert refused == Refused(429, retry_after=5.0)


def test_the_collected_samples_are_read() -> None:
    folder = os.environ.get("SENDMANY_SAMPLES")
    if not folder:
        pytest.skip("SENDMANY_SAMPLES names no folder of samples")
    for path in Path(folder, "responses").glob("*.json"):
        sample = json.loads(path.read_text())
        result = judge(sample["status"], json.dumps(sample["body"]).encode())
        if path.name.startswith("batch-200"):
            assert isinstance(result, Answered), path.name
        elif sample["status"] >= 400:
            assert isinstance(result, Refused), path.name
            assert result.code is not None, path.name
