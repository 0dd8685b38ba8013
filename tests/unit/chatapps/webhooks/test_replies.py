"""Replies, in versions 2 and 3 and in LINE's older form."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatapps.webhooks import (
    CallPermission,
    Channel,
    MessageError,
    Person,
    Place,
    Reply,
    ReplyType,
    Tap,
    read_webhook,
)

Json = dict[str, Any]
Body = Callable[[str], Json]

# A busy machine is no fault of the code.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
FILES: Final = sorted((Path(__file__).parent / "bodies").glob("reply-*.json"))
NUMBER: Final = "447700900417"
BSUID: Final = "GB.9021744810022"
JO: Final = Person(NUMBER, BSUID, "Jo", "jo.example")


def read(body: Json) -> Reply:
    event = read_webhook(json.dumps(body).encode())
    assert isinstance(event, Reply)
    return event


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_a_documented_reply_is_understood_whole(path: Path) -> None:
    reply = read_webhook(path.read_bytes())

    assert isinstance(reply, Reply)
    assert reply.kind == "reply"
    assert reply.extra == {}
    assert reply.timestamp is not None
    assert reply.person.address
    assert reply.channel_id == "a77c9e10-3b42-4e18-9f00-000000000003"


def test_a_text_has_one_form(body: Body) -> None:
    assert read(body("reply-v3-text")) == Reply(
        umid="5d3f0c2e-7a11-4b6d-9e00-000000000020",
        type=ReplyType.TEXT,
        timestamp=1_777_890_615_250,
        channel=Channel.WHATSAPP,
        channel_id="a77c9e10-3b42-4e18-9f00-000000000003",
        sub_account="Harbour_Ferries",
        person=JO,
        reply_to="5d3f0c2e-7a11-4b6d-9e00-000000000001",
        text=" STOP! ",
    )


def test_the_version_says_who_it_is(body: Body) -> None:
    assert read(body("reply-v2-text")).person == Person(NUMBER)
    assert read(body("reply-v3-bsuid-only")).person == Person(user_id=BSUID, username="jo.example")
    assert read(body("reply-v3-viber")).person == Person(NUMBER)
    assert read(body("reply-v1-line")).person.user_id == "Uaa77bb88cc99dd00ee11ff2233445566"


def test_lines_older_form_is_the_same_reply(body: Body) -> None:
    reply = read(body("reply-v1-line"))

    assert (reply.channel, reply.type, reply.text) == (Channel.LINE, "text", "Konnichiwa")


@pytest.mark.parametrize(
    ("name", "type_", "tap"),
    [
        ("reply-v3-quick-reply", ReplyType.TEXT, Tap(payload="stop:ferry-may")),
        ("reply-v3-button", ReplyType.BUTTON_REPLY, Tap(id="pier-2", title="Pier 2")),
        (
            "reply-v3-list",
            ReplyType.LIST_REPLY,
            Tap(id="may-9", title="9 May", description="9:40, pier 2"),
        ),
        ("reply-v3-text", ReplyType.TEXT, None),
    ],
)
def test_what_was_tapped_is_told(body: Body, name: str, type_: ReplyType, tap: Tap | None) -> None:
    reply = read(body(name))

    assert reply.type is type_
    assert reply.tap == tap


def test_files_places_and_permissions_are_told(body: Body) -> None:
    image, document = read(body("reply-v3-image")), read(body("reply-v3-document"))
    permission = read(body("reply-v3-call-permission"))

    assert (image.type, image.text) == (ReplyType.IMAGE, "Is this yours?")
    assert document.type is ReplyType.FILE
    assert document.url == "https://media.example.com/in/9.pdf?sig=x"
    assert read(body("reply-v3-location")).place == Place(
        56.0297, -3.3013, "Inchcolm", "Firth of Forth"
    )
    assert permission.type is ReplyType.CALL_PERMISSION_REPLY
    assert permission.call_permission == CallPermission(
        granted=False, is_permanent=True, expires=1_778_495_415_000, source="user_action"
    )


def flow(body: Body, written: object) -> Reply:
    reply = body("reply-v3-flow")
    reply["payload"]["content"]["interactive"]["nfmReply"]["responseJson"] = written
    return read(reply)


FLOW_PATH: Final = "payload.content.interactive.nfmReply.responseJson"


def test_the_answers_of_a_flow_are_read_out_of_their_string(body: Body) -> None:
    assert flow(body, '{"seats": "2", "when": {"day": 9}}').flow == {
        "seats": "2",
        "when": {"day": 9},
    }
    assert flow(body, {"seats": "2"}).flow == {"seats": "2"}
    assert flow(body, None).flow is None


@pytest.mark.parametrize("written", ["", "{", "[1]", "null", "5", "[" * 9_000, 7, [{}], "NaN"])
def test_an_unreadable_flow_is_kept_as_it_came(body: Body, written: object) -> None:
    reply = flow(body, written)

    assert reply.flow is None
    assert reply.type is ReplyType.FLOW_REPLY
    assert reply.extra == {FLOW_PATH: written}


@UNHURRIED
@given(st.text())
def test_no_flow_is_a_crash(written: str) -> None:
    path = Path(__file__).parent / "bodies" / "reply-v3-flow.json"
    reply = json.loads(path.read_bytes())
    reply["payload"]["content"]["interactive"]["nfmReply"]["responseJson"] = written

    assert read(reply).umid


@pytest.mark.parametrize(
    ("content", "type_", "tap"),
    [
        ({"type": "buttonReply", "buttonReply": {"id": "1"}}, "button_reply", Tap(id="1")),
        ({"type": "List_Reply", "listReply": {"title": "a"}}, "list_reply", Tap(title="a")),
        ({"type": "nfm_reply", "nfm_reply": {"responseJson": "{}"}}, "flow_reply", None),
        ({"type": "order", "order": {"id": 1}}, "order", None),
        ({"button_reply": {"id": "1"}}, "interactive", Tap(id="1")),
    ],
)
def test_interactive_replies_are_known_in_either_spelling(
    body: Body, content: Json, type_: str, tap: Tap | None
) -> None:
    reply = body("reply-v3-button")
    reply["payload"]["content"]["interactive"] = content

    assert (read(reply).type, read(reply).tap) == (type_, tap)


def test_new_types_and_members_are_kept(body: Body) -> None:
    reply = body("reply-v3-text")
    reply["payload"] |= {"type": "Sticker", "content": {"sticker": {"id": "s"}, "text": "☺"}}
    reply["payload"]["recipient"]["lane"] = 4

    assert read(reply).type == "sticker"
    assert read(reply).text == "☺"
    assert read(reply).extra == {
        "payload.content.sticker": {"id": "s"},
        "payload.recipient.lane": 4,
    }


@pytest.mark.parametrize("latitude", ["nan", "inf", "north", True, 10**20, None, [1]])
def test_a_latitude_that_is_none_is_kept_as_it_came(body: Body, latitude: object) -> None:
    reply = body("reply-v3-location")
    reply["payload"]["content"]["location"]["latitude"] = latitude

    place = read(reply).place
    assert place is not None
    assert place.latitude is None
    kept = {} if latitude is None else {"payload.content.location.latitude": latitude}
    assert read(reply).extra == kept


def test_a_reply_may_lack_nearly_everything(body: Body) -> None:
    reply = {"eventType": "inbound_message_received", "payload": {"umid": "u-1", "content": None}}

    assert read(reply) == Reply(umid="u-1")
    assert read(reply).emit() == {"kind": "reply", "umid": "u-1"}


def test_without_an_id_it_is_refused(body: Body) -> None:
    reply = body("reply-v3-text")
    del reply["payload"]["umid"]

    with pytest.raises(MessageError, match=r"^payload\.umid: is required$"):
        read(reply)


def test_neither_the_person_nor_the_words_show_in_repr(body: Body) -> None:
    reply = read(body("reply-v3-image"))

    shown = f"{reply!r} {reply.person!r}"
    assert all(secret not in shown for secret in (NUMBER, BSUID, "Jo", "yours", "sig=x"))
