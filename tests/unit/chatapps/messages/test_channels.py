"""Rules of a message's channels, and the address of its receipts."""

from typing import Any

import pytest

from chatapps.messages import MessageError, check_fallback_ttl, read_message, read_message_body

Json = dict[str, Any]

EVERYBODY = {"msisdn": "+447700900123", "lineUserId": "U00c0ffee00c0ffee"}
PICTURE = "https://media.example.net/pier.png"


def message(content: Json, *channels: str | Json, kind: str = "text", **others: Any) -> Json:
    steps = [step if isinstance(step, dict) else {"channel": step} for step in channels]
    named = {"channels": steps} if steps else {}
    return {"user": EVERYBODY, "type": kind, "content": content, **named, **others}


def refusal(written: Json) -> str:
    with pytest.raises(MessageError) as caught:
        read_message(written)
    return str(caught.value)


@pytest.mark.parametrize(
    ("channel", "statuses"),
    [
        ("WhatsApp", ["Accepted", "Sent", "Delivered", "Read"]),
        ("Viber", ["Accepted", "Sent", "Delivered", "Read"]),
        ("RCS", ["Accepted", "Sent", "Delivered", "Read"]),
        ("SMS", ["Accepted", "Sent", "Delivered"]),
        ("ZaloNotification", ["Accepted", "Sent", "Delivered"]),
        ("Line", ["Accepted", "Sent"]),
    ],
)
def test_a_channel_can_only_wait_for_what_it_reports(channel: str, statuses: list[str]) -> None:
    for status in ("Accepted", "Sent", "Delivered", "Read"):
        written = message({"text": "Go!"}, {"channel": channel, "successStatus": status})
        if status in statuses:
            assert read_message(written).emit() == written
        else:
            said = f"channels[0].successStatus: {channel} does not report {status}"
            assert refusal(written) == said


@pytest.mark.parametrize(
    ("channels", "limit", "named"),
    [
        ((), 4096, "WhatsApp"),
        (("WhatsApp",), 4096, "WhatsApp"),
        (("RCS", "SMS"), 3072, "RCS"),
        (("SMS", "Viber"), 1000, "Viber"),
        (("ZaloNotification",), 400, "ZaloNotification"),
    ],
)
def test_a_text_fits_every_channel_that_may_carry_it(
    channels: tuple[str, ...], limit: int, named: str
) -> None:
    assert read_message(message({"text": "x" * limit}, *channels))
    said = refusal(message({"text": "x" * (limit + 1)}, *channels))
    assert said == f"content.text: at most {limit} characters on {named}, got {limit + 1}"


@pytest.mark.parametrize(("channel", "limit"), [("WhatsApp", 1024), ("RCS", 2000), ("Viber", 1000)])
def test_a_caption_fits_too(channel: str, limit: int) -> None:
    content = {"url": PICTURE, "text": "x" * limit}
    assert read_message(message(content, channel, kind="image"))
    content["text"] += "x"
    assert f"at most {limit} characters on {channel}" in refusal(
        message(content, channel, kind="image")
    )


def test_the_address_of_a_file_is_limited_on_rcs_only() -> None:
    content = {"url": PICTURE.ljust(2049, "x")}

    assert read_message(message(content, "WhatsApp", kind="file"))
    said = refusal(message(content, "RCS", kind="file"))
    assert said == "content.url: at most 2048 characters on RCS, got 2049"


def test_an_sms_says_the_text_the_caption_or_the_fallback_text() -> None:
    place = {"latitude": 50.8, "longitude": -0.1}

    assert read_message(message({"text": "Go!"}, "SMS"))
    assert read_message(message({"url": PICTURE, "text": "The pier"}, "SMS", kind="image"))
    assert read_message(
        message({"location": place, "fallbackText": "The pier"}, "SMS", kind="location")
    )
    missing = "content.fallbackText: is required to send by SMS"
    assert refusal(message({"url": PICTURE}, "SMS", kind="image")) == missing
    assert refusal(message({"location": place}, "SMS", kind="location")) == missing


# --- falling back only after WhatsApp has given up -----------------------------------------------


def falling_back(*channels: str | Json) -> Json:
    written = message({"text": "Go!"}, *channels)
    del written["user"]
    return written


AFTER_TEN_MINUTES: Json = {"channel": "WhatsApp", "fallbackAfter": 600}


@pytest.mark.parametrize(
    ("channels", "ttl"),
    [
        ([AFTER_TEN_MINUTES, "SMS"], 599),
        ([AFTER_TEN_MINUTES], 2_592_000),
        (["SMS", AFTER_TEN_MINUTES], None),
        (["WhatsApp", "SMS"], None),
        ([{"channel": "RCS", "fallbackAfter": 10}, "SMS"], 600),
        ([], 600),
    ],
)
def test_a_fallback_after_the_template_has_expired_passes(
    channels: list[str | Json], ttl: int | None
) -> None:
    check_fallback_ttl(read_message_body(falling_back(*channels)), ttl)


@pytest.mark.parametrize(
    ("ttl", "said"),
    [
        (600, "must be longer than the 600 s for which the template is valid, got 600"),
        (43_200, "must be longer than the 43200 s for which the template is valid, got 600"),
        (86_400, "no wait is long enough for a template valid for 86400 s: give it a shorter TTL"),
        (-1, "no wait is long enough for a template valid for 2592000 s: give it a shorter TTL"),
        (None, "no wait is long enough for a template valid for 2592000 s: give it a shorter TTL"),
    ],
)
def test_a_fallback_that_may_arrive_twice_is_refused(ttl: int | None, said: str) -> None:
    body = read_message_body(falling_back("RCS", AFTER_TEN_MINUTES, "SMS"))

    with pytest.raises(MessageError) as caught:
        check_fallback_ttl(body, ttl)

    assert str(caught.value) == f"channels[1].fallbackAfter: {said}"


# --- where the receipts go -----------------------------------------------------------------------
