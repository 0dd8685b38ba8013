"""Members that the provider marks as "only for type …" are refused elsewhere (provider docs, add
template), by each kind of button and component."""

from typing import Any

import pytest

from chatapps.messages import MessageError
from chatapps.templates import read_template

Json = dict[str, Any]

PICTURE = "https://media.example.net/pier.png"
BUTTONS: dict[str, Json] = {
    "QUICK_REPLY": {"text": "More"},
    "URL": {"text": "See it", "url": "https://boats.example.com"},
    "PHONE_NUMBER": {"text": "Call us", "phoneNumber": "+442079460000"},
    "OTP": {"text": "Copy Code", "otp_type": "COPY_CODE"},
    "COPY_CODE": {"example": ["BOAT25"]},
    "FLOW": {"text": "Answer", "flowId": "77"},
    "VOICE_CALL": {},
    "REQUEST_CONTACT_INFO": {},
}
OF_BUTTONS: dict[str, tuple[Any, set[str]]] = {  # a value, and the kinds that have the member
    "url": ("https://boats.example.com", {"URL"}),
    "phoneNumber": ("+442079460000", {"PHONE_NUMBER"}),
    "country": ("GB", {"PHONE_NUMBER"}),
    "otp_type": ("COPY_CODE", {"OTP"}),
    "example": (["BOAT25"], {"URL", "COPY_CODE"}),
    "flowId": ("77", {"FLOW"}),
    "flowAction": ("navigate", {"FLOW"}),
    "navigateScreen": ("FIRST", {"FLOW"}),
    "ttlMinutes": (1440, {"VOICE_CALL"}),
}
COMPONENTS: dict[str, Json] = {
    "HEADER (Text)": {"type": "HEADER", "text": "ProviderEvent"},
    "HEADER (media)": {"type": "HEADER", "format": "Image", "examples": [PICTURE]},
    "HEADER (Location)": {"type": "HEADER", "format": "Location"},
    "BODY": {"type": "BODY", "text": "Your code."},
    "FOOTER": {"type": "FOOTER", "text": "Boats Ltd"},
    "BUTTONS": {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "More"}]},
    "CALL_PERMISSION_REQUEST": {"type": "CALL_PERMISSION_REQUEST"},
    "REQUEST_CONTACT_INFO": {"type": "REQUEST_CONTACT_INFO"},
}
OF_COMPONENTS: dict[str, tuple[Any, set[str]]] = {
    "format": ("Text", {"HEADER (Text)", "HEADER (media)", "HEADER (Location)"}),
    "text": ("Boats", {"HEADER (Text)", "BODY", "FOOTER"}),
    "examples": (["Ana"], {"HEADER (Text)", "HEADER (media)", "BODY"}),
    "buttons": (BUTTONS["QUICK_REPLY"], {"BUTTONS"}),
    "cards": ([{"components": []}], set()),
    "add_security_recommendation": (True, {"BODY"}),
    "code_expiration_minutes": (5, {"FOOTER"}),
}


def faults(*components: Json, category: str = "AUTHENTICATION") -> list[str]:
    named = {"language": "en_GB", "name": "boats", "category": category}
    try:
        read_template({**named, "components": list(components)})
    except MessageError as error:
        return [str(problem) for problem in error.problems]
    return []


def category_of(button: str) -> str:
    return "AUTHENTICATION" if button == "OTP" else "MARKETING"


@pytest.mark.parametrize("kind", BUTTONS)
@pytest.mark.parametrize("member", OF_BUTTONS)
def test_a_button_takes_no_member_that_is_only_for_another_kind(kind: str, member: str) -> None:
    value, kinds = OF_BUTTONS[member]
    button = {"type": kind, **BUTTONS[kind]}
    body, buttons = COMPONENTS["BODY"], {"type": "BUTTONS", "buttons": [{**button, member: value}]}
    found = faults(body, buttons, category=category_of(kind))
    if kind in kinds:
        assert not any("only for" in fault for fault in found)
    else:
        owners = ", ".join(sorted(kinds))
        assert found == [f"components[1].buttons[0].{member}: only for {owners}"]


