"""A template on the terminal looks like the message a person will get."""

from typing import Any

import pytest
from rich.console import Console

from chatapps.templates import read_registered
from sendmany.cli.templates.preview import heading, preview


def shown(*parts: Any, width: int = 90, **members: Any) -> str:
    template = read_registered({"name": "boats", "components": list(parts), **members})
    console = Console(width=width, color_system=None, highlight=False)
    with console.capture() as capture:
        console.print(preview(template))
    return capture.get()


def styled(text: str, *samples: str) -> str:
    """A body with the terminal's codes for bold, italic, colour."""
    body = {"type": "BODY", "text": text, "examples": list(samples)}
    template = read_registered({"name": "boats", "components": [body]})
    console = Console(width=60, force_terminal=True, color_system="standard", highlight=False)
    with console.capture() as capture:
        console.print(preview(template))
    return capture.get()


def test_the_samples_are_filled_in() -> None:
    body = {
        "type": "BODY",
        "text": "Ahoy {{1}} and {{2}}!",
        "example": {"bodyText": ["Ana", "Ben"]},
    }
    assert "Ahoy Ana and Ben!" in shown(body)
    assert "Ahoy {{1}} and {{2}}!" in shown({"type": "BODY", "text": body["text"]})


def test_all_parts_come_in_their_order() -> None:
    text = shown(
        {"type": "HEADER", "format": "Text", "text": "ProviderEvent"},
        {"type": "BODY", "text": "The boat is back."},
        {"type": "FOOTER", "text": "Pier 4"},
        {
            "type": "BUTTONS",
            "buttons": [
                {"type": "URL", "text": "See it", "url": "https://b.example.com"},
                {"type": "COPY_CODE"},
            ],
        },
    )
    words = ["ProviderEvent", "The boat is back.", "Pier 4", "↗ See it", "⧉ Copy code"]
    assert sorted(words, key=text.index) == words


@pytest.mark.parametrize(
    ("kind", "word"),
    [("Image", "image"), ("Document", "document"), ("Location", "map"), ("Hologram", "Hologram")],
)
def test_a_medium_is_a_box(kind: str, word: str) -> None:
    sample = {"headerHandle": ["https://m.example.com/a.png"]}
    text = shown({"type": "HEADER", "format": kind, "example": sample})
    assert word in text
    assert "m.example.com/a.png" in text


def test_markup_is_shown_as_whatsapp_shows_it() -> None:
    text = styled("A *bold* _slanted_ ~gone~ track_my_order 2*3*4")
    assert "\x1b[1mbold" in text
    assert "\x1b[3mslanted" in text
    assert "\x1b[9mgone" in text
    assert "track_my_order 2*3*4" in text


def test_samples_stand_out() -> None:
    assert "\x1b[36mAna" in styled("Ahoy {{1}}!", "Ana")
    assert "\x1b[1;36mAna" in styled("Ahoy *{{1}}*!", "Ana")


def test_brackets_in_a_text_stay_brackets() -> None:
    assert "[bold]x[/bold]" in shown({"type": "BODY", "text": "[bold]x[/bold]"})


def test_cards_lie_side_by_side() -> None:
    def card(text: str) -> Any:
        return {"components": [{"type": "BODY", "text": text}]}

    cards = {"type": "CAROUSEL", "cards": [card("Seals."), card("Sunset.")]}
    lines = shown({"type": "BODY", "text": "Hi."}, cards).splitlines()
    assert any("Seals." in line and "Sunset." in line for line in lines)
    narrow = shown({"type": "BODY", "text": "Hi."}, cards, width=40).splitlines()
    assert not any("Seals." in line and "Sunset." in line for line in narrow)


def test_a_one_time_code_shows_the_fixed_text() -> None:
    text = shown(
        {"type": "BODY", "add_security_recommendation": True},
        {"type": "FOOTER", "code_expiration_minutes": 5},
        category="AUTHENTICATION",
    )
    assert "123456 is your verification code." in text
    assert "do not share" in text
    assert "expires in 5 minutes" in text


def test_fixed_requests_are_shown_as_buttons() -> None:
    text = shown({"type": "BODY", "text": "Hi."}, {"type": "CALL_PERMISSION_REQUEST"})
    assert "May we call you?" in text


def test_a_template_that_tells_nothing_is_still_shown() -> None:
    assert shown()
    assert shown({"type": "HOLOGRAM"}, {"type": "BUTTONS", "buttons": [{}]})


def test_the_heading_says_name_language_and_status() -> None:
    template = read_registered({"name": "boats", "language": "en_GB", "status": "PENDING"})
    assert heading(template).plain == "boats · en_GB · PENDING"
