"""What replies mean for the people who wrote them."""

from typing import Any

import pytest
from pydantic import SecretStr

from chatapps.opt_out_words import OptOut
from chatapps.webhooks import Channel, Person, Receipt, Reply, Tap
from config.opt_outs import OptOuts
from config.sections import SubAccount
from config.settings import Settings
from store.people.suppressions import EVERYTHING, MARKETING, Purposes, Why
from store.receipts.inbox import Entry
from worker.receipts.opt_outs import Stop, Wishes, note_refusal, note_reply, wish_of

CAME = 1_750_000_000_000  # ms
ANN = Person("447700900001", None)
STOP = Stop("shop", "shop", Why.REPLY, MARKETING)


def settings(**opt_outs: Any) -> Settings:
    account = SubAccount(api_key=SecretStr("key"), channel_id="channel-1")
    return Settings(sub_accounts={"shop": account}, opt_outs=OptOuts(**opt_outs))


def reply(text: str | None = "Hello", **changes: Any) -> Reply:
    fields = {"umid": "u", "channel": Channel.WHATSAPP, "sub_account": "shop", "person": ANN}
    return Reply(**{**fields, "text": text, **changes})


def noted(*replies: Reply, **opt_outs: Any) -> Wishes:
    wishes = Wishes()
    for one in replies:
        note_reply(wishes, one, Entry(f"{CAME}-0", b""), settings(**opt_outs))
    return wishes


def test_a_reply_opens_the_window_since_it_was_written() -> None:
    wishes = noted(reply(timestamp=CAME - 500))
    assert wishes.windows == {"shop": [("447700900001", CAME - 500)]}
    assert (wishes.stops, wishes.starts) == ({}, {})
    assert wishes.figures == {"replies": 1}


def test_nobody_writes_after_it_was_stored() -> None:
    assert noted(reply(timestamp=CAME + 9999)).windows == {"shop": [("447700900001", CAME)]}
    assert noted(reply()).windows == {"shop": [("447700900001", CAME)]}


def test_a_person_is_known_by_number_and_by_id() -> None:
    both = Person("447700900001", "GB.1349120865530274")
    (people,) = noted(reply("STOP", person=both)).stops.values()
    assert [who for who, _ in people] == ["447700900001", "GB.1349120865530274"]


def test_a_reply_on_another_channel_opens_no_window_and_can_still_say_stop() -> None:
    wishes = noted(reply("Stop!", channel=Channel.VIBER))
    assert wishes.windows == {}
    assert wishes.stops == {STOP: [("447700900001", CAME)]}
    assert wishes.figures == {"replies": 1, "opt_outs": 1}


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
    wishes = Wishes()
    note_refusal(wishes, receipt, Entry(f"{CAME}-0", b""), settings())
    assert wishes.stops == {Stop("shop", "shop", Why.RECEIPT, purposes): [("447700900001", CAME)]}
    assert wishes.figures == {"opt_outs": 1}


def test_start_takes_it_back() -> None:
    wishes = noted(reply("start"))
    assert wishes.starts == {"shop": [("447700900001", CAME)]}
    assert wishes.figures == {"replies": 1, "opt_ins": 1}


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
    assert wish_of(said, OptOuts()) is meant


def test_the_words_can_be_chosen() -> None:
    words = OptOuts(words=["raus"], start_words=[])
    assert wish_of(reply("Raus."), words) is OptOut.YES
    assert wish_of(reply("STOP"), words) is None
    assert wish_of(reply("START"), words) is None
