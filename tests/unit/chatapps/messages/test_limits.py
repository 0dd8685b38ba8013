"""The provider's limits, each one at its edge: the last that passes and the first that does not."""

from typing import Any

import pytest

from chatapps.messages import (
    Message,
    MessageError,
    TemplateContent,
    User,
    authentication_template,
    check_authentication,
    read_message,
)

Json = dict[str, Any]

PERSON = {"msisdn": "+447700900123"}
PICTURE = "https://media.example.net/pier.png"


def message(kind: str = "text", content: Json | None = None, **others: Any) -> Json:
    content = {"text": "Go!"} if content is None else content
    return {"user": PERSON, "type": kind, "content": content, **others}


def template(*components: Json, **others: Any) -> Json:
    named = {"name": "boat_trip", "language": "en", "components": list(components), **others}
    return message("template", {"template": named})


def button(index: int, sub_type: str = "Url", **parts: Any) -> Json:
    values = {"parameters": [{"type": "text", "text": "trips/17"}]}
    return {"type": "button", "subType": sub_type, "index": index, **values, **parts}


def interactive(kind: str, action: Json, **parts: Any) -> Json:
    body = {"body": {"text": "Coming?"}} | parts
    given = {name: part for name, part in body.items() if part is not None}
    return message("interactive", {"interactive": {"type": kind, "action": action, **given}})


def replies(*pairs: tuple[str, str], **parts: Any) -> Json:
    buttons = [{"type": "reply", "reply": {"id": id_, "title": title}} for id_, title in pairs]
    return interactive("button", {"buttons": buttons}, **parts)


def rows(*sizes: int, titles: bool = True, **row: Any) -> Json:
    sections = [
        {"rows": [{"id": f"r{place}", "title": "Seagull", **row} for place in range(size)]}
        | ({"title": "Morning"} if titles else {})
        for size in sizes
    ]
    return interactive("list", {"button": "See boats", "sections": sections})


def products(*sizes: int, titles: bool = True, **parts: Any) -> Json:
    sections = [
        {"product_items": [{"product_retailer_id": f"hat-{place}"} for place in range(size)]}
        | ({"title": "Hats"} if titles else {})
        for size in sizes
    ]
    action = {"catalog_id": "harbour-shop", "sections": sections}
    return interactive("product_list", action, **parts)


def channel(**member: Any) -> Json:
    return message(channels=[{"channel": "WhatsApp", **member}])


A_PRODUCT = {"catalog_id": "harbour-shop", "product_retailer_id": "hat-1"}

GOOD: dict[str, Json] = {
    "text 4096": message(content={"text": "x" * 4096}),
    "text 4096 of two bytes each": message(content={"text": "é" * 4096}),
    "text 35000 elsewhere": message(
        content={"text": "x" * 35_000}, channels=[{"channel": "Facebook"}]
    ),
    "caption 1024": message("image", {"url": PICTURE, "text": "x" * 1024}),
    "caption empty": message("image", {"url": PICTURE, "text": ""}),
    "caption long elsewhere": message(
        "video", {"url": PICTURE, "text": "x" * 2000}, channels=[{"channel": "RCS"}]
    ),
    "fallback text 35000": message(content={"text": "a", "fallbackText": "x" * 35_000}),
    "sender id 16": message(content={"text": "a", "sms": {"source": "x" * 16}}),
    "client id 50": message(clientMessageId="x" * 50),
    "short number": message(user={"msisdn": "+4477"}),
    "number of 15": message(user={"msisdn": "447700900123000"}),
    "national number": message(user={"msisdn": "07700900123", "country": "gb"}),
    "WhatsApp user id": message(user={"channelUserId": "GB." + "7" * 128}),
    "LINE user id": message(user={"lineUserId": "U0a1b"}),
    "number and user id": message(user={**PERSON, "channelUserId": "GB.42"}),
    "fallback after 10 s": channel(fallbackAfter=10),
    "fallback after a day": channel(fallbackAfter=86_400),
    "index 9": template(button(9)),
    "two links": template(button(0), button(1)),
    "template name 512": template(name="x" * 512),
    "latitude 90": message("location", {"location": {"latitude": 90, "longitude": -180}}),
    "one reply": replies(("a", "Yes")),
    "three replies": replies(("a", "Yes"), ("b", "No"), ("c", "Later")),
    "reply texts": replies(("x" * 256, "x" * 20)),
    "body 1024": replies(("a", "Yes"), body={"text": "x" * 1024}),
    "footer 60": replies(("a", "Yes"), footer={"text": "x" * 60}),
    "header 60": replies(("a", "Yes"), header={"type": "text", "text": "x" * 60}),
    "header by id": replies(("a", "Yes"), header={"type": "image", "image": {"id": "7"}}),
    "ten rows": rows(4, 6),
    "ten sections": rows(*[1] * 10),
    "one section without a title": rows(2, titles=False),
    "row texts": rows(1, id="x" * 200, title="x" * 24, description="x" * 72),
    "thirty products": products(10, 20),
    "product without a body": interactive("product", A_PRODUCT, body=None),
    "URL in capitals": message("image", {"url": "HTTPS://media.example.net/a.png"}),
}

