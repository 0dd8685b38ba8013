"""Items: what they are packed into, and which times make sense."""

import json
import re
import tracemalloc
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from chatapps.messages import MessageError, read_message
from producer.errors import BadPurpose, BadTag, BadTiming
from producer.messages.item import FURTHEST_DAYS, Item, pack_item
from store.purposes import Purpose

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
OTP = {"user": {"msisdn": "+447700900001"}, "type": "text", "content": {"text": "Code 90441"}}
BODY = b'{"type":"text","content":{"text":"Code 90441"},"user":{"msisdn":"+447700900001"}}'
UNCOMMON = {**OTP, "channels": [{"channel": "WhatsApp"}, {"channel": "SMS"}]}


def in_(**time: float) -> datetime:
    """So much later."""
    return NOW + timedelta(**time)


def test_a_line_holds_the_recipient_and_the_message() -> None:
    packed = pack_item(Item(OTP))
    assert packed == (b"447700900001\t" + BODY, b"", b"", 0, "")


def test_a_model_of_a_message_is_packed_like_its_json() -> None:
    assert pack_item(Item(read_message(OTP), "k")) == pack_item(Item(OTP, "k"))


def test_what_is_not_common_is_packed_too() -> None:
    line = pack_item(Item(UNCOMMON)).line
    assert line == b"447700900001\t" + read_message(UNCOMMON).emit_json()


def test_the_digest_of_a_body_does_not_depend_on_how_it_was_written() -> None:
    written = b'{"content":{"text": "Code 90441"},"type":"Text","user":{"msisdn":"+447700900001"} }'
    assert pack_item(Item(written, "k")) == pack_item(Item(OTP, "k"))


SHORT = {"to": "+447700900001", "template": "one_time_code", "language": "en", "params": ["402918"]}
LONG = {
    "user": {"msisdn": "+447700900001"},
    "type": "template",
    "content": {
        "template": {
            "name": "one_time_code",
            "language": "en",
            "components": [{"type": "body", "parameters": [{"type": "text", "text": "402918"}]}],
        }
    },
}


@pytest.mark.parametrize("given", [SHORT, json.dumps(SHORT), json.dumps(SHORT).encode()])
def test_the_short_form_is_the_same_message_as_the_providers(given: Any) -> None:
    assert pack_item(Item(given, "k")) == pack_item(Item(LONG, "k"))


def test_the_short_form_takes_a_template_without_values_and_the_id_of_a_user() -> None:
    line = pack_item(Item({"to": "GB.13491", "template": "hello", "language": "en"})).line
    assert line.startswith(b"GB.13491\t")
    assert b"components" not in line


@pytest.mark.parametrize(
    "changed",
    [
        {"params": {"code": "402918"}},
        {"params": [402918]},
        {"language": None},
        {"template": 7},
        {"to": ""},
        {"secret-name": 1},
        {"type": "template"},
    ],
)
@pytest.mark.parametrize("as_bytes", [False, True])
def test_a_short_form_that_does_not_fit_is_told_in_one_sentence(
    changed: dict[str, Any], as_bytes: bool
) -> None:
    given: Any = {**SHORT, **changed}
    with pytest.raises(MessageError) as told:
        pack_item(Item(json.dumps(given).encode() if as_bytes else given))
    (problem,) = told.value.problems
    assert problem.rule.startswith("a short form has `to`, `template`, `language`")
    assert "secret-name" not in str(told.value)


def test_the_rules_of_the_provider_hold_for_the_short_form() -> None:
    with pytest.raises(MessageError, match=r"user\.msisdn"):
        pack_item(Item({**SHORT, "to": "+44"}))


def test_a_short_form_with_very_many_values_is_refused_before_it_is_expanded() -> None:
    given = json.dumps({**SHORT, "params": [""] * 80_000}, separators=(",", ":")).encode()
    with pytest.raises(MessageError, match="holds more than 2,000 members"):
        pack_item(Item(given))
    tracemalloc.start()
    try:
        with pytest.raises(MessageError):
            pack_item(Item(given))
        assert tracemalloc.get_traced_memory()[1] < 10 * len(given)
    finally:
        tracemalloc.stop()


def test_the_messages_of_the_page_for_services_are_taken() -> None:
    page = (Path(__file__).parents[4] / "docs/how-to/services.md").read_text()
    found = [json.loads(one) for one in re.findall(r"```json\n(.*?)```", page, re.DOTALL)]
    lines = [pack_item(Item(one["message"])).line for one in found]
    assert [b"fallbackText" in line for line in lines] == [False, True]


