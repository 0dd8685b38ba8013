"""The provider's limits, set at the edge in one member of a sound message, and one step beyond.

The messages are the files of tests/fixtures/messages. `...` takes a member out.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from chatapps.messages import MessageError, read_message

Json = dict[str, Any]

FOLDER = Path(__file__).parents[3] / "fixtures" / "messages"


def changed(kind: str, path: str, value: Any) -> Json:
    """The message with one member set, added or (`...`) taken out."""
    message: Any = json.loads((FOLDER / f"{kind}.json").read_bytes())
    *above, last = (int(step) if step.isdigit() else step for step in re.findall(r"\w+", path))
    node = message
    for step in above:
        node = node[step]
    if value is ...:
        del node[last]
    else:
        node[last] = value
    return message  # type: ignore[no-any-return]


def refusal(message: Json) -> str:
    with pytest.raises(MessageError) as caught:
        read_message(message)
    return str(caught.value)


COMPONENTS = "content.template.components"
CARDS = f"{COMPONENTS}[1].cards"
CALL_BUTTON = f"{COMPONENTS}[0].parameters"
PART = "content.interactive"
PARAMETERS = f"{PART}.action.parameters"
SUGGESTIONS = "content.suggestions"
CALENDAR = f"{SUGGESTIONS}[4].action.createCalendarEventAction"
PAGE = f"{SUGGESTIONS}[5].action.openUrlAction"
ONLY_FOR_CALLS = "only for the type ttlMinutes, on a VoiceCall button"
DIRECT_SEND = "content.whatsApp.directSend"
TEXT_PARAMETER = {"type": "text", "text": "a"}
URL_OF_2048 = "https://www.example.net/".ljust(2048, "x")
CARD = {"media": {"contentInfo": {"fileUrl": "https://media.example.net/a.png"}}}


def cards(*indexes: int) -> list[Json]:
    return [{"cardIndex": index} for index in indexes]


def suggestions(count: int) -> list[Json]:
    return [{"reply": {"text": "Go", "postbackData": "Z28="}}] * count


def page_button(sub_type: str, index: int, value: Json) -> Json:
    return {"type": "button", "subType": sub_type, "index": index, "parameters": [value]}


WITHIN: list[tuple[str, str, Any]] = [
    ("template-with-texts", f"{COMPONENTS}[0].parameters", []),
    ("template-with-a-flow", f"{COMPONENTS}[1].index", "9"),
    ("template-with-a-flow", f"{COMPONENTS}[1].parameters[0].flowActionData.data", ...),
    ("template-with-a-call-button", f"{CALL_BUTTON}[0].ttlMinutes", 1),
    ("template-with-a-call-button", f"{CALL_BUTTON}[0].ttlMinutes", "43200"),
    ("template-with-a-call-button", f"{CALL_BUTTON}[1].payload", "x" * 512),
    ("template-with-a-call-button", CALL_BUTTON, []),
    ("template-with-cards", CARDS, cards(*range(10))),
    ("template-with-cards", f"{CARDS}[0].cardIndex", "9"),
    ("template-with-cards", f"{CARDS}[0].components", ...),
    ("interactive-link-button", f"{PARAMETERS}.display_text", "x" * 20),
    ("interactive-link-button", f"{PART}.action.name", ...),
    ("interactive-flow", f"{PARAMETERS}.flowCta", "x" * 20),
    ("interactive-flow", f"{PARAMETERS}.flowAction", ...),
    ("interactive-flow", f"{PARAMETERS}.flowActionPayload.screen", ...),
    ("interactive-call-button", f"{PARAMETERS}.ttlMinutes", 43_200),
    ("interactive-call-button", f"{PARAMETERS}.payload", "x" * 512),
    ("interactive-call-button", PARAMETERS, {}),
    ("interactive-call-permission", f"{PART}.body", ...),
    ("interactive-contact-card", f"{PART}.body", ...),
    ("interactive-reply-buttons-under-a-picture", f"{PART}.header.image.filename", None),
    ("rcs-text-with-suggestions", SUGGESTIONS, suggestions(10)),
    ("rcs-text-with-suggestions", f"{SUGGESTIONS}[0].reply.text", "x" * 25),
    ("rcs-text-with-suggestions", f"{SUGGESTIONS}[0].reply.postbackData", "x" * 2048),
    ("rcs-text-with-suggestions", f"{CALENDAR}.title", "x" * 100),
    ("rcs-text-with-suggestions", f"{CALENDAR}.description", "x" * 500),
    ("rcs-text-with-suggestions", f"{PAGE}.url", URL_OF_2048),
    ("rcs-text-with-suggestions", f"{PAGE}.url", "tel:+442079460321"),
    ("rcs-text-with-suggestions", f"{PAGE}.description", "x" * 2048),
    ("rcs-rich-card", "content.richCard.title", "x" * 200),
    ("rcs-rich-card", "content.richCard.description", "x" * 2000),
    ("rcs-rich-card", "content.richCard.suggestions", suggestions(4)),
    ("rcs-rich-card", "content.richCard.media.contentInfo.fileUrl", URL_OF_2048),
    ("rcs-carousel", "content.carousel.cards", [CARD] * 10),
    ("text-sent-directly", f"{DIRECT_SEND}.ttlSeconds", 30),
    ("text-sent-directly", f"{DIRECT_SEND}.ttlSeconds", 43_200),
    ("text-sent-directly", f"{DIRECT_SEND}.category", "UTILITY"),
    ("text-sent-directly", "channels", ...),
    ("video-for-line", "content.video.filesize", "2700"),
    ("viber-button", "content.text", "x" * 1000),
]

BEYOND: list[tuple[str, str, Any, str]] = [
    # templates
    (
        "template-with-texts",
        f"{COMPONENTS}[0].parameters",
        [TEXT_PARAMETER] * 2,
        "at most 1, got 2",
    ),
    (
        "template-with-parts-that-hold-no-values",
        f"{COMPONENTS}[0].parameters",
        [TEXT_PARAMETER],
        "at most 0, got 1",
    ),
    (
        "template-with-a-flow",
        f"{COMPONENTS}[1].parameters[0].flowActionData.data",
        {},
        "at least 1, got 0",
    ),
    (
        "template-with-a-flow",
        f"{COMPONENTS}[1].parameters[0].flowActionData.data",
        "heron",
        "must be an object",
    ),
    (
        "template-with-a-flow",
        f"{COMPONENTS}[1].parameters[0].type",
        "text",
        "must be action",
    ),
    ("template-with-a-call-button", f"{CALL_BUTTON}[0].ttlMinutes", 0, "at least 1"),
    ("template-with-a-call-button", f"{CALL_BUTTON}[0].ttlMinutes", 43_201, "at most 43200"),
    ("template-with-a-call-button", f"{CALL_BUTTON}[0].ttlMinutes", ..., "is required"),
    (
        "template-with-a-call-button",
        f"{CALL_BUTTON}[1].payload",
        "x" * 513,
        "at most 512 characters, got 513",
    ),
    (
        "template-with-a-call-button",
        f"{CALL_BUTTON}[1].type",
        "text",
        "must be one of ttlMinutes, payload",
    ),
    ("template-coupon", f"{COMPONENTS}[0].parameters[0].type", "ttlMinutes", "must be couponCode"),
    # members that are only for another kind
    ("template-coupon", f"{COMPONENTS}[0].parameters[0].ttlMinutes", 90, ONLY_FOR_CALLS),
    ("template-with-texts", f"{COMPONENTS}[0].parameters[0].ttlMinutes", "90", ONLY_FOR_CALLS),
    ("template-with-a-call-button", f"{CALL_BUTTON}[1].ttlMinutes", 90, ONLY_FOR_CALLS),
    ("interactive-link-button", f"{PARAMETERS}.ttlMinutes", 90, "only for voice_call"),
    ("interactive-link-button", f"{PARAMETERS}.flowId", "77", "only for flow"),
    ("interactive-flow", f"{PARAMETERS}.ttlMinutes", 90, "only for voice_call"),
    ("interactive-call-button", f"{PARAMETERS}.flowId", "77", "only for flow"),
    ("interactive-call-button", f"{PARAMETERS}.url", "https://b.example.com", "only for cta_url"),
    (
        "rcs-bare-rich-card",
        "content.richCard.thumbnailImageAlignment",
        "left",
        "only for the cardOrientation horizontal",
    ),
    ("template-coupon", f"{COMPONENTS}[0].index", 10, "at most 9"),
    # cards
    ("template-with-cards", CARDS, ..., "is required"),
    ("template-with-cards", CARDS, [], "at least 1, got 0"),
    ("template-with-cards", CARDS, cards(*range(10), 0), "at most 10, got 11"),
    ("template-with-cards", CARDS, cards(3, 3), "two cards have the same cardIndex"),
    ("template-with-cards", f"{CARDS}[1].cardIndex", 10, "at most 9"),
    ("template-with-cards", f"{CARDS}[1].cardIndex", ..., "is required"),
    ("template-with-cards", f"{CARDS}[0].components[2].index", 2, "at most 1"),
    (
        "template-with-cards",
        f"{CARDS}[0].components[2].subType",
        "CopyCode",
        "must be one of QuickReply, Url",
    ),
    (
        "template-with-cards",
        f"{CARDS}[0].components[1].type",
        "footer",
        "must be one of header, body, button",
    ),
    (
        "template-with-cards",
        f"{CARDS}[0].components[0].parameters[0].type",
        "gif",
        "must be one of text, image, video, document, location",
    ),
    # interactive
    (
        "interactive-link-button",
        f"{PARAMETERS}.display_text",
        "x" * 21,
        "at most 20 characters, got 21",
    ),
    ("interactive-link-button", f"{PARAMETERS}.display_text", ..., "is required"),
    (
        "interactive-link-button",
        f"{PARAMETERS}.url",
        "www.example.net",
        "must be an http or https address",
    ),
    ("interactive-link-button", PARAMETERS, ..., "is required"),
    ("interactive-link-button", f"{PART}.body", ..., "is required"),
    ("interactive-flow", f"{PARAMETERS}.flowCta", "x" * 21, "at most 20 characters, got 21"),
    ("interactive-flow", f"{PARAMETERS}.flowId", ..., "is required"),
    (
        "interactive-flow",
        f"{PARAMETERS}.flowAction",
        "open",
        "must be 'navigate' or 'data_exchange'",
    ),
    ("interactive-flow", f"{PARAMETERS}.flowActionPayload.data", {}, "at least 1, got 0"),
    ("interactive-call-button", f"{PARAMETERS}.ttlMinutes", 0, "at least 1"),
    ("interactive-call-button", f"{PARAMETERS}.ttlMinutes", 43_201, "at most 43200"),
    (
        "interactive-call-button",
        f"{PARAMETERS}.payload",
        "x" * 513,
        "at most 512 characters, got 513",
    ),
    (
        "interactive-call-button",
        f"{PARAMETERS}.display_text",
        "x" * 21,
        "at most 20 characters, got 21",
    ),
    ("interactive-call-button", PARAMETERS, ..., "is required"),
    ("interactive-call-button", f"{PART}.action.name", "call", "must be 'voice_call'"),
    ("interactive-call-button", f"{PART}.body", ..., "is required"),
    ("interactive-location-request", f"{PART}.action.name", ..., "is required"),
    (
        "interactive-location-request",
        f"{PART}.action.name",
        "send_place",
        "must be 'send_location'",
    ),
    (
        "interactive-location-request",
        f"{PART}.header",
        {"type": "text", "text": "a"},
        "not allowed in a location request",
    ),
    (
        "interactive-location-request",
        f"{PART}.footer",
        {"text": "a"},
        "not allowed in a location request",
    ),
    ("interactive-location-request", f"{PART}.body", ..., "is required"),
    (
        "interactive-reply-buttons-under-a-picture",
        f"{PART}.header.image.filename",
        "a.png",
        "only documents have one",
    ),
    (
        "interactive-list-under-a-video",
        f"{PART}.header.video.link",
        "waves.mp4",
        "must be an http or https address",
    ),
    ("interactive-list-under-a-video", f"{PART}.header.video", ..., "is required"),
    (
        "interactive-flow",
        f"{PART}.type",
        "survey",
        "must be one of button, list, product, product_list, cta_url, flow,"
        " call_permission_request, request_contact_info, voice_call, location_request_message",
    ),
    # RCS
    ("rcs-text-with-suggestions", SUGGESTIONS, suggestions(11), "at most 10, got 11"),
    (
        "rcs-text-with-suggestions",
        f"{SUGGESTIONS}[0].reply.text",
        "x" * 26,
        "at most 25 characters, got 26",
    ),
    ("rcs-text-with-suggestions", f"{SUGGESTIONS}[0].reply.postbackData", ..., "is required"),
    (
        "rcs-text-with-suggestions",
        f"{SUGGESTIONS}[0].reply.postbackData",
        "x" * 2049,
        "at most 2048 characters, got 2049",
    ),
    (
        "rcs-text-with-suggestions",
        f"{SUGGESTIONS}[1].action.dialAction.phoneNumber",
        "020 7946 0321",
        "must be + and 4 to 15 digits",
    ),
    (
        "rcs-text-with-suggestions",
        f"{SUGGESTIONS}[2].action.viewLocationAction.latLong.latitude",
        90.5,
        "at most 90",
    ),
    (
        "rcs-text-with-suggestions",
        f"{SUGGESTIONS}[2].action.viewLocationAction.label",
        "x" * 101,
        "at most 100 characters, got 101",
    ),
    (
        "rcs-text-with-suggestions",
        f"{SUGGESTIONS}[3].action.viewLocationAction.query",
        "x" * 201,
        "at most 200 characters, got 201",
    ),
    (
        "rcs-text-with-suggestions",
        f"{CALENDAR}.title",
        "x" * 101,
        "at most 100 characters, got 101",
    ),
    ("rcs-text-with-suggestions", f"{CALENDAR}.endTime", ..., "is required"),
    (
        "rcs-text-with-suggestions",
        f"{CALENDAR}.startTime",
        "2031-07-01T12:00:00",
        "must be an RFC 3339 date and time with an offset",
    ),
    (
        "rcs-text-with-suggestions",
        f"{PAGE}.url",
        URL_OF_2048 + "x",
        "must be an address with a scheme, of at most 2048 characters",
    ),
    (
        "rcs-text-with-suggestions",
        f"{PAGE}.application",
        "Browser",
        "must be 'OPEN_URL_APPLICATION_UNSPECIFIED', 'BROWSER' or 'WEBVIEW'",
    ),
    ("rcs-rich-card", "content.richCard.title", "x" * 201, "at most 200 characters, got 201"),
    (
        "rcs-rich-card",
        "content.richCard.description",
        "x" * 2001,
        "at most 2000 characters, got 2001",
    ),
    ("rcs-rich-card", "content.richCard.suggestions", suggestions(5), "at most 4, got 5"),
    ("rcs-rich-card", "content.richCard.media", ..., "is required"),
    ("rcs-rich-card", "content.richCard.cardOrientation", ..., "is required"),
    ("rcs-rich-card", "content.richCard.media.contentInfo.fileUrl", ..., "is required"),
    (
        "rcs-rich-card",
        "content.richCard.media.height",
        "huge",
        "must be 'short', 'medium' or 'tall'",
    ),
    ("rcs-carousel", "content.carousel.cards", [CARD], "at least 2, got 1"),
    ("rcs-carousel", "content.carousel.cards", [CARD] * 11, "at most 10, got 11"),
    ("rcs-carousel", "content.carousel.cardWidth", "large", "must be 'small' or 'medium'"),
    # direct send
    ("text-sent-directly", f"{DIRECT_SEND}.category", "marketing", "must be utility"),
    ("text-sent-directly", f"{DIRECT_SEND}.category", ..., "is required"),
    ("text-sent-directly", f"{DIRECT_SEND}.ttlSeconds", 29, "at least 30"),
    ("text-sent-directly", f"{DIRECT_SEND}.ttlSeconds", 43_201, "at most 43200"),
    # the rest
    ("image-for-line", "content.image.thumbnail", "a.png", "must be an http or https address"),
    ("audio", "content.audio.duration", ..., "is required"),
    (
        "viber-button",
        "content.text",
        "x" * 1001,
        "at most 1000 characters on Viber, got 1001",
    ),
]

# Rules of several members, which are broken at another place than the one that was changed.
ELSEWHERE: list[tuple[str, str, Any, str]] = [
    (
        "template-with-a-call-button",
        f"{COMPONENTS}",
        [
            page_button("CopyCode", index, {"type": "couponCode", "couponCode": "A"})
            for index in (0, 1)
        ],
        f"{COMPONENTS}: at most 1 CopyCode button, got 2",
    ),
    (
        "template-with-a-call-button",
        f"{COMPONENTS}",
        [page_button("Flow", index, {"type": "action"}) for index in (0, 1)],
        f"{COMPONENTS}: at most 1 Flow button, got 2",
    ),
    (
        "template-with-texts",
        f"{COMPONENTS}[0].type",
        "body",
        f"{COMPONENTS}: at most 1 body, got 2",
    ),
    (
        "template-with-cards",
        f"{CARDS}[0].components[2].index",
        1,
        f"{CARDS}[0].components: two buttons have the same index",
    ),
    (
        "template-with-cards",
        f"{CARDS}[0].components[0]",
        {"type": "body"},
        f"{CARDS}[0].components: two bodies",
    ),
    (
        "interactive-flow",
        f"{PARAMETERS}.flowAction",
        "data_exchange",
        f"{PARAMETERS}.flowActionPayload: goes only with the flowAction navigate",
    ),
    (
        "rcs-text-with-suggestions",
        f"{SUGGESTIONS}[0].action",
        {"text": "a", "postbackData": "a", "viewLocationAction": {"query": "a"}},
        f"{SUGGESTIONS}[0]: needs either reply or action",
    ),
    (
        "rcs-text-with-suggestions",
        f"{SUGGESTIONS}[0].reply",
        ...,
        f"{SUGGESTIONS}[0]: needs either reply or action",
    ),
    (
        "rcs-text-with-suggestions",
        f"{SUGGESTIONS}[1].action.dialAction",
        ...,
        f"{SUGGESTIONS}[1].action: needs exactly one of dialAction, viewLocationAction,"
        " createCalendarEventAction, openUrlAction, got 0",
    ),
    (
        "rcs-text-with-suggestions",
        f"{SUGGESTIONS}[3].action.viewLocationAction.query",
        ...,
        f"{SUGGESTIONS}[3].action.viewLocationAction: needs latLong or query",
    ),
    (
        "rcs-carousel",
        "channels",
        [{"channel": "Viber"}],
        "channels: need RCS, the only one that carries this type",
    ),
    (
        "text-sent-directly",
        "channels",
        [{"channel": "RCS"}],
        "channels: need WhatsApp for a direct send",
    ),
    (
        "image",
        "content.whatsApp",
        {"directSend": {"category": "utility"}},
        f"{DIRECT_SEND}: goes only with a text, reply buttons or a link button",
    ),
    (
        "interactive-flow",
        "content.whatsApp",
        {"directSend": {"category": "utility"}},
        f"{DIRECT_SEND}: goes only with a text, reply buttons or a link button",
    ),
    (
        "interactive-reply-buttons-sent-directly",
        f"{PART}.header",
        {"type": "image", "image": {"id": "7"}},
        f"{PART}.header.type: must be text in a direct send",
    ),
    (
        "text-everything-around-it",
        "channels",
        [{"channel": "RCS"}],
        "context: needs WhatsApp, the only channel that quotes",
    ),
    (
        "text-everything-around-it",
        "expiry",
        "2031-07-01T07:00:00Z",
        "expiry: must be later than scheduled",
    ),
    (
        "template-with-texts",
        "channels",
        [{"channel": "WhatsApp"}, {"channel": "SMS"}],
        "content.fallbackText: is required to send by SMS",
    ),
    (
        "image",
        "channels",
        [{"channel": "WhatsApp"}, {"channel": "Line"}],
        "user.lineUserId: is required to send by Line",
    ),
    (
        "video-for-line",
        "channels",
        [{"channel": "Line"}, {"channel": "WhatsApp"}],
        "user.msisdn: is required to send by WhatsApp",
    ),
]


@pytest.mark.parametrize(("kind", "path", "value"), WITHIN)
def test_what_is_within_a_limit_passes(kind: str, path: str, value: Any) -> None:
    assert read_message(changed(kind, path, value)).emit()


@pytest.mark.parametrize(("kind", "path", "value", "rule"), BEYOND)
def test_what_is_beyond_it_is_refused_there(kind: str, path: str, value: Any, rule: str) -> None:
    assert refusal(changed(kind, path, value)) == f"{path}: {rule}"


@pytest.mark.parametrize(("kind", "path", "value", "said"), ELSEWHERE)
def test_members_must_agree(kind: str, path: str, value: Any, said: str) -> None:
    assert refusal(changed(kind, path, value)) == said