@pytest.mark.parametrize("kind", COMPONENTS)
@pytest.mark.parametrize("member", OF_COMPONENTS)
def test_a_component_takes_no_member_that_is_only_for_another_kind(kind: str, member: str) -> None:
    value, kinds = OF_COMPONENTS[member]
    body = [] if kind == "BODY" else [COMPONENTS["BODY"]]
    found = faults(*body, {**COMPONENTS[kind], member: value})
    if kind in kinds:
        assert not any("only for" in fault for fault in found)
    else:
        assert len(found) == 1
        assert found[0].startswith(f"components[{len(body)}].{member}: only for ")


def card(*, kind: str, **members: Any) -> Json:
    """A carousel of one card, one part of which has further members."""
    parts: dict[str, Json] = {
        "HEADER": {"type": "HEADER", "format": "Image", "examples": [PICTURE]},
        "BODY": {"type": "BODY", "text": "Two hours at sea."},
        "BUTTONS": {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "More"}]},
    }
    parts[kind] |= members
    return {"type": "CAROUSEL", "cards": [{"components": list(parts.values())}]}


@pytest.mark.parametrize(
    ("carousel", "place"),
    [
        (card(kind="HEADER", text="Boats"), "[0].text"),
        (card(kind="HEADER", buttons=[{}]), "[0].buttons"),
        (card(kind="BODY", add_security_recommendation=True), "[1].add_security_recommendation"),
        (card(kind="BODY", format="Image"), "[1].format"),
        (card(kind="BODY", cards=[{}]), "[1].cards"),
        (card(kind="BUTTONS", code_expiration_minutes=5), "[2].code_expiration_minutes"),
    ],
)
def test_the_parts_of_a_card_are_no_exception(carousel: Json, place: str) -> None:
    (fault,) = faults(COMPONENTS["BODY"], carousel, category="MARKETING")
    assert fault.startswith(f"components[1].cards[0].components{place}: only for ")


def test_neither_are_the_buttons_of_a_card() -> None:
    button = {"type": "QUICK_REPLY", "text": "More", "flowId": "77"}
    carousel = card(kind="BUTTONS", buttons=[button])
    (fault,) = faults(COMPONENTS["BODY"], carousel, category="MARKETING")
    assert fault.endswith("components[2].buttons[0].flowId: only for FLOW")


def test_a_carousel_has_cards_and_no_text() -> None:
    carousel = card(kind="BODY") | {"text": "Boats"}
    (fault,) = faults(COMPONENTS["BODY"], carousel, category="MARKETING")
    assert fault.startswith("components[1].text: only for BODY, ")


def test_a_form_that_asks_a_server_has_no_first_screen() -> None:
    flow = {"type": "FLOW", "text": "Answer", "flowId": "77", "navigateScreen": "FIRST"}
    body, asking = COMPONENTS["BODY"], flow | {"flowAction": "DATA_EXCHANGE"}
    (fault,) = faults(body, {"type": "BUTTONS", "buttons": [asking]}, category="UTILITY")
    assert fault == "components[1].buttons[0].navigateScreen: only for the flowAction navigate"
    for opening in (flow, flow | {"flowAction": "navigate"}):
        buttons = {"type": "BUTTONS", "buttons": [opening]}
        assert faults(body, buttons, category="UTILITY") == []


@pytest.mark.parametrize("category", ["UTILITY", "AUTHENTICATION"])
def test_a_moving_picture_is_only_for_marketing(category: str) -> None:
    gif = {"type": "HEADER", "format": "gif", "examples": [PICTURE]}
    assert faults(gif, COMPONENTS["BODY"], category="MARKETING") == []
    (fault,) = faults(gif, COMPONENTS["BODY"], category=category)
    assert fault == "components[0].format: Gif is only for the category MARKETING"


def test_nulls_empty_lists_and_members_unknown_to_all_are_left_alone() -> None:
    quick = {"type": "QUICK_REPLY", "text": "More", "ttlMinutes": None, "colour": "blue"}
    body = {**COMPONENTS["BODY"], "buttons": [], "cards": None, "layout": "wide"}
    assert faults(body, {"type": "BUTTONS", "buttons": [quick]}) == []
