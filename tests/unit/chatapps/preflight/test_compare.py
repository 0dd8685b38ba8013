"""A campaign's message against the registered template, in words for its author."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatapps.messages import read_message_body
from chatapps.preflight import Finding, Severity, compare, find_template
from chatapps.templates import RegisteredTemplate, read_registered
from tests.examples import examples

Json = dict[str, Any]

TEXT: Json = {"type": "BODY", "text": "Ahoy {{1}}, the {{2}} is back."}
LINK: Json = {"type": "URL", "text": "See it", "url": "https://b.example.com/{{1}}"}
FIXED: Json = {"type": "URL", "text": "Home", "url": "https://b.example.com"}
PHONE: Json = {"type": "PHONE_NUMBER", "text": "Call us", "phoneNumber": "+442079460000"}
QUICK: Json = {"type": "QUICK_REPLY", "text": "Not for me"}
COUPON: Json = {"type": "COPY_CODE", "text": "Copy Code"}
FLOW: Json = {"type": "FLOW", "text": "Answer"}
CALL: Json = {"type": "VOICE_CALL", "text": "Call Now"}


def registered(*parts: Json, **members: Any) -> RegisteredTemplate:
    fixed = {"templateName": "boats", "language": "en_GB", "status": "APPROVED"}
    return read_registered({**fixed, "components": list(parts or (TEXT,)), **members})


def with_buttons(*buttons: Json) -> RegisteredTemplate:
    return registered(
        {"type": "BODY", "text": "Hi."}, {"type": "BUTTONS", "buttons": list(buttons)}
    )


def parameters(*types: str) -> list[Json]:
    members = {"text": "text", "payload": "payload", "couponcode": "couponCode"}
    return [{"type": kind, members.get(kind.lower(), "url"): "{{name}}"} for kind in types]


def body(count: int = 2, kind: str = "text") -> Json:
    return {"type": "body", "parameters": parameters(*[kind] * count)}


def button(index: Any, sub_type: Any = "Url", *types: str) -> Json:
    values = {"parameters": parameters(*(types or ("text",)))}
    return {"type": "button", "subType": sub_type, "index": index, **values}


def message(*components: Json, **changes: Any) -> Json:
    named = {"name": "boats", "language": "en_GB", "components": list(components), **changes}
    return {"type": "template", "content": {"template": named}}


def errors(found: list[Finding]) -> list[str]:
    return [str(one) for one in found if one.severity is Severity.ERROR]


def said(written: Json, *templates: RegisteredTemplate) -> str:
    """The one error."""
    (only,) = errors(compare(written, templates or (registered(),)))
    return only


def test_a_message_that_fits_gives_no_findings() -> None:
    assert compare(message(body()), [registered()]) == []


def test_a_model_is_compared_like_the_json_it_came_from() -> None:
    written = message(body())
    assert compare(read_message_body(written), [registered()]) == []
    assert find_template(read_message_body(written), [registered()]) == registered()


# --- which template


def test_an_unknown_name_is_told_with_one_that_is_near() -> None:
    text = said(message(body(), name="boat"))
    assert text.startswith('content.template.name: There is no template "boat"')
    assert 'Did you mean "boats"?' in text


def test_a_name_in_other_letters_is_another_name() -> None:
    assert 'Did you mean "boats"?' in said(message(body(), name="Boats"))


def test_a_number_without_templates_has_none_to_suggest() -> None:
    (found,) = compare(message(body()), [])
    assert found.text == 'There is no template "boats" on this WhatsApp number.'


def test_a_near_language_is_named() -> None:
    text = said(message(body(), language="en"))
    assert "content.template.language" in text
    assert "en_GB is registered, you wrote en;" in text
    two = (registered(), registered(language="en_US"))
    assert "en_GB and en_US are registered, you wrote en-GB" in said(
        message(body(), language="en-GB"), *two
    )


def test_another_language_is_told_with_those_there_are() -> None:
    two = (registered(), registered(language="de"))
    assert "is not registered in fr; it is in de and en_GB" in said(
        message(body(), language="fr"), *two
    )


def test_a_template_that_depends_on_the_recipient_cannot_be_compared() -> None:
    (found,) = compare(message(body(), name="{{which}}"), [registered()])
    assert found.severity is Severity.WARNING
    assert compare(message(body(), language="{{language}}"), [registered()])


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("PENDING", "still in review"),
        ("REJECTED", "refused in review"),
        ("PAUSED", "paused by WhatsApp"),
        ("DISABLED", "for good"),
        ("FLAGGED", "about to be switched off"),
        ("PENDING_DELETION", "being deleted"),
        ("NEW_ONE", "is NEW_ONE; only APPROVED ones can be sent"),
        ("", "without a status"),
    ],
)
def test_only_an_approved_template_can_be_sent(status: str, words: str) -> None:
    assert words in said(message(body()), registered(status=status))


# --- header and body


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "has 2 placeholders, but the message fills none"),
        (1, "has 2 placeholders, but the message fills 1"),
        (3, "has 2 placeholders, but the message fills 3"),
    ],
)
def test_the_text_needs_as_many_values_as_it_has_placeholders(count: int, words: str) -> None:
    text = said(message(body(count)))
    assert words in text
    assert "Ahoy {{1}}, the {{2}} is back." in text


def test_a_text_without_placeholders_takes_no_values() -> None:
    template = registered({"type": "BODY", "text": "Hi."})
    assert compare(message(), [template]) == []
    assert "has no placeholders, but the message fills 1" in said(message(body(1)), template)


def test_a_text_takes_texts_only() -> None:
    assert "not image" in said(message(body(2, "image")))


@pytest.mark.parametrize(
    ("kind", "parameter"),
    [
        ("Image", "image"),
        ("Video", "video"),
        ("Gif", "gif"),
        ("Document", "document"),
        ("Location", "location"),
    ],
)
def test_the_header_must_be_of_the_registered_kind(kind: str, parameter: str) -> None:
    template = registered({"type": "HEADER", "format": kind}, TEXT)

    def with_header(given: str) -> Json:
        return message({"type": "header", "parameters": parameters(given)}, body())

    assert compare(with_header(parameter), [template]) == []
    assert f"parameter of type {parameter}" in said(message(body()), template)
    assert "the message brings text" in said(with_header("text"), template)


def test_a_text_header_is_filled_if_it_has_a_placeholder() -> None:
    given = {"type": "Header", "parameters": parameters("Text")}
    open_header = registered({"type": "HEADER", "format": "Text", "text": "For {{1}}"}, TEXT)
    assert compare(message(given, body()), [open_header]) == []
    assert "a text with a placeholder" in said(message(body()), open_header)
    fixed = registered({"type": "HEADER", "format": "Text", "text": "ProviderEvent"}, TEXT)
    assert "a fixed header" in said(message(given, body()), fixed)
    assert compare(message(body()), [fixed]) == []
    assert "no header" in said(message(given, body()))


def test_values_for_a_footer_are_pointed_out() -> None:
    footer = {"type": "footer", "parameters": parameters("text")}
    (found,) = compare(message(body(), footer), [registered()])
    assert found.severity is Severity.WARNING


def test_an_authentication_template_takes_the_code_twice() -> None:
    template = registered(
        {"type": "BODY", "add_security_recommendation": True},
        {"type": "BUTTONS", "buttons": [{"type": "OTP", "text": "Copy Code"}]},
        category="AUTHENTICATION",
    )
    assert compare(message(body(1), button("0", 1)), [template]) == []
    assert "needs the code once more" in said(message(body(1)), template)
    assert "has 1 placeholder, but the message fills none" in said(message(button(0)), template)


# --- buttons


@pytest.mark.parametrize(
    ("buttons", "given"),
    [
        ((LINK,), [button(0)]),
        ((LINK,), [button("0", "url")]),
        ((FIXED,), []),
        ((PHONE, LINK), [button(1)]),
        ((QUICK,), []),
        ((QUICK,), [button(0, "quickreply", "payload")]),
        ((CALL,), []),
        ((CALL,), [button(0, "VoiceCall", "ttlMinutes", "payload")]),
        ((COUPON, LINK, FIXED, PHONE, FLOW), [
            button(0, "copyCode", "couponCode"), button(1), button(4, "Flow", "action"),
        ]),
    ],
)  # fmt: skip
def test_buttons_that_fit(buttons: tuple[Json, ...], given: list[Json]) -> None:
    assert compare(message(*given), [with_buttons(*buttons)]) == []


@pytest.mark.parametrize(
    ("buttons", "words"),
    [
        ((PHONE, LINK), 'Button 1 "See it" needs the end of its link'),
        ((COUPON,), 'Button 0 "Copy Code" needs the coupon code'),
        ((FIXED, PHONE, FLOW), 'Button 2 "Answer" needs an action parameter'),
    ],
)
def test_a_button_that_differs_from_person_to_person_must_be_filled(
    buttons: tuple[Json, ...], words: str
) -> None:
    text = said(message(), with_buttons(*buttons))
    assert words in text
    assert "fixed ones too" in text


@pytest.mark.parametrize(
    ("buttons", "given", "words"),
    [
        ((PHONE,), button(0), 'Button 0 "Call us" is a phone number and takes no value.'),
        ((FIXED,), button(0), 'Button 0 "Home" is a fixed link and takes no value.'),
        ((QUICK,), button(1), "The template has button 0 only, but the message fills button 1."),
        ((QUICK, FIXED), button(2), "The template has buttons 0 to 1, but the message fills"),
        ((QUICK,), button(0), 'Button 0 "Not for me" is a quick reply; the message fills a link.'),
        ((QUICK,), button(0, "horn"), "the message fills something else"),
        (
            (QUICK,),
            button(0, "QuickReply", "text"),
            "takes one parameter of type payload; the message brings text.",
        ),
    ],
)
def test_a_button_that_does_not_fit_is_told(
    buttons: tuple[Json, ...], given: Json, words: str
) -> None:
    assert words in said(message(given), with_buttons(*buttons))


def test_a_value_one_place_off_is_told_where_it_belongs() -> None:
    found = errors(compare(message(button(0)), [with_buttons(PHONE, LINK)]))
    assert 'A link is button 1 "See it".' in found[0]
    assert "content.template.components[0].index" in found[0]
    assert 'Button 1 "See it" needs' in found[1]


def test_buttons_for_a_template_without_any_are_told() -> None:
    assert "has no buttons" in said(message(body(), button(0)))


@pytest.mark.parametrize(("action", "faults"), [("navigate", 0), ("data_exchange", 1)])
def test_a_form_that_asks_a_server_takes_no_screen(action: str, faults: int) -> None:
    values = {"type": "action", "flowActionData": {"screen": "SEATS", "data": {"seats": "2"}}}
    given = {"type": "button", "subType": "Flow", "index": 0, "parameters": [values]}
    found = errors(compare(message(given), [with_buttons(FLOW | {"flowAction": action})]))
    assert len(found) == faults
    assert all("parameters[0].flowActionData.screen" in one for one in found)


def test_an_index_from_a_column_is_left_alone() -> None:
    assert errors(compare(message(button("{{place}}")), [with_buttons(FIXED)])) == []


# --- cards


def card(index: int, *components: Json) -> Json:
    header = {"type": "header", "parameters": parameters("image")}
    return {"cardIndex": index, "components": list(components or (header, button(0)))}


def cards(count: int) -> RegisteredTemplate:
    parts = [
        {"type": "HEADER", "format": "Image"},
        {"type": "BODY", "text": "Seals."},
        {"type": "BUTTONS", "buttons": [LINK, QUICK]},
    ]
    carousel = {"type": "CAROUSEL", "cards": [{"components": parts}] * count}
    return registered({"type": "BODY", "text": "Hi."}, carousel)


def carousel(*entries: Json) -> Json:
    return message({"type": "carousel", "cards": list(entries)})


def test_cards_that_fit() -> None:
    assert compare(carousel(card(1), card(0)), [cards(2)]) == []


def test_each_card_must_be_there_and_fit() -> None:
    assert "The template has 2 cards, the message brings none." in said(message(), cards(2))
    assert "Card 1 of the template is missing" in said(carousel(card(0)), cards(2))
    assert "there is no such card" in said(carousel(card(0), card(1), card(5)), cards(2))
    without_header = said(carousel(card(0, button(0))), cards(1))
    assert "cards[0].components" in without_header
    assert "has an image above the text" in without_header
    off = errors(compare(carousel(card(0, card(0)["components"][0], button(1))), [cards(1)]))
    assert "a quick reply; the message fills a link" in off[0]


def test_cards_that_the_list_does_not_show_are_not_compared() -> None:
    (found,) = compare(carousel(card(0)), [registered({"type": "BODY", "text": "Hi."})])
    assert found.severity is Severity.WARNING


# --- other messages, other channels


@pytest.mark.parametrize("kind", ["text", "Image", "interactive", "location"])
def test_a_message_without_template_reaches_only_people_who_wrote_first(kind: str) -> None:
    (found,) = compare({"type": kind, "content": {"text": "Hi"}}, [registered()])
    assert found.severity is Severity.WARNING
    assert "last 24 hours" in found.text


def test_what_does_not_go_by_whatsapp_is_not_compared() -> None:
    sms = {"channels": [{"channel": "SMS"}]}
    assert compare({"type": "text", "content": {"text": "Hi"}} | sms, []) == []
    zalo = {"channels": [{"channel": "ZaloNotification"}]}
    assert compare(message(name="1234") | zalo, [registered()]) == []
    both = {"channels": [{"channel": "whatsApp"}, {"channel": "SMS"}]}
    assert compare(message(body(), name="boat") | both, [registered()])


def test_direct_send_needs_no_template() -> None:
    content = {"text": "Hi", "whatsApp": {"directSend": {"category": "utility"}}}
    assert compare({"type": "text", "content": content}, []) == []


def test_errors_come_before_warnings() -> None:
    footer = {"type": "footer", "parameters": parameters("text")}
    found = compare(message(footer), [registered()])
    assert [one.severity for one in found] == [Severity.ERROR, Severity.WARNING]


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"type": "template"},
        {"type": "template", "content": 7},
        {"type": "template", "content": {"template": {"name": "boats", "language": "en_GB"}}},
        message(*[{"type": 7, "parameters": "x", "index": -1}]),
        {"type": "template", "content": {"template": {"components": 7}}, "channels": {}},
        {**message(), "channels": [7]},
    ],
)
def test_odd_messages_are_no_reason_to_crash(odd: Json) -> None:
    compare(odd, [registered(), cards(2), with_buttons(LINK)])
    find_template(odd, [registered()])


def test_a_card_from_a_column_is_left_alone() -> None:
    assert compare(carousel(card(0) | {"cardIndex": "{{card}}"}), [cards(2)]) == []


NAMES = st.sampled_from(
    ["type", "subType", "index", "parameters", "cards", "cardIndex", "components", "text", "url"]
)
KINDS = st.sampled_from(
    ["header", "BODY", "button", "buttons", "carousel", "Url", "text", "image", 0, 1, "1", None]
)
PARTS = st.recursive(
    KINDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=20,
)


@settings(max_examples=examples(150), deadline=None)
@given(parts=st.lists(PARTS, max_size=4), listed=st.lists(PARTS, max_size=3))
def test_any_parts_are_compared_without_a_crash(parts: list[Any], listed: list[Any]) -> None:
    odd = read_registered(
        {"templateName": "boats", "language": "en_GB", "status": "APPROVED", "components": listed}
    )
    for template in (odd, cards(2), with_buttons(LINK, QUICK)):
        for found in compare(message(*parts), [template]):
            assert found.text
