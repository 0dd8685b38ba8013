"""Each answer that is not a good one becomes one error, which says what to do."""

import pytest

from chatapps.codes import meaning
from chatapps.management import (
    CallRefused,
    NotAllowed,
    NotFound,
    ProviderError,
    ProviderUnavailable,
    TemplateNameBlocked,
    TooFast,
    UnknownAccount,
    WrongKey,
)
from chatapps.management.errors import body_of, error_of
from chatapps.responses import NoAnswer, NotSent, Received, Refused


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, 1000, CallRefused),
        (400, 1001, UnknownAccount),
        (400, 1002, CallRefused),
        (400, 3060, TemplateNameBlocked),
        (400, None, CallRefused),
        (401, 1200, WrongKey),
        (401, 1001, WrongKey),  # 1001 is an example under every status
        (403, 1200, NotAllowed),
        (403, 1201, NotAllowed),
        (404, 1300, NotFound),
        (409, 3060, TemplateNameBlocked),
        (409, None, TemplateNameBlocked),
        (413, 7001, CallRefused),
        (422, 1001, UnknownAccount),
        (429, 429, TooFast),
        (500, 2000, ProviderUnavailable),
        (503, None, ProviderUnavailable),
    ],
)
def test_a_refusal_becomes_one_error(
    status: int, code: int | None, kind: type[ProviderError]
) -> None:
    error = error_of(Refused(status, code, "e-1", 2.0))
    assert type(error) is kind
    assert (error.status, error.code, error.error_id) == (status, code, "e-1")
    assert f"HTTP {status}" in str(error)
    assert "e-1" in str(error)


def test_the_meaning_of_a_code_is_said() -> None:
    assert meaning(1002) in str(error_of(Refused(400, 1002)))


def test_how_long_to_wait_is_kept() -> None:
    error = error_of(Refused(429, 429, None, 1.5))
    assert isinstance(error, TooFast)
    assert error.retry_after == 1.5


@pytest.mark.parametrize(
    ("answer", "not_processed"),
    [(NotSent("ConnectError"), True), (NoAnswer("ReadTimeout"), False), (Refused(500), False)],
)
def test_what_has_no_trustworthy_answer_is_unavailable(
    answer: NotSent | NoAnswer | Refused, not_processed: bool
) -> None:
    with pytest.raises(ProviderUnavailable) as caught:
        body_of(answer)
    assert caught.value.not_processed is not_processed


def test_a_good_answer_is_its_body() -> None:
    assert body_of(Received(b"{}")) == b"{}"
