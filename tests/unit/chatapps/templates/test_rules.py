"""The provider's rules for templates, each at its edge: the last that passes, the first that fails."""

from typing import Any

import pytest

from chatapps.messages import MessageError
from chatapps.templates import read_template

Json = dict[str, Any]

PICTURE = "https://media.example.net/pier.png"
BODY: Json = {"type": "BODY", "text": "The boat is back."}
QUICK: Json = {"type": "QUICK_REPLY", "text": "Not for me"}
LINK: Json = {"type": "URL", "text": "See it", "url": "https://boats.example.com"}
PHONE: Json = {"type": "PHONE_NUMBER", "text": "Call us", "phoneNumber": "+442079460000"}
OTP: Json = {"type": "OTP", "text": "Copy Code", "otp_type": "COPY_CODE"}
COUPON: Json = {"type": "COPY_CODE", "example": ["BOAT25"]}
FLOW: Json = {"type": "FLOW", "text": "Answer", "flowId": "77"}
CALL: Json = {"type": "VOICE_CALL"}
CONTACT: Json = {"type": "REQUEST_CONTACT_INFO"}


def draft(*components: Json, **members: Any) -> Json:
    named = {"language": "en_GB", "name": "boat_is_back", "category": "MARKETING"}
    return {**named, "components": list(components or (BODY,)), **members}


def body(text: str, *samples: str) -> Json:
    return draft({"type": "BODY", "text": text, "examples": list(samples)})


def header(text: str, *samples: str) -> Json:
    return draft({"type": "HEADER", "text": text, "examples": list(samples)}, BODY)


def footer(text: str) -> Json:
    return draft(BODY, {"type": "FOOTER", "text": text})


def buttons(*entries: Json, **members: Any) -> Json:
    return draft(BODY, {"type": "BUTTONS", "buttons": list(entries)}, **members)


def link(url: str, *samples: str) -> Json:
    return buttons(LINK | {"url": url, "example": list(samples)})


def card(*entries: Json, text: str | None = "Two hours at sea.", kind: str = "Image") -> Json:
    parts: list[Json] = [{"type": "HEADER", "format": kind, "examples": [PICTURE]}]
    parts += [] if text is None else [{"type": "BODY", "text": text}]
    return {"components": [*parts, {"type": "BUTTONS", "buttons": list(entries or (QUICK,))}]}


def carousel(*cards: Json, **members: Any) -> Json:
    return draft(BODY, {"type": "CAROUSEL", "cards": list(cards)}, **members)


def faults(written: Any) -> list[str]:
    """Its problems; none when it is accepted."""
    try:
        read_template(written)
    except MessageError as error:
        return [str(problem) for problem in error.problems]
    return []


