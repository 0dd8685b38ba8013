"""Delivery receipts of versions 8 and 9, as documented and as they may come."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatapps.receipt_codes import Action
from chatapps.webhooks import (
    Channel,
    MessageError,
    Person,
    Rank,
    Receipt,
    SentContent,
    read_webhook,
)
from chatapps.webhooks.fast_receipts import read_fast
from chatapps.webhooks.parse import read_with_patience

Json = dict[str, Any]
Body = Callable[[str], Json]

# A busy machine is no fault of the code.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
FILES: Final = sorted((Path(__file__).parent / "bodies").glob("receipt-*.json"))
EVERY_RECEIPT: Final = pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
NUMBER: Final = "447700900417"
BSUID: Final = "GB.9021744810022"


def read(body: Json) -> Receipt:
    event = read_webhook(json.dumps(body).encode())
    assert isinstance(event, Receipt)
    return event


@EVERY_RECEIPT
def test_a_documented_receipt_is_understood_whole(path: Path) -> None:
    receipt = read_webhook(path.read_bytes())

    assert isinstance(receipt, Receipt)
    assert receipt.kind == "receipt"
    assert receipt.extra == {}
    assert receipt.timestamp is not None


@EVERY_RECEIPT
def test_a_documented_receipt_takes_the_short_way_to_the_same_result(path: Path) -> None:
    raw = path.read_bytes()

    assert read_fast(raw) == read_fast(raw.decode()) == read_with_patience(raw)


def test_a_receipt_of_version_9_has_one_form(body: Body) -> None:
    assert read(body("receipt-v9-read")) == Receipt(
        umid="5d3f0c2e-7a11-4b6d-9e00-000000000001",
        state="read",
        timestamp=1_777_881_600_010,
        channel=Channel.WHATSAPP,
        sub_account="Harbour_Ferries",
        client_message_id="ferry-may.41.1",
        client_batch_id="ferry-may.00c0ffee1234",
        batch_id="b9a4d1c7-2f30-4c55-8d00-000000000007",
        pricing="marketing",
        person=Person(NUMBER, BSUID),
    )


def test_a_failure_says_why_and_what_to_do(body: Body) -> None:
    receipt = read(body("receipt-v8-undelivered"))

    assert (receipt.rank, receipt.code, receipt.provider_code) == (Rank.FAILED, 1051, "131050")
    assert receipt.fault is not None
    assert receipt.fault.action is Action.SUPPRESS
    assert receipt.emit()["action"] == "suppress"
    assert read(body("receipt-v9-read")).fault is None


def test_in_version_8_the_channel_id_repeats_the_number(body: Body) -> None:
    assert read(body("receipt-v8-read")).person == Person(NUMBER)
    assert read(body("receipt-v8-delivered-to-recipient")).person == Person(NUMBER)


def test_in_version_8_a_number_may_stand_in_the_channel_id_alone(body: Body) -> None:
    receipt = body("receipt-v8-read")
    del receipt["payload"]["user"]["msisdn"]

    assert read(receipt).person == Person(NUMBER)


def test_in_version_9_the_channel_id_is_never_taken_for_a_number(body: Body) -> None:
    receipt = body("receipt-v9-bsuid-only")
    assert read(receipt).person == Person(user_id=BSUID)
    assert read(receipt).person.bsuid == BSUID

    receipt["payload"]["user"]["channelUserId"] = "447700900417"
    assert read(receipt).person == Person(user_id="447700900417")
    assert read(receipt).person.bsuid is None


def test_the_id_of_another_channel_is_kept_as_it_is(body: Body) -> None:
    person = read(body("receipt-v9-line-sent")).person

    assert person.user_id == "Uaa77bb88cc99dd00ee11ff2233445566"
    assert person.bsuid is None
    assert person.address == person.user_id


@pytest.mark.parametrize(
    ("name", "channel"),
    [
        ("whatsapp", Channel.WHATSAPP),
        ("whatsApp", Channel.WHATSAPP),
        ("WhatsApp", Channel.WHATSAPP),
        ("RCS", Channel.RCS),
        ("rcs", Channel.RCS),
        ("SMS", Channel.SMS),
        ("ZaloNotification", Channel.ZALO_NOTIFICATION),
        ("LineNotification", Channel.LINE_NOTIFICATION),
        (" Viber ", Channel.VIBER),
        ("Carrier Pigeon", "carrier pigeon"),
        ("", ""),
        (None, ""),
    ],
)
def test_a_channel_is_known_in_any_case(body: Body, name: str | None, channel: str) -> None:
    receipt = body("receipt-v9-sent")
    receipt["payload"]["channel"] = name

    assert read(receipt).channel == channel
    assert read(receipt).extra == {}


def test_states_are_known_in_any_case_and_new_ones_are_kept(body: Body) -> None:
    receipt = body("receipt-v9-sent")
    status = receipt["payload"]["status"]
    status |= {"state": "Delivered", "detail": "Delivered_To_Recipient"}
    assert read(receipt).rank is Rank.ON_HANDSET

    status |= {"state": "Teleported", "detail": "beam_up"}
    assert (read(receipt).state, read(receipt).detail) == ("teleported", "beam_up")
    assert read(receipt).rank is Rank.UNKNOWN


def test_what_was_delivered_is_kept(body: Body) -> None:
    content = read(body("receipt-v9-delivered-template")).content

    assert content is not None
    assert (content.template, content.language, content.category) == (
        "may_timetable",
        "en_GB",
        "MARKETING",
    )
    assert list(content.parts) == ["header", "body", "footer", "actions"]
    assert read(body("receipt-v9-masked-content")).content == SentContent(
        content_type="template_auth", parts={"meta": {"masked": True}}
    )


TOLERATED: Final = [
    # (member, what comes, field, what we understand)
    ("version", "9", "person", Person(NUMBER, BSUID)),
    ("version", 10, "person", Person(NUMBER, BSUID)),
    ("version", None, "person", Person(NUMBER, BSUID)),
    ("payload.user", None, "person", Person()),
    ("payload.user.msisdn", "+44 7700 900417", "person", Person(NUMBER, BSUID)),
    ("payload.user.msisdn", "447700900417", "person", Person(NUMBER, BSUID)),
    ("payload.status.errorCode", "1018", "code", 1018),
    ("payload.status.errorCode", 1018.0, "code", 1018),
    ("payload.status.errorCode", None, "code", None),
    ("payload.status.timestamp", "2026-05-04T08:00:00", "timestamp", 1_777_881_600_000),
    ("payload.whatsapp", None, "pricing", None),
    ("payload.whatsapp.providerErrorCode", 131026, "provider_code", "131026"),
    ("payload.whatsapp.pricingCategory", "MARKETING", "pricing", "marketing"),
    ("payload.clientMessageId", None, "client_message_id", None),
    ("payload.clientBatchId", "", "client_batch_id", None),
    ("payload.outboundContent", {}, "content", None),
    ("payload.outboundContent", None, "content", None),
    ("namespace", None, "state", "read"),
    ("eventType", "Outbound_Message_Status_Changed", "state", "read"),
]


def put(body: Json, path: str, value: object) -> Json:
    *parents, name = path.split(".")
    place = body
    for parent in parents:
        place = place.setdefault(parent, {})
    place[name] = value
    return body


@pytest.mark.parametrize(("path", "value", "field", "wanted"), TOLERATED)
def test_what_deviates_a_little_is_understood(
    body: Body, path: str, value: object, field: str, wanted: object
) -> None:
    receipt = read(put(body("receipt-v9-read"), path, value))

    assert getattr(receipt, field) == wanted
    assert receipt.extra == {}


KEPT: Final = [
    ("trace", {"id": 1}),
    ("version", [9]),
    ("namespace", 17),
    ("payload.price", {"amount": 1}),
    ("payload.batchId", 17),
    ("payload.batchId", "x" * 129),
    ("payload.clientMessageId", "two\nlines"),
    ("payload.channel", ["whatsapp"]),
    ("payload.user.country", "GB"),
    ("payload.user.msisdn", "somebody"),
    ("payload.user.msisdn", "1" * 40),
    ("payload.status.step", 2),
    ("payload.status.errorCode", -1),
    ("payload.status.errorCode", "none"),
    ("payload.status.errorCode", True),
    ("payload.status.errorCode", 10**30),
    ("payload.status.errorMessage", {"en": "no"}),
    ("payload.status.timestamp", "soon"),
    ("payload.status.timestamp", 1_777_881_600),
    ("payload.whatsapp.conversation", "c-1"),
    ("payload.outboundContent.reactions", []),
    ("payload.outboundContent.template.id", 7),
    ("payload.rcs", {"agent": "a"}),
]


@pytest.mark.parametrize(("path", "value"), KEPT)
def test_what_is_not_understood_is_kept_under_its_path(
    body: Body, path: str, value: object
) -> None:
    receipt = read(put(body("receipt-v9-read"), path, value))

    found: Any = receipt.extra
    place = path
    while place not in found:  # a new object is kept as a whole
        place, _, inner = place.rpartition(".")
        value = {inner: value}
    assert found == {place: value}
    assert receipt.emit()["extra"] == found
    assert receipt.rank is Rank.READ


@pytest.mark.parametrize("name", ["umid", "status"])
@pytest.mark.parametrize("value", [None, "", 17, [], {}, "x" * 129, "a\u0000b"])
def test_without_its_id_or_its_state_it_is_no_receipt(body: Body, name: str, value: object) -> None:
    path = {"umid": "payload.umid", "status": "payload.status.state"}[name]

    with pytest.raises(MessageError, match=rf"^{path}: (is required|must be a text of 1 to 128)"):
        read(put(body("receipt-v9-read"), path, value))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"payload": None}, "umid: is required"),
        ({"payload": []}, "payload: must be an object"),
        ({"payload": {}}, "payload.umid: is required"),
        ({"payload": {"umid": "u", "status": "read"}}, "payload.status.state: is required"),
    ],
)
def test_a_receipt_without_a_payload_is_refused(body: Body, change: Json, complaint: str) -> None:
    with pytest.raises(MessageError) as caught:
        read(body("receipt-v9-read") | change)

    assert str(caught.value) == complaint


def test_neither_repr_nor_errors_show_who_it_is(body: Body) -> None:
    receipt = read(body("receipt-v9-delivered-template"))
    broken = put(body("receipt-v9-read"), "payload.umid", {"msisdn": NUMBER})

    with pytest.raises(MessageError) as caught:
        read(broken)

    shown = f"{receipt!r} {receipt.person!r} {receipt.content!r} {caught.value!r}"
    assert NUMBER not in shown
    assert BSUID not in shown
    assert "Hello Jo" not in shown


def test_deep_content_does_not_slip_past_on_the_short_way(body: Body) -> None:
    deep: list[Any] = []
    for _ in range(200):
        deep = [deep]
    receipt = put(body("receipt-v9-delivered-text"), "payload.outboundContent.meta", deep)

    with pytest.raises(MessageError, match="nested deeper"):
        read(receipt)


VALUES: Final = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=6),
    st.sampled_from(["", " ", "READ", "9", "+447700900417", "GB.1", "2026-05-04T07:00:00,5Z"]),
    st.sampled_from([[], {}, ["x"], {"text": "x"}, {"name": "n", "extra": 1}]),
)


def members(value: object, above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The path of every member of an object, at all levels."""
    if not isinstance(value, dict):
        return []
    return [
        path
        for name, inner in value.items()
        for path in ((*above, name), *members(inner, (*above, name)))
    ]


