"""A message emitted and read again is the same message."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given, settings
from hypothesis import strategies as st

from chatapps.messages import (
    Channel,
    Message,
    Sms,
    Template,
    TemplateContent,
    TextContent,
    User,
    read_message,
    read_message_body,
)
from chatapps.messages.parameters import (
    CouponCodeParameter,
    DocumentParameter,
    GifParameter,
    ImageParameter,
    LocationParameter,
    PayloadParameter,
    TextParameter,
    VideoParameter,
)
from chatapps.messages.template import (
    BodyComponent,
    CopyCodeButton,
    HeaderComponent,
    QuickReplyButton,
    UrlButton,
)
from chatapps.messages.values import Location

TEXTS = st.text(min_size=1, max_size=40)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(
    min_value=datetime(2026, 1, 1), max_value=datetime(2100, 1, 1), timezones=OFFSETS | st.just(UTC)
)
USERS = st.builds(
    User,
    msisdn=st.integers(0, 999).map(lambda last: f"+447700900{last:03}"),
    channel_user_id=st.none() | st.from_regex(r"[A-Z]{2}\.[A-Za-z0-9]{1,20}", fullmatch=True),
)
CHANNELS = st.builds(
    Channel,
    channel=st.sampled_from(["WhatsApp", "SMS", "RCS", "Viber"]),
    fallback_after=st.none() | st.integers(10, 86_400),
    success_status=st.none() | st.sampled_from(["Sent", "Delivered", "Read"]),
)
SMS = st.builds(
    Sms,
    encoding=st.none() | st.sampled_from(["AUTO", "GSM7", "UCS2"]),
    source=st.none() | st.text(min_size=1, max_size=16),
)
PLACES = st.builds(
    Location,
    latitude=st.floats(-90, 90),
    longitude=st.floats(-180, 180),
    name=st.none() | st.text(max_size=20),
)
HEADERS = st.one_of(
    st.builds(TextParameter, text=TEXTS),
    st.builds(LocationParameter, location=PLACES),
    *(
        st.builds(model, url=TEXTS)
        for model in (ImageParameter, VideoParameter, DocumentParameter, GifParameter)
    ),
)
BUTTONS = st.one_of(
    st.builds(QuickReplyButton, parameters=st.tuples(st.builds(PayloadParameter, payload=TEXTS))),
    st.builds(UrlButton, parameters=st.tuples(st.builds(TextParameter, text=TEXTS))),
    st.builds(
        CopyCodeButton, parameters=st.tuples(st.builds(CouponCodeParameter, coupon_code=TEXTS))
    ),
)
TEMPLATES = st.builds(
    Template,
    name=TEXTS,
    language=st.sampled_from(["en", "en_GB", "pt_BR"]),
    components=st.none()
    | st.tuples(
        st.builds(HeaderComponent, parameters=st.tuples(HEADERS)),
        st.builds(
            BodyComponent,
            parameters=st.lists(st.builds(TextParameter, text=TEXTS), max_size=3).map(tuple),
        ),
        BUTTONS,
    ),
)
FALLBACK = {"fallback_text": st.none() | TEXTS, "sms": st.none() | SMS}


def messages(
    kind: str, content: st.SearchStrategy[TextContent | TemplateContent]
) -> st.SearchStrategy[Message]:
    return st.builds(
        Message,
        user=USERS,
        type=st.just(kind),
        content=content,
        client_message_id=st.none() | st.text(min_size=1, max_size=50),
        channels=st.none() | st.lists(CHANNELS, max_size=3).map(tuple),
        scheduled=st.none() | MOMENTS,
        expiry=st.none() | MOMENTS,
        unknown_member=JSON,
    )


ALL = messages("text", st.builds(TextContent, text=TEXTS, **FALLBACK)) | messages(
    "template", st.builds(TemplateContent, template=TEMPLATES, **FALLBACK)
)


@settings(max_examples=150, deadline=None)
@given(message=ALL)
def test_a_message_survives_the_way_through_json(message: Message) -> None:
    raw = message.emit_json()

    assert read_message(raw) == message
    assert read_message(raw).emit_json() == raw
    assert read_message(message.emit()) == message


@settings(max_examples=50, deadline=None)
@given(message=ALL)
def test_a_campaigns_message_survives_it_too(message: Message) -> None:
    personal = ("user", "clientMessageId")
    body = {name: value for name, value in message.emit().items() if name not in personal}

    read = read_message_body(body)

    assert read.emit() == body
    assert read.content == message.content