@pytest.mark.parametrize(
    "written",
    [
        body("x" * 1024),
        body("Ahoy {{1}} and {{2}}, {{1}} again.", "Ana", "Ben"),
        header("x" * 60),
        header("For {{1}}", "Ana"),
        footer("x" * 60),
        draft(name="a" * 512),
        draft(language="fil"),
        draft(category="utility"),
        draft(category="UTILITY", message_send_ttl_seconds=30),
        draft(category="UTILITY", message_send_ttl_seconds=43_200),
        draft(category="UTILITY", message_send_ttl_seconds=-1),
        draft(category="AUTHENTICATION", message_send_ttl_seconds=900),
        draft(category="AUTHENTICATION", message_send_ttl_seconds=-1),
        draft(message_send_ttl_seconds=43_200),
        draft(message_send_ttl_seconds=2_592_000),
        buttons(*[QUICK] * 10),
        buttons(QUICK, QUICK, LINK, LINK, PHONE, COUPON, FLOW, CALL, CONTACT),
        buttons(QUICK | {"text": "x" * 25}),
        link("https://boats.example.com/" + "x" * 1974),
        link("https://boats.example.com/{{1}}", "spring"),
        buttons(PHONE | {"phoneNumber": "020 7946 0000", "country": "gb"}),
        buttons(COUPON | {"example": ["x" * 4]}),
        buttons(COUPON | {"example": ["x" * 15]}),
        buttons(CALL | {"ttlMinutes": 1440}),
        buttons(CALL | {"ttlMinutes": 43_200}, category="UTILITY"),
        buttons(FLOW | {"flowAction": "data_exchange"}),
        carousel(*[card()] * 10),
        carousel(card(text="x" * 160), card(kind="Video")),
        carousel(card(QUICK, LINK), card(QUICK, LINK)),
        carousel(card(text=None), card(text=None)),
    ],
)
def test_what_is_just_allowed_is_read(written: Json) -> None:
    assert faults(written) == []


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        # texts and placeholders
        (body("x" * 1025), "components[0].text: at most 1024 characters, got 1025"),
        (body(""), "components[0].text: must not be empty"),
        (body("Ahoy {{1}}!"), "components[0].text: needs a sample for each placeholder: 1 wanted"),
        (body("Ahoy!", "Ana"), "components[0].text: needs a sample for each placeholder: 0 wanted"),
        (body("Ahoy {{2}}!", "Ana"), "components[0].text: uses {{2}} but not {{1}}"),
        (body("Ahoy {{1}}, {{3}}!", "A", "B"), "components[0].text: uses {{3}} but not {{2}}"),
        (body("Ahoy {{name}}!", "A"), "components[0].text: numbers its placeholders"),
        (body("Ahoy {{ 1 }}!", "A"), "components[0].text: numbers its placeholders"),
        (body("Ahoy {{1}!", "A"), "components[0].text: has a placeholder with too few"),
        (body("{{1}}, ahoy!", "A"), "components[0].text: must not start or end with"),
        (body("Ahoy {{1}} ", "A"), "components[0].text: must not start or end with"),
        (header("x" * 61), "components[0].text: at most 60 characters, got 61"),
        (header("{{1}} {{2}}", "A", "B"), "components[0].text: at most one placeholder"),
        (header("For {{1}}"), "components[0].text: needs a sample"),
        (footer("x" * 61), "components[1].text: at most 60 characters, got 61"),
        (footer("Yours, {{1}}"), "components[1].text: no placeholders in a footer"),
        # the whole
        ({}, "language: is required"),
        (draft(name="a" * 513), "name: must be 1 to 200 lower-case"),
        (draft(name="boat-is-back"), "name: must be 1 to 200 lower-case"),
        (draft(name=7), "name: must be 1 to 200 lower-case"),
        (draft(language="en-GB"), "language: must be a language code"),
        (draft(category="NEWS"), "category: must be one of UTILITY, MARKETING, AUTHENTICATION"),
        (draft(components=[]), "components: at least 1, got 0"),
        (draft(components={}), "components: must be a list"),
        (draft({"type": "FOOTER", "text": "Hi"}), "components: a BODY is required"),
        (draft(BODY, BODY), "components: at most one BODY, got 2"),
        (draft({"type": "LEGS"}), "components[0].type: must be one of HEADER, BODY"),
        (draft(components=[7]), "components[0]: must be an object"),
        (draft({"type": "BODY"}), "components[0].text: is required"),
        (draft(allow_category_change="yes"), "allow_category_change: must be true or false"),
        # headers
        (draft({"type": "HEADER"}, BODY), "components[0].text: is required"),
        (draft({"type": "HEADER", "format": "Map"}, BODY), "components[0].format: must be one of"),
        (
            draft({"type": "HEADER", "format": "Image", "examples": [PICTURE] * 2}, BODY),
            "components[0].examples: at most 1, got 2",
        ),
        # time to live
        (draft(message_send_ttl_seconds=43_199), "message_send_ttl_seconds: 43200 to 2592000"),
        (draft(message_send_ttl_seconds=-1), "message_send_ttl_seconds: 43200 to 2592000"),
        (
            draft(category="UTILITY", message_send_ttl_seconds=43_201),
            "message_send_ttl_seconds: 30 to 43200 seconds for UTILITY, or -1",
        ),
        (
            draft(category="AUTHENTICATION", message_send_ttl_seconds=901),
            "message_send_ttl_seconds: 30 to 900 seconds for AUTHENTICATION, or -1",
        ),
        # one-time codes
        (
            draft({**BODY, "add_security_recommendation": True}),
            "components[0].add_security_recommendation: only for the category AUTHENTICATION",
        ),
        (
            draft(BODY, {"type": "FOOTER", "code_expiration_minutes": 5}),
            "components[1].code_expiration_minutes: only for the category AUTHENTICATION",
        ),
        (buttons(OTP), "components[1].buttons[0].type: a button OTP is only for the category AUTH"),
        (
            buttons(OTP, QUICK, category="AUTHENTICATION"),
            "components[1].buttons: an OTP button must be the only one",
        ),
        (
            buttons(OTP | {"otp_type": "ONE_TAP"}, category="AUTHENTICATION"),
            "components[1].buttons[0].otp_type: must be COPY_CODE",
        ),
        # buttons
        (buttons(), "components[1].buttons: at least 1, got 0"),
        (buttons(*[QUICK] * 11), "components[1].buttons: at most 10, got 11"),
        (buttons(*[LINK] * 3), "components[1].buttons: at most 2 of type URL, got 3"),
        (buttons(PHONE, PHONE), "components[1].buttons: at most 1 of type PHONE_NUMBER, got 2"),
        (buttons(COUPON, COUPON), "components[1].buttons: at most 1 of type COPY_CODE, got 2"),
        (buttons(FLOW, FLOW), "components[1].buttons: at most 1 of type FLOW, got 2"),
        (
            buttons(QUICK, LINK, QUICK),
            "components[1].buttons: buttons of one type must stand together: the QUICK_REPLY",
        ),
        (buttons({"type": "HORN"}), "components[1].buttons[0].type: must be one of QUICK_REPLY"),
        (buttons({"type": "QUICK_REPLY"}), "components[1].buttons[0].text: is required"),
        (buttons(QUICK | {"text": "x" * 26}), "components[1].buttons[0].text: at most 25"),
        (buttons(QUICK | {"text": ""}), "components[1].buttons[0].text: must not be empty"),
        (buttons({"type": "URL", "text": "Go"}), "components[1].buttons[0].url: is required"),
        (link("boats.example.com"), "components[1].buttons[0].url: must be an http or https"),
        (link("https://b.example.com/" + "x" * 1979), "components[1].buttons[0].url: at most 2000"),
        (link("https://b.example.com/{{1}}"), "components[1].buttons[0].url: needs a sample"),
        (
            link("https://b.example.com/{{1}}/x", "a"),
            "components[1].buttons[0].url: may have one placeholder, {{1}}, at its very end",
        ),
        (
            link("https://b.example.com/{{1}}{{1}}", "a"),
            "components[1].buttons[0].url: may have one placeholder",
        ),
        (
            buttons({"type": "PHONE_NUMBER", "text": "Call"}),
            "components[1].buttons[0].phoneNumber: is required",
        ),
        (
            buttons(PHONE | {"phoneNumber": "call me"}),
            "components[1].buttons[0].phoneNumber: must be a phone number",
        ),
        (
            buttons(PHONE | {"phoneNumber": "+44 20 7946 0000 0000"}),
            "components[1].buttons[0].phoneNumber: at most 20 characters, got 21",
        ),
        (
            buttons(PHONE | {"phoneNumber": "020 7946 0000"}),
            "components[1].buttons[0].country: is required, unless the number starts with +",
        ),
        (
            buttons(PHONE | {"country": "GBR"}),
            "components[1].buttons[0].country: must be two letters",
        ),
        (
            buttons({"type": "COPY_CODE"}),
            "components[1].buttons[0].example: is required",
        ),
        (
            buttons(COUPON | {"example": ["x" * 3]}),
            "components[1].buttons[0].example[0]: at least 4 characters",
        ),
        (
            buttons(COUPON | {"example": ["x" * 16]}),
            "components[1].buttons[0].example[0]: at most 15 characters, got 16",
        ),
        (
            buttons(COUPON, category="UTILITY"),
            "components[1].buttons[0].type: a button COPY_CODE is only for the category MARKETING",
        ),
        (
            buttons({"type": "FLOW", "text": "Go"}),
            "components[1].buttons[0].flowId: is required",
        ),
        (
            buttons(FLOW | {"flowAction": "jump"}),
            "components[1].buttons[0].flowAction: must be one of navigate, data_exchange",
        ),
        (
            buttons(CALL | {"ttlMinutes": 1439}),
            "components[1].buttons[0].ttlMinutes: at least 1440",
        ),
        (
            buttons(CALL | {"ttlMinutes": 43_201}),
            "components[1].buttons[0].ttlMinutes: at most 43200",
        ),
        (
            buttons(CALL, category="AUTHENTICATION"),
            "components[1].buttons[0].type: a button VOICE_CALL is only for the category MARKETING",
        ),
        # cards
        (carousel(), "components[1].cards: at least 1, got 0"),
        (carousel(*[card()] * 11), "components[1].cards: at most 10, got 11"),
        (
            carousel(card(), category="UTILITY"),
            "components[1].type: a carousel is only for the category MARKETING",
        ),
        (
            carousel(card(text="x" * 161)),
            "components[1].cards[0].components[1].text: at most 160 characters, got 161",
        ),
        (
            carousel(card(kind="Document")),
            "components[1].cards[0].components[0].format: must be one of Image, Video",
        ),
        (
            carousel(card(QUICK, LINK, QUICK)),
            "components[1].cards[0].components[2].buttons: at most 2, got 3",
        ),
        (
            carousel(card(FLOW)),
            "components[1].cards[0].components[2].buttons[0].type: must be one of QUICK_REPLY, URL",
        ),
        (
            carousel(card(QUICK), card(LINK)),
            "components[1].cards[1]: must have the same buttons as the first card",
        ),
        (
            carousel(card(), card(text=None)),
            "components[1].cards[1]: must have a text, or none, like the first card",
        ),
        (
            carousel({"components": [{"type": "HEADER", "format": "Image"}]}),
            "components[1].cards[0].components: a card needs a BUTTONS",
        ),
        (
            carousel(card(OTP)),
            "components[1].cards[0]: a button OTP is only for the category AUTHENTICATION",
        ),
        (
            carousel(card(text="{{1}} at sea.")),
            "components[1].cards[0].components[1].text: needs a sample",
        ),
        (draft(BODY, {"type": "CAROUSEL"}), "components[1].cards: is required"),
        (
            draft(BODY, {"type": "CAROUSEL", "cards": [7]}),
            "components[1].cards[0]: must be an object",
        ),
    ],
)
def test_what_goes_just_too_far_is_refused_where_it_does(written: Any, fault: str) -> None:
    assert any(said.startswith(fault) for said in faults(written)), faults(written)


def test_all_faults_are_said_at_once() -> None:
    written = draft(
        {"type": "BODY", "text": "Hi {{2}}!", "examples": ["A"]},
        {"type": "FOOTER", "text": "x" * 61},
        name="Über",
    )
    assert [fault.partition(":")[0] for fault in faults(written)] == [
        "name",
        "components[0].text",
        "components[1].text",
    ]
    together = draft(BODY, BODY, {"type": "FOOTER"}, message_send_ttl_seconds=1)
    assert len(faults(together)) == 3
