"""A message of any kind, emitted and read again, is the same message, and fits the schema.

The messages are made from the models themselves, so that a new kind or member is covered at once.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import AfterValidator, AwareDatetime, ValidationError
from pydantic.fields import FieldInfo

from chatapps.messages import Channel, Message, User, read_message, read_message_body
from chatapps.messages.base_model import Wire
from chatapps.messages.message import CONTENTS
from chatapps.messages.rcs.suggestions import SuggestedAction, SuggestedReply, Suggestion
from tests.examples import examples

Strategy = st.SearchStrategy[Any]

LONGEST = 12
OF_ONE_KIND = ("template", "interactive", "rich_card", "carousel")  # too large to go with others
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(
    min_value=datetime(2026, 1, 1), max_value=datetime(2100, 1, 1), timezones=OFFSETS | st.just(UTC)
)
URLS = st.from_regex(r"(?:https?|HTTPS)://[a-z]{1,9}\.example\.net/[a-z0-9]{0,9}", fullmatch=True)


def build(model: type[Wire], **values: Strategy) -> Strategy:
    """Models of these members; what breaks a rule of several members is left out."""
    return st.fixed_dictionaries(values).map(lambda held: _model(model, held)).filter(bool)


def _model(model: type[Wire], held: dict[str, Any]) -> Wire | None:
    try:
        return model(**held)
    except ValidationError:
        return None


@cache
def of_model(model: type[Wire]) -> Strategy:
    if model in SPECIAL:
        return SPECIAL[model]
    fields = {
        name: of(field.annotation, field)
        for name, field in model.model_fields.items()
        if field.is_required() or name not in OF_ONE_KIND
    }
    return build(model, **fields)


def of(annotation: Any, *metadata: Any) -> Strategy:
    """Values of a type, within the limits that go with it."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return of(inner[0], *metadata, *inner[1:])
    if origin in (Union, UnionType):
        return st.one_of(*(of(choice, *metadata) for choice in inner))
    if origin is Literal:
        return st.sampled_from(inner)
    limits = dict(_limits(metadata))
    if origin is tuple:
        least, most = limits.get("min_length", 0), limits.get("max_length", 3)
        return st.lists(of(inner[0]), min_size=least, max_size=min(most, least + 2)).map(tuple)
    if isinstance(annotation, type) and issubclass(annotation, Wire):
        return of_model(annotation)
    return PLAIN[annotation](**limits)


def _limits(metadata: Iterable[Any]) -> Iterable[tuple[str, Any]]:
    for item in metadata:
        if isinstance(item, FieldInfo):
            yield from _limits(item.metadata)
        if isinstance(item, AfterValidator):
            yield "instant", True  # the only one there is
        for name in ("min_length", "max_length", "ge", "le", "pattern"):
            if getattr(item, name, None) is not None:
                yield name, getattr(item, name)


def texts(
    pattern: str | None = None,
    min_length: int = 0,
    max_length: int = LONGEST,
    instant: bool = False,
) -> Strategy:
    if instant:
        return MOMENTS.map(lambda moment: moment.isoformat())
    if pattern is None:
        return st.text(min_size=min_length, max_size=min(max_length, LONGEST))
    return URLS if ":" in pattern else st.from_regex(pattern, fullmatch=True)


PLAIN: dict[Any, Callable[..., Strategy]] = {
    str: texts,
    int: lambda ge=0, le=10**6: st.integers(ge, le),
    float: lambda ge=0, le=10**6: st.floats(ge, le),
    bool: st.booleans,
    NoneType: st.none,
    datetime: lambda: MOMENTS,
    AwareDatetime: lambda: MOMENTS,
    dict[str, Any]: lambda min_length=0: st.dictionaries(
        st.text(max_size=5), JSON, min_size=min_length, max_size=2
    ),
}
ACTIONS = [name for name in SuggestedAction.model_fields if name.endswith("_action")]


def suggested_actions() -> Strategy:
    fields = SuggestedAction.model_fields
    common = {name: of(fields[name].annotation, fields[name]) for name in ("text", "postback_data")}
    return st.one_of(
        *(
            build(SuggestedAction, **common, fallback_url=URLS, **{name: of(needed(fields[name]))})
            for name in ACTIONS
        )
    )


def needed(field: FieldInfo) -> Any:
    """The type of a member that may be absent, for where it is not."""
    (model,) = (choice for choice in get_args(field.annotation) if choice is not NoneType)
    return model


SPECIAL: dict[type[Wire], Strategy] = {
    User: build(
        User,
        msisdn=st.integers(0, 999).map(lambda last: f"+447700900{last:03}"),
        line_user_id=st.text(min_size=1, max_size=9),
        channel_user_id=st.none() | st.from_regex(r"[A-Z]{2}\.[A-Za-z0-9]{1,20}", fullmatch=True),
    ),
}
SPECIAL[SuggestedAction] = suggested_actions()
SPECIAL[Suggestion] = build(Suggestion, reply=of_model(SuggestedReply)) | build(
    Suggestion, action=of_model(SuggestedAction)
)


def channel(name: str) -> Strategy:
    fields = Channel.model_fields
    others = {key: of(fields[key].annotation, fields[key]) for key in fields if key != "channel"}
    return build(Channel, channel=st.just(name), **others)


# These two, so that every kind finds a channel that carries it.
CHANNELS = st.tuples(channel("RCS"), channel("WhatsApp")) | st.tuples(
    channel("WhatsApp"), channel("RCS"), of_model(Channel)
)


def messages(kind: str) -> Strategy:
    fields = {
        name: of(field.annotation, field)
        for name, field in Message.model_fields.items()
        if name not in ("type", "content", "channels")
    }
    return build(
        Message,
        **fields,
        type=st.just(kind),
        content=of_model(CONTENTS[kind]),  # type: ignore[index]
        channels=st.none() | CHANNELS,
        unknown_member=JSON.filter(lambda value: value is not None),  # null says nothing
    )


KINDS = [*CONTENTS, *["template", "interactive"] * 3]  # these two are many kinds in one


@settings(max_examples=examples(150), deadline=None, suppress_health_check=list(HealthCheck))
@given(message=st.one_of(*map(messages, KINDS)))
def test_a_message_survives_the_way_through_json(message: Message) -> None:
    raw = message.emit_json()

    assert read_message(raw) == message
    assert read_message(raw).emit_json() == raw
    assert read_message(message.emit()) == message


@settings(max_examples=examples(30), deadline=None, suppress_health_check=list(HealthCheck))
@given(message=st.one_of(*map(messages, KINDS)))
def test_a_campaigns_message_survives_it_too(message: Message) -> None:
    personal = ("user", "clientMessageId")
    body = {name: value for name, value in message.emit().items() if name not in personal}

    read = read_message_body(body)

    assert read.emit() == body
    assert read.content == message.content


@settings(max_examples=examples(100), deadline=None, suppress_health_check=list(HealthCheck))
@given(message=st.one_of(*map(messages, KINDS)))
def test_whatever_we_emit_fits_the_providers_schema(
    schema_faults: Callable[[dict[str, Any]], list[str]], message: Message
) -> None:
    assert schema_faults(message.emit()) == []