BAD: dict[str, tuple[Json, str]] = {
    "text 4097": (
        message(content={"text": "x" * 4097}),
        "content.text: at most 4096 characters on WhatsApp, got 4097",
    ),
    "text 4097 with WhatsApp among others": (
        message(
            content={"text": "x" * 4097}, channels=[{"channel": "SMS"}, {"channel": "WhatsApp"}]
        ),
        "content.text: at most 4096 characters on WhatsApp, got 4097",
    ),
    "text 35001 elsewhere": (
        message(content={"text": "x" * 35_001}, channels=[{"channel": "Facebook"}]),
        "content.text: at most 35000 characters, got 35001",
    ),
    "no text": (message(content={}), "content.text: is required"),
    "caption 1025": (
        message("file", {"url": PICTURE, "text": "x" * 1025}),
        "content.text: at most 1024 characters on WhatsApp, got 1025",
    ),
    "no url": (message("image", {"text": "a"}), "content.url: is required"),
    "not an address": (
        message("image", {"url": "pier.png"}),
        "content.url: must be an http or https address",
    ),
    "address with a space": (
        message("image", {"url": "https://a.example.net/a b"}),
        "content.url: must be an http or https address",
    ),
    "fallback text 35001": (
        message(content={"text": "a", "fallbackText": "x" * 35_001}),
        "content.fallbackText: at most 35000 characters, got 35001",
    ),
    "sender id 17": (
        message(content={"text": "a", "sms": {"source": "x" * 17}}),
        "content.sms.source: at most 16 characters, got 17",
    ),
    "SMS encoding": (
        message(content={"text": "a", "sms": {"encoding": "UTF-8"}}),
        "content.sms.encoding: must be 'AUTO', 'GSM7' or 'UCS2'",
    ),
    "client id 51": (
        message(clientMessageId="x" * 51),
        "clientMessageId: at most 50 characters, got 51",
    ),
    "nobody": (message(user={}), "user: needs msisdn, channelUserId or lineUserId"),
    "nobody but a country": (
        message(user={"country": "GB"}),
        "user: needs msisdn, channelUserId or lineUserId",
    ),
    "number of 16": (
        message(user={"msisdn": "4477009001230000"}),
        "user.msisdn: must be 4 to 15 digits, with or without + in front",
    ),
    "number of 3": (
        message(user={"msisdn": "+123"}),
        "user.msisdn: must be 4 to 15 digits, with or without + in front",
    ),
    "number in other digits": (
        message(user={"msisdn": "٤٤٧٧٠٠٩٠٠١٢٣"}),
        "user.msisdn: must be 4 to 15 digits, with or without + in front",
    ),
    "national number without a country": (
        message(user={"msisdn": "07700900123"}),
        "user.msisdn: a national number needs country",
    ),
    "country of three": (
        message(user={**PERSON, "country": "GBR"}),
        "user.country: must be two letters",
    ),
    "user id in small letters": (
        message(user={"channelUserId": "gb.42"}),
        "user.channelUserId: must be a country in capitals, a dot, and 1 to 128 letters or digits",
    ),
    "SMS without a number": (
        message(user={"lineUserId": "U0a1b"}, channels=[{"channel": "Line"}, {"channel": "SMS"}]),
        "user.msisdn: is required to send by SMS",
    ),
    "channel in small letters": (
        message(channels=[{"channel": "whatsapp"}]),
        "channels[0].channel: must be 'SMS', 'WhatsApp', 'Facebook', 'RCS', 'Viber', 'Line',"
        " 'WeChat', 'Zalo', 'Instagram' or 'ZaloNotification'",
    ),
    "fallback after 9 s": (channel(fallbackAfter=9), "channels[0].fallbackAfter: at least 10"),
    "fallback after more than a day": (
        channel(fallbackAfter=86_401),
        "channels[0].fallbackAfter: at most 86400",
    ),
    "success status": (
        channel(successStatus="Seen"),
        "channels[0].successStatus: must be 'Accepted', 'Sent', 'Delivered' or 'Read'",
    ),
    "time without an offset": (
        message(scheduled="2031-07-01T08:00:00"),
        "scheduled: must be an ISO 8601 date and time with an offset",
    ),
    "time as a number": (
        message(expiry=1_900_000_000),
        "expiry: must be an ISO 8601 date and time with an offset",
    ),
    "no such day": (
        message(expiry="2031-02-30T08:00:00Z"),
        "expiry: must be an ISO 8601 date and time with an offset",
    ),
    "answer to nothing": (message(context={}), "context.umid: is required"),
    "receipt address": (
        message(dlrCallbackUrl="hooks.example.net"),
        "dlrCallbackUrl: must be an http or https address",
    ),
    "latitude 91": (
        message("location", {"location": {"latitude": 91, "longitude": 0}}),
        "content.location.latitude: at most 90",
    ),
    "no template": (message("template", {}), "content.template: is required"),
    "template name 513": (
        template(name="x" * 513),
        "content.template.name: at most 512 characters, got 513",
    ),
    "no language": (template(language=""), "content.template.language: must not be empty"),
    "empty parameter": (
        template({"type": "body", "parameters": [{"type": "text", "text": ""}]}),
        "content.template.components[0].parameters[0].text: must not be empty",
    ),
    "picture in the body": (
        template({"type": "body", "parameters": [{"type": "image", "text": "a"}]}),
        "content.template.components[0].parameters[0].type: must be text",
    ),
    "index 10": (template(button(10)), "content.template.components[0].index: at most 9"),
    "same index twice": (
        template(button(0), button(0)),
        "content.template.components: two buttons have the same index",
    ),
    "three links": (
        template(button(0), button(1), button(2)),
        "content.template.components: at most 2 Url buttons, got 3",
    ),
    "button without a value": (
        template(button(0, parameters=[])),
        "content.template.components[0].parameters: at least 1, got 0",
    ),
    "button with two values": (
        template(button(0, parameters=[{"type": "text", "text": "a"}] * 2)),
        "content.template.components[0].parameters: at most 1, got 2",
    ),
    "coupon on a quick reply": (
        template(button(0, "QuickReply", parameters=[{"type": "couponCode", "payload": "a"}])),
        "content.template.components[0].parameters[0].type: must be payload",
    ),
    "four replies": (
        replies(("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")),
        "content.interactive.action.buttons: at most 3, got 4",
    ),
    "no replies": (replies(), "content.interactive.action.buttons: at least 1, got 0"),
    "same id": (
        replies(("a", "Yes"), ("a", "No")),
        "content.interactive.action.buttons: two buttons have the same id",
    ),
    "same title": (
        replies(("a", "Yes"), ("b", "Yes")),
        "content.interactive.action.buttons: two buttons have the same title",
    ),
    "reply id 257": (
        replies(("x" * 257, "Yes")),
        "content.interactive.action.buttons[0].reply.id: at most 256 characters, got 257",
    ),
    "reply title 21": (
        replies(("a", "x" * 21)),
        "content.interactive.action.buttons[0].reply.title: at most 20 characters, got 21",
    ),
    "body 1025": (
        replies(("a", "Yes"), body={"text": "x" * 1025}),
        "content.interactive.body.text: at most 1024 characters, got 1025",
    ),
    "no body": (replies(("a", "Yes"), body=None), "content.interactive.body: is required"),
    "footer 61": (
        replies(("a", "Yes"), footer={"text": "x" * 61}),
        "content.interactive.footer.text: at most 60 characters, got 61",
    ),
    "header 61": (
        replies(("a", "Yes"), header={"type": "text", "text": "x" * 61}),
        "content.interactive.header.text: must be a text of 1 to 60 characters",
    ),
    "header of no kind": (
        replies(("a", "Yes"), header={"type": "audio"}),
        "content.interactive.header.type: must be one of text, image, video, document",
    ),
    "header from nowhere": (
        replies(("a", "Yes"), header={"type": "image", "image": {"caption": "a"}}),
        "content.interactive.header.image: needs link or id",
    ),
    "eleven rows": (
        rows(5, 6),
        "content.interactive.action.sections: at most 10 rows in all, got 11",
    ),
    "eleven sections": (
        rows(*[1] * 11),
        "content.interactive.action.sections: at most 10, got 11",
    ),
    "sections without titles": (
        rows(1, 1, titles=False),
        "content.interactive.action.sections[0].title: is required in a list of several sections",
    ),
    "row title 25": (
        rows(1, title="x" * 25),
        "content.interactive.action.sections[0].rows[0].title: at most 24 characters, got 25",
    ),
    "row id 201": (
        rows(1, id="x" * 201),
        "content.interactive.action.sections[0].rows[0].id: at most 200 characters, got 201",
    ),
    "row description 73": (
        rows(1, description="x" * 73),
        "content.interactive.action.sections[0].rows[0].description: at most 72 characters, got 73",
    ),
    "31 products": (
        products(15, 16),
        "content.interactive.action.sections: at most 30 products in all, got 31",
    ),
    "section without products": (
        products(0),
        "content.interactive.action.sections[0].product_items: at least 1, got 0",
    ),
    "product sections without titles": (
        products(1, 1, titles=False),
        "content.interactive.action.sections[0].title: is required in a list of several sections",
    ),
    "product with a header": (
        interactive("product", A_PRODUCT, header={"type": "text", "text": "Hats"}),
        "content.interactive.header: not allowed in a product message",
    ),
    "products without a catalogue": (
        interactive("product", {"product_retailer_id": "hat-1"}),
        "content.interactive.action.catalog_id: is required",
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_is_within_the_limits_passes(name: str) -> None:
    assert read_message(GOOD[name]).emit()["type"] == GOOD[name]["type"]


@pytest.mark.parametrize("name", BAD)
def test_what_is_beyond_a_limit_is_refused_by_place_and_rule(name: str) -> None:
    written, said = BAD[name]

    with pytest.raises(MessageError) as caught:
        read_message(written)

    assert str(caught.value) == said


# --- authentication: rules for whoever knows the template's category -----------------------------


def one_time_code(code: str, **user: str) -> Message:
    content = TemplateContent(template=authentication_template("log_in", "en", code))
    return Message(user=User(**(user or PERSON)), type="template", content=content)


def test_a_one_time_code_stands_in_body_and_button() -> None:
    emitted = one_time_code("48151").emit()["content"]["template"]["components"]

    value = [{"type": "text", "text": "48151"}]
    assert emitted == [
        {"type": "body", "parameters": value},
        {"type": "button", "subType": "Url", "index": 0, "parameters": value},
    ]


def test_a_sound_one_time_code_passes_the_check() -> None:
    check_authentication(one_time_code("x" * 15))


@pytest.mark.parametrize("code", ["", "x" * 16])
def test_a_code_of_the_wrong_length_is_refused_when_it_is_built(code: str) -> None:
    with pytest.raises(MessageError, match=r"^code: 1 to 15 characters, got (0|16)$"):
        authentication_template("log_in", "en", code)


def test_a_one_time_code_needs_a_number() -> None:
    with pytest.raises(MessageError, match=r"^user.msisdn: is required"):
        check_authentication(one_time_code("48151", channel_user_id="GB.42"))


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (("48151", "48152"), "must hold the same code in body and Url button 0"),
        (("x" * 16, "x" * 16), "a code of at most 15 characters, got 16"),
    ],
)
def test_a_message_known_to_be_authentication_is_checked_as_such(
    texts: tuple[str, str], said: str
) -> None:
    values = [[{"type": "text", "text": text}] for text in texts]
    body, link = {"type": "body", "parameters": values[0]}, button(0, parameters=values[1])

    # Without that knowledge it passes: a tracking number in body and link looks just the same.
    read = read_message(template(body, link))

    with pytest.raises(MessageError) as caught:
        check_authentication(read)
    assert str(caught.value) == f"content.template.components: {said}"


def test_a_text_is_no_authentication_message() -> None:
    with pytest.raises(MessageError, match="must hold the same code"):
        check_authentication(read_message(message()))
