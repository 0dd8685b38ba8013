"""A template emitted and read again is the same; any JSON gives a template or one clear error."""

import string
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from chatapps.messages import MessageError
from chatapps.templates import (
    TemplateDraft,
    advice,
    read_registered,
    read_template,
    read_template_list,
)
from tests.examples import examples

Json = dict[str, Any]

WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="{}"), min_size=1)
LABELS = st.text("Boats &<>é🚢", min_size=1, max_size=20)
ADDRESSES = st.text(string.ascii_letters + "/&?=", max_size=30).map(
    "https://b.example.com/".__add__
)
SAMPLE = st.text(string.ascii_letters, min_size=1, max_size=10)


def with_placeholders(longest: int, most: int = 3) -> st.SearchStrategy[Json]:
    """A text around placeholders, and a sample for each."""
    return st.lists(SAMPLE, max_size=most).flatmap(
        lambda samples: st.builds(
            lambda before, after: {
                "text": " ".join(
                    [
                        "." + before,
                        *(f"{{{{{n}}}}}" for n in range(1, len(samples) + 1)),
                        after + ".",
                    ]
                ),
                **({"examples": samples} if samples else {}),
            },
            WORDS.map(lambda text: text[: longest // 3]),
            WORDS.map(lambda text: text[: longest // 3]),
        )
    )


BODIES = with_placeholders(900).map(lambda parts: {"type": "BODY", **parts})
HEADERS = st.one_of(
    with_placeholders(45, 1).map(lambda parts: {"type": "HEADER", "format": "Text", **parts}),
    st.builds(
        lambda kind, sample: {"type": "HEADER", "format": kind, "examples": [sample]},
        st.sampled_from(["Image", "Gif", "Video", "Document"]),
        ADDRESSES,
    ),
    st.just({"type": "HEADER", "format": "Location"}),
)
BUTTON = {
    "QUICK_REPLY": st.builds(lambda text: {"text": text}, LABELS),
    "URL": st.one_of(
        st.builds(lambda text, url: {"text": text, "url": url}, LABELS, ADDRESSES),
        st.builds(
            lambda text, url, sample: {"text": text, "url": url + "{{1}}", "example": [sample]},
            LABELS,
            ADDRESSES,
            SAMPLE,
        ),
    ),
    "PHONE_NUMBER": st.builds(
        lambda text, last: {"text": text, "phoneNumber": f"+442079460{last:03}"},
        LABELS,
        st.integers(0, 999),
    ),
    "COPY_CODE": st.builds(
        lambda code: {"text": "Copy Code", "example": [code]},
        st.text(string.ascii_uppercase, min_size=4, max_size=15),
    ),
    "FLOW": st.builds(
        lambda text, flow: {"text": text, "flowId": str(flow)}, LABELS, st.integers(1, 10**15)
    ),
    "VOICE_CALL": st.builds(
        lambda ttl: {"text": "Call Now", "ttlMinutes": ttl}, st.integers(1440, 43_200)
    ),
    "REQUEST_CONTACT_INFO": st.builds(lambda text: {"text": text}, LABELS),
}


@st.composite
def button_lists(draw: st.DrawFn) -> list[Json]:
    kinds = draw(st.permutations(list(BUTTON)))[: draw(st.integers(1, 5))]
    return [{"type": kind, **draw(BUTTON[kind])} for kind in kinds]


CARDS = st.builds(
    lambda media, text, label: {
        "components": [
            {"type": "HEADER", "format": media, "examples": ["https://b.example.com/a.png"]},
            {"type": "BODY", "text": f"{text}."},
            {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": label}]},
        ]
    },
    st.sampled_from(["Image", "Video"]),
    WORDS.map(lambda text: text[:150]),
    LABELS,
)


@st.composite
def drafts(draw: st.DrawFn) -> Json:
    parts = [draw(BODIES)]
    if draw(st.booleans()):
        parts.insert(0, draw(HEADERS))
    if draw(st.booleans()):
        parts.append({"type": "FOOTER", "text": draw(WORDS)[:60]})
    if draw(st.booleans()):
        parts.append({"type": "BUTTONS", "buttons": draw(button_lists())})
    else:
        parts.append({"type": "CAROUSEL", "cards": draw(st.lists(CARDS, min_size=1, max_size=10))})
    written: Json = {
        "language": draw(st.sampled_from(["en", "en_GB", "pt_BR", "fil"])),
        "name": draw(st.text(string.ascii_lowercase + string.digits + "_", min_size=1)),
        "category": "MARKETING",
        "components": parts,
    }
    if draw(st.booleans()):
        written["message_send_ttl_seconds"] = draw(st.integers(43_200, 2_592_000))
    return written


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=12,
)
NAMES = st.sampled_from(
    [
        "type",
        "format",
        "text",
        "buttons",
        "cards",
        "components",
        "examples",
        "example",
        "url",
        "phoneNumber",
        "country",
        "flowId",
        "ttlMinutes",
        "otp_type",
        "name",
        "language",
        "category",
        "templates",
        "status",
        "templateName",
        "message_send_ttl_seconds",
    ]
)
VALUES = st.sampled_from(
    [
        "HEADER",
        "body",
        "BUTTONS",
        "carousel",
        "URL",
        "otp",
        "FLOW",
        "{{1}}",
        "Image",
        "en",
        -1,
        None,
    ]
)
NEARLY = st.recursive(
    VALUES | st.text(max_size=5) | st.integers(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=25,
)


def outcome(value: Any) -> TemplateDraft | MessageError:
    """The template that can be sent, or what is wrong."""
    try:
        read = read_template(value)
        read.emit()
    except MessageError as error:
        return error
    return read


@settings(max_examples=examples(60), deadline=None)
@given(written=drafts())
def test_a_draft_survives_the_way_through_json(written: Json) -> None:
    read = read_template(written)
    assert read_template(read.emit_json()) == read
    assert read_template(read.emit_json()).emit_json() == read.emit_json()
    assert read_registered(read.emit()).name == read.name


@settings(max_examples=examples(100), deadline=None)
@given(value=ANY_JSON | NEARLY | st.dictionaries(NAMES, NEARLY))
def test_any_json_is_a_template_or_a_clear_error(value: Any) -> None:
    found = outcome(value)
    if isinstance(found, TemplateDraft):
        advice(found)
    else:
        assert all(problem.rule for problem in found.problems)
        assert found.problems


@settings(max_examples=examples(100), deadline=None)
@given(components=st.lists(NEARLY, max_size=4))
def test_any_parts_are_a_template_or_a_clear_error(components: list[Any]) -> None:
    written = {"language": "en", "name": "a", "category": "MARKETING", "components": components}
    found = outcome(written)
    assert isinstance(found, TemplateDraft) or found.problems


@settings(max_examples=examples(100), deadline=None)
@given(entries=st.lists(NEARLY, max_size=4), name=st.none() | st.text())
def test_a_list_is_read_whatever_its_entries_hold(entries: list[Any], name: str | None) -> None:
    listed = [entry | {"templateName": name} for entry in entries if isinstance(entry, dict)]
    for template in read_template_list({"templates": entries + listed}):
        assert template.name
        assert all(button.type == button.type.upper() for button in template.buttons)
