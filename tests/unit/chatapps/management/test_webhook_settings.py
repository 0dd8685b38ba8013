"""Webhooks as they are set and listed: rules with places, secrets out of sight."""

import json
from typing import Any

import pytest

from chatapps.management import read_webhook_keys, read_webhook_list, read_webhooks
from chatapps.messages import MessageError

HOOK: dict[str, Any] = {
    "subAccountId": "Pier",
    "url": "https://hooks.example.com/dr",
    "type": "CADR",
}
OAUTH = {
    "url": "https://auth.example.com/token",
    "clientId": "pier",
    "clientSecret": "s3cret",
    "credentialsLocation": "header",
}


def faults(entry: Any) -> list[str]:
    with pytest.raises(MessageError) as caught:
        read_webhooks(json.dumps(entry))
    return [str(problem) for problem in caught.value.problems]


def test_webhooks_are_read_and_written_back() -> None:
    entries = [
        HOOK | {"enabled": True, "httpAuthorization": "Bearer s3cret"},
        HOOK | {"subAccountId": "*", "type": "CABM", "enabled": False, "oauth": OAUTH},
    ]
    assert [hook.emit() for hook in read_webhooks(json.dumps(entries))] == entries


def test_one_webhook_needs_no_list() -> None:
    (hook,) = read_webhooks(json.dumps(HOOK | {"type": "cadr"}))
    assert (hook.type, hook.enabled) == ("CADR", True)


def test_secrets_are_neither_in_logs_nor_shown() -> None:
    hooks = read_webhooks(
        json.dumps([HOOK | {"httpAuthorization": "Bearer s3cret"}, HOOK | {"oauth": OAUTH}])
    )
    assert "s3cret" not in repr(hooks)
    assert "s3cret" not in json.dumps([hook.shown() for hook in hooks])
    assert hooks[0].shown()["httpAuthorization"] == "***"
    assert hooks[1].shown()["oauth"]["clientSecret"] == "***"


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ([{"url": "https://a.example.com"}], "webhooks[0].subAccountId: is required"),
        ([HOOK, HOOK | {"url": "a.example.com"}], "webhooks[1].url: must be an http or https"),
        ([HOOK | {"type": "DR"}], "webhooks[0].type: must be one of CADR, MSG, CABM"),
        ([HOOK | {"oauth": {}}], "webhooks[0].oauth.url: is required"),
        (
            [HOOK | {"oauth": OAUTH | {"credentialsLocation": "cookie"}}],
            "webhooks[0].oauth.credentialsLocation: must be one of header, body",
        ),
        (
            [HOOK | {"oauth": OAUTH, "httpAuthorization": "x"}],
            "webhooks[0].oauth: either httpAuthorization or oauth, not both",
        ),
        ([7], "webhooks[0]: must be an object"),
        (7, "must be a JSON list of webhooks"),
        ("x", "must be a JSON list of webhooks"),
    ],
)
def test_what_breaks_a_rule_is_refused_where_it_does(entry: Any, fault: str) -> None:
    assert any(said.startswith(fault) for said in faults(entry)), faults(entry)


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(MessageError, match="not JSON"):
        read_webhooks("[{]")


def test_a_webhook_to_be_taken_away_is_named_by_sub_account_and_type() -> None:
    keys = read_webhook_keys('[{"subAccountId": "*"}, {"subAccountId": "Pier", "type": "msg"}]')
    assert [(key.sub_account_id, key.type) for key in keys] == [("*", None), ("Pier", "MSG")]


def test_the_providers_list_is_read_whatever_it_holds() -> None:
    listed = [
        HOOK | {"httpAuthorization": "***", "enabled": True},
        {"type": "NEWS", "url": "https://n.example.com", "oauth": {"clientSecret": "***"}},
        {"enabled": False, "url": None},
        7,
    ]
    found = read_webhook_list(json.dumps(listed).encode())
    assert [(hook.type, hook.proof, hook.enabled) for hook in found] == [
        ("CADR", "header", True),
        ("NEWS", "oauth", True),
        ("", "", False),
    ]
    assert found[0].members["httpAuthorization"] == "***"
    assert read_webhook_list(b"[]") == ()


@pytest.mark.parametrize("raw", [b"", b"7", b'"x"', b"<html>"])
def test_an_answer_that_is_no_list_is_refused(raw: bytes) -> None:
    with pytest.raises(MessageError):
        read_webhook_list(raw)
