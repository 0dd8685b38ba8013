"""Signatures of Standard Webhooks: the example of its specification, forgeries, old ones."""

import base64
import time

import pytest

from sendmany_client import InvalidSignature, verify
from sendmany_client.testing import SECRET, FakeServer
from sendmany_client.webhooks import sign


def test_the_signature_is_that_of_the_specification() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    signature = sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_events_of_the_subscription_are_taken(sendmany: FakeServer) -> None:
    sendmany.settle("n-1.0", "delivered")
    headers, body = sendmany.webhook()
    (event,) = verify(SECRET, headers, body).data
    assert (event.type, event.id, event.state) == ("message.delivered", "n-1.0", "delivered")


def test_one_of_several_signatures_is_enough(sendmany: FakeServer) -> None:
    headers, body = sendmany.webhook()
    both = f"v1,{base64.b64encode(bytes(32)).decode()} {headers['webhook-signature']}"
    verify(SECRET, {**headers, "webhook-signature": both}, body)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("webhook-id", "msg_another"),
        ("webhook-id", ""),
        ("webhook-timestamp", "soon"),
        ("webhook-timestamp", "1"),
        ("webhook-timestamp", "²"),
        ("webhook-signature", ""),
        ("webhook-signature", "v1,AAAA"),
        ("webhook-signature", "v1a,g0hM9SsE é"),
    ],
)
def test_a_request_with_another_header_is_refused(
    sendmany: FakeServer, name: str, value: str
) -> None:
    headers, body = sendmany.webhook()
    with pytest.raises(InvalidSignature):
        verify(SECRET, {**headers, name: value}, body)


def test_another_body_or_secret_is_refused(sendmany: FakeServer) -> None:
    headers, body = sendmany.webhook()
    with pytest.raises(InvalidSignature):
        verify(SECRET, headers, body + b" ")
    with pytest.raises(InvalidSignature):
        verify(f"whsec_{base64.b64encode(bytes(32)).decode()}", headers, body)


@pytest.mark.parametrize("away", [-301, 302])
def test_an_old_or_early_request_is_refused(sendmany: FakeServer, away: float) -> None:
    headers, body = sendmany.webhook()
    with pytest.raises(InvalidSignature, match="far"):
        verify(SECRET, headers, body, now=time.time() + away)


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "abc", "whsec_?", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
)
def test_what_is_no_secret_is_told(sendmany: FakeServer, secret: str) -> None:
    headers, body = sendmany.webhook()
    with pytest.raises(ValueError, match="whsec_"):
        verify(secret, headers, body)
