"""The provider's list of templates: nothing that can be shown is lost, nothing odd breaks it."""

import json
from typing import Any

import pytest

from chatapps.messages import MessageError
from chatapps.templates import RegisteredTemplate, fill, read_registered, read_template_list

LISTED: dict[str, Any] = {
    "channelId": "5a4d0b0c-0000-4000-8000-000000000000",
    "channelName": "Pier",
    "templateName": "boat_is_back",
    "language": "en_GB",
    "languageName": "English (UK)",
    "components": [
        {
            "type": "HEADER",
            "format": "Text",
            "text": "For {{1}}",
            "example": {"headerText": ["Ana"]},
        },
        {"type": "BODY", "text": "{{1}}, ahoy {{2}}!", "example": {"bodyText": ["Ana", "Ben"]}},
        {"type": "FOOTER", "text": "Pier 4"},
        {
            "type": "BUTTONS",
            "buttons": [
                {
                    "type": "URL",
                    "text": "Go",
                    "url": "https://b.example.com/{{1}}",
                    "example": ["x"],
                },
                {"type": "QUICK_REPLY", "text": "No"},
            ],
        },
    ],
    "category": "MARKETING",
    "categoryName": "Marketing",
    "status": "APPROVED",
    "statusName": "Approved",
    "createdAt": "2027-01-14T07:17:57.16Z",
    "updatedAt": "2027-01-28T02:16:42.82Z",
    "quality": "GREEN",
}


def read(**changes: Any) -> RegisteredTemplate:
    (template,) = read_template_list(json.dumps({"templates": [LISTED | changes]}))
    return template


def test_what_the_list_tells_is_read() -> None:
    template = read()
    assert (template.name, template.language) == ("boat_is_back", "en_GB")
    assert (template.category, template.status) == ("MARKETING", "APPROVED")
    assert template.approved
    assert [part.type for part in template.components] == ["HEADER", "BODY", "FOOTER", "BUTTONS"]
    header, body = template.part("HEADER"), template.part("BODY")
    assert header is not None
    assert body is not None
    assert (header.format, header.samples, header.placeholders) == ("Text", ("Ana",), 1)
    assert (body.samples, body.placeholders) == (("Ana", "Ben"), 2)
    assert [button.type for button in template.buttons] == ["URL", "QUICK_REPLY"]
    assert template.buttons[0].samples == ("x",)
    assert template.part("CAROUSEL") is None


def test_members_that_nobody_knows_yet_are_kept() -> None:
    assert read().members["quality"] == "GREEN"
    assert read(components=[{"type": "HOLOGRAM", "depth": 3}]).components[0].members["depth"] == 3


def test_spelling_may_vary() -> None:
    template = read(status="approved", components=[{"type": "header", "format": "IMAGE"}])
    assert template.approved
    assert (template.components[0].type, template.components[0].format) == ("HEADER", "Image")


@pytest.mark.parametrize("status", ["PENDING", "REJECTED", "PAUSED", "SOMETHING_NEW", "", None, 7])
def test_only_approved_templates_count_as_approved(status: Any) -> None:
    assert not read(status=status).approved


def test_entries_without_a_name_are_left_out() -> None:
    entries = [LISTED, {"language": "en"}, 7, None, {"templateName": ""}]
    assert len(read_template_list({"templates": entries})) == 1


def test_cards_are_read_flat_and_nested() -> None:
    parts = [
        {"type": "HEADER", "format": "Image"},
        {"type": "BODY", "text": "Seals."},
        {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "More"}]},
    ]
    nested = [{"components": parts}, {"components": parts}]
    for cards in (nested, [*parts, *parts]):
        (carousel,) = read(components=[{"type": "CAROUSEL", "cards": cards}]).components
        assert [[part.type for part in card] for card in carousel.cards] == [
            ["HEADER", "BODY", "BUTTONS"]
        ] * 2


def test_a_draft_can_be_looked_at_like_a_registered_template() -> None:
    draft = {
        "name": "boat",
        "language": "en",
        "components": [{"text": "Hi {{1}}.", "examples": "A"}],
    }
    template = read_registered(draft)
    assert template.name == "boat"
    assert template.components[0].type == "BODY"
    assert fill(template.components[0].text, template.components[0].samples) == "Hi A."


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"templates": {}}', b'{"templates": null}'])
def test_what_is_no_list_is_refused(raw: bytes) -> None:
    with pytest.raises(MessageError):
        read_template_list(raw)


def test_placeholders_without_a_sample_stay() -> None:
    assert fill("{{1}} {{2}} {{x}} {{0}} {{999999999999}}", ["A"]) == (
        "A {{2}} {{x}} {{0}} {{999999999999}}"
    )