@st.composite
def nearly_receipts(draw: st.DrawFn) -> bytes:
    """Documented receipts with a few members changed, removed or added."""
    body = json.loads(draw(st.sampled_from(FILES)).read_bytes())
    for _ in range(draw(st.integers(0, 3))):
        *parents, name = draw(st.sampled_from(members(body)))
        place = body
        for parent in parents:
            place = place[parent]
        change = draw(st.sampled_from(["set", "set", "remove", "add"]))
        if change == "remove":
            del place[name]
        else:
            place[name if change == "set" else "news"] = copy.deepcopy(draw(VALUES))
    return json.dumps(body, ensure_ascii=draw(st.booleans())).encode()


@UNHURRIED
@given(nearly_receipts())
def test_the_short_way_never_differs_from_the_long_one(raw: bytes) -> None:
    receipt = read_fast(raw)

    if receipt is not None:
        assert receipt == read_with_patience(raw)
        assert receipt.emit() == read_with_patience(raw).emit()


@UNHURRIED
@given(nearly_receipts())
def test_nothing_of_a_deviating_receipt_is_lost(raw: bytes) -> None:
    """Removing what we understood and what we kept leaves nothing, so nothing was dropped."""
    try:
        event = read_webhook(raw)
    except MessageError:
        return
    said = json.dumps(event.emit(), ensure_ascii=False)
    for text in leaves(json.loads(raw)):
        assert text in said


def leaves(value: object) -> list[str]:
    """Texts that are sure to be seen again as they are: new members and delivered content."""
    if isinstance(value, dict):
        found = value.get("news")
        mine = [json.dumps(found, ensure_ascii=False)] if found is not None else []
        return mine + [leaf for inner in value.values() for leaf in leaves(inner)]
    return []