@pytest.mark.parametrize("key", ["k", "\ud800", "ключ", "k" * 1000])
def test_any_text_can_be_a_key(key: str) -> None:
    packed = pack_item(Item(OTP, key))
    assert (len(packed.key_digest), len(packed.body_digest)) == (16, 8)


@pytest.mark.parametrize(
    "message", [{**OTP, "clientMessageId": "mine"}, {**UNCOMMON, "content": {}}]
)
def test_what_the_provider_would_refuse_is_refused(message: object) -> None:
    with pytest.raises(MessageError):
        pack_item(Item(message))  # type: ignore[arg-type]


def test_an_end_is_the_third_field_in_seconds() -> None:
    line = pack_item(Item(OTP, expires_at=in_(minutes=5, microseconds=900_000)), NOW_MS).line
    assert line == b"447700900001\t" + BODY + b"\t%d" % (NOW_MS // 1000 + 300)


def test_a_start_is_a_delay_by_redis_clock() -> None:
    assert pack_item(Item(OTP, send_at=in_(minutes=5)), NOW_MS).due_ms == NOW_MS + 300_000
    assert pack_item(Item(OTP, send_at=in_(minutes=-5)), NOW_MS).due_ms == 0


def test_offsets_from_utc_are_understood() -> None:
    there = in_(hours=1).astimezone(timezone(timedelta(hours=-8)))
    assert pack_item(Item(OTP, send_at=there), NOW_MS).due_ms == NOW_MS + 3_600_000


@pytest.mark.parametrize(
    ("item", "member", "rule"),
    [
        (Item(OTP, expires_at=NOW), "expires_at", "is over"),
        (Item(OTP, expires_at=in_(hours=1), send_at=in_(hours=1)), "expires_at", "later than"),
        (Item(OTP, send_at=in_(days=FURTHEST_DAYS, seconds=1)), "send_at", "30 days"),
        (Item(OTP, send_at=datetime(2026, 11, 23)), "send_at", "offset"),
        (Item(OTP, expires_at=datetime(2026, 11, 23)), "expires_at", "offset"),
    ],
)
def test_times_that_make_no_sense_are_refused(item: Item, member: str, rule: str) -> None:
    with pytest.raises(BadTiming, match=rule) as refused:
        pack_item(item, NOW_MS)
    assert refused.value.member == member


CODE = {
    "user": {"msisdn": "+447700900001"},
    "type": "template",
    "content": {"template": {"name": "otp", "language": "en"}},
}


def test_a_purpose_stands_before_the_end_and_changes_no_digest() -> None:
    plain = pack_item(Item(OTP, "k"))
    for purpose, option in ((Purpose.MARKETING, b"\tm"), (Purpose.UTILITY, b"\tu")):
        packed = pack_item(Item(OTP, "k", purpose=purpose))
        assert packed.line == plain.line + option
        assert packed[1:] == plain[1:]
    both = pack_item(Item(OTP, expires_at=in_(minutes=5), purpose=Purpose.MARKETING), NOW_MS)
    assert both.line == plain.line + b"\tm%d" % (NOW_MS // 1000 + 300)


def test_authentication_takes_a_template_that_is_registered_as_such() -> None:
    item = Item(CODE, purpose=Purpose.AUTHENTICATION)
    packed = pack_item(item, registry={"otp:en": Purpose.AUTHENTICATION})
    assert packed.line.endswith(b"\ta")
    for registry in ({}, {"otp:en": Purpose.UTILITY}, {"otp:de": Purpose.AUTHENTICATION}):
        with pytest.raises(BadPurpose):
            pack_item(item, registry=registry)
    with pytest.raises(BadPurpose):
        pack_item(Item(OTP, purpose=Purpose.AUTHENTICATION))


@pytest.mark.parametrize("tag", ["code", "Login.code:v2_b-1", "2026-12-03-news", "x" * 64, "_"])
def test_a_tag_is_kept(tag: str) -> None:
    assert pack_item(Item(OTP, tag=tag)).tag == tag


@pytest.mark.parametrize(
    "tag",
    [
        "",
        " ",
        "a b",
        "a\n",
        "caf\u00e9",
        "a/b",
        "x" * 65,
        "447700900123",
        "to-447700900123",
        "1",
        "123456",
    ],
)
def test_a_tag_that_could_be_a_person_or_break_a_line_is_refused(tag: str) -> None:
    with pytest.raises(BadTag, match="a kind of message, not a person") as refused:
        pack_item(Item(OTP, tag=tag))
    assert "447700900123" not in str(refused.value)
