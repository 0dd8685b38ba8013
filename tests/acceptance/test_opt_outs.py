"""A STOP in the middle of a campaign, from the provider's POST to the reason that people are told."""

import json
from pathlib import Path
from typing import Any

import httpx

from store.client import Store
from store.receipts.inbox import read_inbox_figures
from tests.acceptance.command import running, sendmany, until

SECRET = "Bearer winter-7"
PEOPLE = 150
SLOWLY = json.dumps({"sandbox": {"messages_per_second": 20, "burst": 4}})
TEMPLATE = {"type": "template", "content": {"template": {"name": "sale", "language": "en"}}}


def stop_from(number: str) -> dict[str, Any]:
    """The webhook of a STOP of this person."""
    return {
        "namespace": "ChatApps",
        "eventType": "inbound_message_received",
        "version": 3,
        "payload": {
            "umid": "5c1a7a4c-0000-4000-9000-000000000001",
            "subAccountId": "sandbox",
            "timestamp": "2026-01-05T10:00:00Z",
            "user": {"msisdn": f"+{number}"},
            "recipient": {"channel": "whatsapp", "channelId": "channel-1"},
            "type": "Text",
            "content": {"text": "Stop."},
        },
    }


def test_a_stop_in_the_middle_of_a_campaign_counts(tmp_path: Path) -> None:
    numbers = [f"4477009{i:05}" for i in range(PEOPLE)]
    (tmp_path / "people.csv").write_text("\n".join(["phone", *(f"+{n}" for n in numbers)]))
    (tmp_path / "sale.json").write_text(json.dumps(TEMPLATE))
    settings = {"webhooks__authorization": json.dumps([SECRET]), "web__port": "0"}
    settings["sub_accounts"] = SLOWLY
    with running(tmp_path, "up", "--sandbox", "--workers", "1", **settings) as up:
        until(up, lambda: "It is up" in (tmp_path / "out").read_text())
        note = json.loads((tmp_path / ".sendmany/up.json").read_text())
        store = Store.connect(note["settings"]["redis_url"])
        files = ("--recipients", "people.csv", "--message", "sale.json", "--offline")
        launched = sendmany(tmp_path, "campaign", "launch", "Sale", *files, **settings)
        assert launched.code == 0, launched.err
        with httpx.Client(trust_env=False, headers={"Authorization": SECRET}) as http:
            told = http.post(note["receiver_url"], json=stop_from(numbers[-1]))
            assert told.status_code == 200
        until(up, lambda: store.run(read_inbox_figures()).opt_outs == 1)

        def shown() -> dict[str, Any]:
            ran = sendmany(tmp_path, "campaign", "show", "Sale", "--json", **settings)
            found: dict[str, Any] = json.loads(ran.out)
            return found

        until(up, lambda: shown()["status"] == "finished")
        found = shown()
        assert found["codes"]["skipped:local:8"] == 1
        assert (found["funnel"]["sent"]["messages"], found["balanced"]) == (PEOPLE - 1, True)
        asked = ("message", "show", "--to", f"+{numbers[-1]}", "--campaign", "Sale")
        assert "does not want messages" in sendmany(tmp_path, *asked, **settings).out
        checked = sendmany(tmp_path, "suppress", "check", f"+{numbers[-1]}", **settings)
        assert (checked.code, "for marketing" in checked.out, "(reply)" in checked.out) == (
            1,
            True,
            True,
        )
        store.close()
