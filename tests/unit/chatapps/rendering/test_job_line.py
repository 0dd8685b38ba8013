"""The line of a single message, and what it says beside the message."""

import pytest

from chatapps.rendering.job_line import expiry_of, pack_message, purpose_letter, template_in

BODY = b'{"type":"text","content":{"text":"Hi"}}'


@pytest.mark.parametrize("purpose", ["", "m", "u", "a"])
@pytest.mark.parametrize("expiry", [None, 0, 1_999_999_999])
def test_purpose_and_expiry_are_read_as_they_were_packed(purpose: str, expiry: int | None) -> None:
    line = pack_message(b"447700900001", BODY, purpose, expiry)
    assert (purpose_letter(line), expiry_of(line)) == (purpose, expiry)
    assert line.split(b"\t")[:2] == [b"447700900001", BODY]


def test_a_line_of_an_older_version_has_an_expiry_alone() -> None:
    line = b"447700900001\t" + BODY + b"\t1750000000"
    assert (purpose_letter(line), expiry_of(line)) == ("", 1_750_000_000)


@pytest.mark.parametrize("line", [b"", b"447700900001", b"447700900001\tx\ty\tz", b"1\t2\t-"])
def test_a_line_of_another_form_says_nothing(line: bytes) -> None:
    assert (purpose_letter(line), expiry_of(line), template_in(line)) == ("", None, None)


@pytest.mark.parametrize(
    ("message", "template"),
    [
        (b'{"type":"template","content":{"template":{"name":"a","language":"en"}}}', ("a", "en")),
        (b'{"content":{"template":{"language":"pt_BR","name":"b","x":[1]}}}', ("b", "pt_BR")),
        (b'{"type":"text","content":{"text":"a \\"template\\" of mine"}}', None),
        (b'{"type":"template","content":{"template":{"name":"a"}}}', None),
        (b'{"type":"template","content":{"template":"a"}}', None),
        (b'{"type":"template"', None),
    ],
)
def test_the_template_of_a_message_is_found(
    message: bytes, template: tuple[str, str] | None
) -> None:
    assert template_in(pack_message(b"447700900001", message, "u", 5)) == template
