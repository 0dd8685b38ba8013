"""The short way of receipts of the usual form comes to what the long way comes to."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from config.sections import SubAccount
from config.settings import Settings
from store.receipts.inbox import Entry
from worker.receipts import inbox
from worker.receipts.inbox import Sorted, sort_entries
from worker.receipts.opt_outs import personal_codes

SETTINGS: Final = Settings(sub_accounts={"shop": SubAccount()})
BODIES: Final = Path(__file__).parents[2] / "chatapps/webhooks/bodies"
FILES: Final = sorted(BODIES.glob("receipt-*.json"))
CHANGES: Final[list[dict[str, Any]]] = [
    {},
    {"user": None},
    {"user": {"channelUserId": "447700900417"}},
    {"user": {"msisdn": "+44 (7700) 900417"}},
    {"user": {"msisdn": "+447700900417", "name": "Ann"}},
    {"user": {"lineUserId": "U1"}},
    {"subAccountId": ""},
    {"umid": "no UUID"},
    {"umid": ""},
    {"clientMessageId": None},
    {"clientMessageId": "spring.0000000041.1"},
    {"clientMessageId": "somebody-elses"},
    {"clientMessageId": "spring.41.1\x07"},
    {"status": {"state": " Delivered ", "detail": "DELIVERED_TO_RECIPIENT ", "timestamp": "x"}},
    {"status": {"state": "Read", "timestamp": "2027-05-04T08:00:00+02:00", "detail": ""}},
    {"status": {"state": "read", "timestamp": "2999-05-04T08:00:00Z"}},
    {"status": {"state": "read", "timestamp": "0001-01-01T00:00:00Z"}},
    {"status": {"state": "ok", "timestamp": "2026-05-04T08:00:00Z"}},
    {"status": {"state": "failed", "timestamp": "2026-05-04T08:00:00Z"}},
    {"status": {"state": "failed", "timestamp": "2026-05-04T08:00:00Z", "errorCode": 2007}},
    {"status": {"state": "failed", "timestamp": "2026-05-04T08:00:00Z", "errorCode": "31"}},
    {"whatsapp": {"pricingCategory": " Marketing "}},
    {"whatsapp": {"pricingCategory": "new"}},
    {"outboundContent": None},
    {"outboundContent": {"body": {"text": "caf\u00e9 \n"}, "new": [1]}},
    {"new": 1},
]


@pytest.mark.parametrize("change", CHANGES, ids=[json.dumps(one)[:60] for one in CHANGES])
@pytest.mark.parametrize("version", [None, 8, 9])
def test_both_ways_come_to_the_same(
    change: dict[str, Any], version: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies = []
    for path in FILES:
        body = json.loads(path.read_bytes())
        body.get("payload", body).update({"clientMessageId": "spring.41.1", **change})
        body["version"] = version
        bodies.append(json.dumps(body).encode())
    entries = [Entry("1900000000000-0", body) for body in bodies]
    short = sort_entries(entries, SETTINGS)
    monkeypatch.setattr(inbox, "_note_status", lambda *_: False)
    assert told(short) == told(sort_entries(entries, SETTINGS))


def test_the_usual_form_goes_the_short_way() -> None:
    bodies = [path.read_bytes() for path in FILES]
    sorted_ = sort_entries([Entry("1900000000000-0", body) for body in bodies], SETTINGS)
    receipts = [proof[2] for proofs in sorted_.updates.values() for proof in proofs]
    assert receipts.count(None) > len(receipts) / 2


def told(sorted_: Sorted) -> object:
    updates = {
        key: sorted((index, record, entry.body) for index, record, _, entry in proofs)
        for key, proofs in sorted_.updates.items()
    }
    refusals = sorted(
        receipt.umid
        for proofs in sorted_.updates.values()
        for _, _, receipt, _ in proofs
        if receipt is not None and receipt.code in personal_codes(SETTINGS)
    )
    return updates, refusals, sorted_.unnamed, sorted_.aside, sorted_.figures
