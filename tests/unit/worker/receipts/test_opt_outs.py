"""Opt-outs and opt-ins from replies."""

from typing import Any

import pytest
from pydantic import SecretStr

from chatapps.opt_out_words import OptOut
from chatapps.webhooks import Channel, Person, Receipt, Reply, Tap
from config.sections import OptOuts, SubAccount
from config.settings import Settings
from store.people.suppressions import EVERYTHING, MARKETING, Purposes, Why
from store.receipts.inbox import Entry
from worker.receipts.opt_outs import (
    ConsentChanges,
    Stop,
    consent_change_of,
    note_refusal,
    note_reply,
)

CAME = 1_750_000_000_000  # ms
ANN = Person("447700900001", None)
STOP = Stop("shop", "shop", Why.REPLY, MARKETING)


def settings(**opt_outs: Any) -> Settings:
    account = SubAccount(api_key=SecretStr("key"), channel_id="channel-1")
    return Settings(sub_accounts={"shop": account}, opt_outs=OptOuts(**opt_outs))


def reply(text: str | None = "Hello", **changes: Any) -> Reply:
    fields = {"umid": "u", "channel": Channel.WHATSAPP, "sub_account": "shop", "person": ANN}
    return Reply(**{**fields, "text": text, **changes})


def noted(*replies: Reply, **opt_outs: Any) -> ConsentChanges:
    changes = ConsentChanges()
    for one in replies:
        note_reply(changes, one, Entry(f"{CAME}-0", b""), settings(**opt_outs))
    return changes


def test_a_reply_opens_the_window_since_it_was_written() -> None:
    changes = noted(reply(timestamp=CAME - 500))
    assert changes.windows == {"shop": [("447700900001", CAME - 500)]}
    assert (changes.stops, changes.starts) == ({}, {})
    assert changes.figures == {"replies": 1}


def test_nobody_writes_after_it_was_stored() -> None:
    assert noted(reply(timestamp=CAME + 9999)).windows == {"shop": [("447700900001", CAME)]}
    assert noted(reply()).windows == {"shop": [("447700900001", CAME)]}


def test_a_person_is_known_by_number_and_by_id() -> None:
    both = Person("447700900001", "GB.1349120865530274")
    (people,) = noted(reply("STOP", person=both)).stops.values()
    assert [who for who, _ in people] == ["447700900001", "GB.1349120865530274"]


def test_a_reply_on_another_channel_opens_no_window_and_can_still_say_stop() -> None:
    changes = noted(reply("Stop!", channel=Channel.VIBER))
    assert changes.windows == {}
    assert changes.stops == {STOP: [("447700900001", CAME)]}
    assert changes.figures == {"replies": 1, "opt_outs": 1}


def test_the_sub_account_is_found_by_the_channel_where_the_reply_does_not_say_it() -> None:
    assert noted(reply(sub_account=None, channel_id="channel-1")).windows.keys() == {"shop"}
    assert noted(reply(sub_account=None, channel_id="channel-2")).windows == {}


def test_a_stop_to_nobody_knows_whom_counts_for_all() -> None:
    assert noted(reply("STOP", sub_account=None)).stops.keys() == {Stop("*", None, *STOP[2:])}


def test_the_settings_may_make_a_stop_count_for_all() -> None:
    assert noted(reply("STOP"), scope="global").stops.keys() == {STOP._replace(scope="*")}


@pytest.mark.parametrize(("code", "purposes"), [(1051, MARKETING), (2007, EVERYTHING)])
def test_a_receipt_stops_marketing_or_everything_by_its_code(code: int, purposes: Purposes) -> None:
    receipt = Receipt(umid="u", state="undelivered", code=code, sub_account="shop", person=ANN)
    changes = ConsentChanges()
    note_refusal(changes, receipt, Entry(f"{CAME}-0", b""), settings(), "shop")
    assert changes.stops == {Stop("shop", "shop", Why.RECEIPT, purposes): [("447700900001", CAME)]}
    assert changes.figures == {"opt_outs": 1}


def test_start_takes_it_back() -> None:
    changes = noted(reply("start"))
    assert changes.starts == {"shop": [("447700900001", CAME)]}
    assert changes.figures == {"replies": 1, "opt_ins": 1}


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (reply("Désabonner"), OptOut.YES),
        (reply("please don't stop"), None),
        (reply(None), None),
        (reply(None, tap=Tap(title="Stop")), OptOut.YES),
        (reply("Yes", tap=Tap(payload="UNSUBSCRIBE")), OptOut.YES),
        (reply(None, tap=Tap(id="stop")), OptOut.YES),
        (reply(None, tap=Tap(title="Start")), OptOut.NO),
    ],
)
def test_what_is_typed_and_what_is_tapped_counts(said: Reply, meant: OptOut | None) -> None:
    assert consent_change_of(said, OptOuts()) is meant


def test_the_words_can_be_chosen() -> None:
    words = OptOuts(words=["raus"], start_words=[])
    assert consent_change_of(reply("Raus."), words) is OptOut.YES
    assert consent_change_of(reply("STOP"), words) is None
    assert consent_change_of(reply("START"), words) is None
