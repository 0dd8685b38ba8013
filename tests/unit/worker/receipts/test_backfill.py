"""Which rows of the provider's log are evidence about a message, and the receipts made of them."""

from dataclasses import replace

import pytest

from chatapps.management import LogRow
from chatapps.webhooks import Receipt, read_webhook
from store.records.outcome import Origin, Outcome
from store.states import State
from worker.receipts.backfill import _contradicts, _receipt

UMID, OTHER = "5c1a7a4c-0000-4000-8000-000000000001", "5c1a7a4c-0000-4000-8000-000000000002"
RECORD = Outcome(7, State.ACCEPTED, 1, Origin.NONE, 0, 1, 1, "5511987654321", UMID)
ROW = LogRow("spring.7.1", UMID, "Read", "", "", "2027-03-01T09:05:00Z", "WhatsApp", "+551187xxxx")


def test_a_masked_number_and_the_same_id_are_no_contradiction() -> None:
    assert not _contradicts(RECORD, 1, ROW)
    assert not _contradicts(RECORD, 1, ROW._replace(umid=UMID.upper(), number=""))


@pytest.mark.parametrize("row", [ROW._replace(umid=OTHER), ROW._replace(number="+4477xxxx")])
def test_another_id_of_the_attempt_or_another_country_is_a_contradiction(row: LogRow) -> None:
    assert _contradicts(RECORD, 1, row)


def test_the_id_of_another_attempt_and_an_unknown_id_or_number_are_no_contradiction() -> None:
    assert not _contradicts(RECORD, 2, ROW._replace(umid=OTHER))
    unknown = replace(RECORD, umid=None, number="")
    assert not _contradicts(unknown, 1, ROW._replace(number="+4477xxxx"))


def test_the_receipt_names_the_person_of_the_message_so_that_an_opt_out_counts() -> None:
    row = ROW._replace(status="undelivered", detail="rejected_by_operator", code="1051")
    found = read_webhook(_receipt("shop", row, RECORD))
    assert isinstance(found, Receipt)
    assert (found.client_message_id, found.sub_account, found.umid) == ("spring.7.1", "shop", UMID)
    assert (found.code, found.person.msisdn) == (1051, RECORD.number)


def test_a_number_that_is_not_masked_is_left_to_the_applier_to_compare() -> None:
    found = read_webhook(_receipt("shop", ROW._replace(number="+447700900123", at="soon"), RECORD))
    assert isinstance(found, Receipt)
    assert (found.person.msisdn, found.timestamp) == ("447700900123", None)
