"""One message: from the input of a person to its final state."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from chatapps.messages import read_message
from config.sections import SubAccount
from config.settings import Settings
from dashboard.message import as_json, explain, message_status_of, waits_until
from producer import Producer
from producer.errors import InputError
from sendmany.cli.application import app
from sendmany.cli.recipients import message_for, recipient_of, wait_for_end
from store.client import Store
from store.errors import UnknownLane
from store.states import State

NUMBER = "+447700900123"


def enqueue(store: Store, recipient: str = NUMBER, key: str | None = None) -> str:
    settings = Settings(sub_accounts={"Shop": SubAccount()})
    body = message_for(recipient_of(recipient, None), "Hello", None)
    return Producer(store, settings, send_wake_up=lambda: None).enqueue(body, key=key).id


def test_a_text_becomes_a_message_that_the_provider_takes() -> None:
    message = read_message(message_for("447700900123", "Hello", None))
    assert message.user.msisdn == NUMBER


def test_a_user_of_a_channel_is_addressed_by_id() -> None:
    user = recipient_of("GB.1349120865530274", None)
    assert message_for(user, "Hello", None)["user"] == {"channelUserId": "GB.1349120865530274"}


def test_a_file_is_a_message_without_a_user(tmp_path: Path) -> None:
    file = tmp_path / "message.json"
    file.write_text(json.dumps({"type": "text", "content": {"text": "Hi"}}))
    assert message_for("447700900123", None, file)["type"] == "text"


@pytest.mark.parametrize("text", [None, "both"])
def test_one_of_text_and_file_must_be_given(text: str | None, tmp_path: Path) -> None:
    file = tmp_path / "message.json" if text else None
    with pytest.raises(InputError, match="either --text or --message"):
        message_for("447700900123", text, file)


def test_a_national_number_needs_its_region() -> None:
    assert recipient_of("07700 900123", "GB") == "447700900123"
    with pytest.raises(InputError, match="no phone number") as refused:
        recipient_of("07700 900123", None)
    assert "900123" not in str(refused.value)


def test_a_scheduled_message_says_what_it_waits_for(store: Store) -> None:
    settings = Settings(sub_accounts={"Shop": SubAccount()})
    body = message_for(recipient_of(NUMBER, None), "Hello", None)
    producer = Producer(store, settings, send_wake_up=lambda: None)
    starts = [datetime.now(UTC) + timedelta(days=days) for days in (1, 2)]
    first, second = [producer.enqueue(body, send_at=start).id for start in starts]
    status = message_status_of(store, second)
    assert (status.state, status.attempts) == (State.DELAYED, 0)
    assert status.scheduled is not None
    assert 0 <= status.scheduled.at / 1000 - starts[1].timestamp() < 2
    assert waits_until(status) == status.scheduled.at
    assert f"scheduled for {starts[0]:%Y-%m-%d}" in explain(message_status_of(store, first))[1]
    assert "waits for the time" in explain(status)[1]


def test_a_message_that_waits_says_so(store: Store) -> None:
    status = message_status_of(store, enqueue(store))
    assert (status.state, status.recipient, status.attempts) == (State.QUEUED, NUMBER, 0)
    assert explain(status)[1].startswith("queued: waits for its turn")
    assert as_json(status)["state"] == "queued"


def test_a_user_id_is_shown_as_it_is(store: Store) -> None:
    assert (
        message_status_of(store, enqueue(store, "GB.1349120865530274")).recipient
        == "GB.1349120865530274"
    )


def test_a_message_that_is_not_there_is_told(store: Store) -> None:
    with pytest.raises(UnknownLane):
        message_status_of(store, "spring-1.0")


def test_waiting_for_an_outcome_ends_with_the_patience(store: Store) -> None:
    seconds = iter(range(100))
    slept: list[float] = []
    ended = wait_for_end(
        store, enqueue(store), 3, clock=lambda: float(next(seconds)), sleep=slept.append
    )
    assert not ended
    assert len(slept) == 3


def shown(store: Store, monkeypatch: pytest.MonkeyPatch, *words: str) -> Result:
    settings = Settings(sub_accounts={"Shop": SubAccount()})
    monkeypatch.setattr("sendmany.cli.message.connect", lambda _: store)
    monkeypatch.setattr("sendmany.cli.message.load_settings", lambda: settings)
    return CliRunner().invoke(app, ["message", "show", *words])


def test_several_messages_are_shown_by_id_and_key_and_unknown_ones_fail(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = enqueue(store), enqueue(store, key="order-7")
    both = shown(store, monkeypatch, first, "--key", "order-7", "--json")
    told = json.loads(both.stdout)
    assert both.exit_code == 0
    assert [one["id"] for one in told["items"]] == [first, second]
    assert (told["keys"], told["unknown"], told["unknown_keys"]) == ({"order-7": second}, [], [])
    gone = shown(store, monkeypatch, first, "spring-1.0", "--key", "order-8")
    assert gone.exit_code == 1
    assert "queued" in gone.stdout
    assert "There is no message spring-1.0." in gone.stderr
    assert "There is no message key order-8." in gone.stderr


def test_one_message_is_shown_by_its_key_as_by_its_id(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = enqueue(store, key="order-7")
    by_key = shown(store, monkeypatch, "--key", "order-7", "--json")
    assert json.loads(by_key.stdout)["id"] == id
    assert by_key.stdout == shown(store, monkeypatch, id, "--json").stdout


@pytest.mark.parametrize("words", [(), ("a-1.0", "--to", NUMBER), ("--to", NUMBER)])
def test_a_message_is_named_in_one_way(
    store: Store, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    refused = shown(store, monkeypatch, *words)
    assert isinstance(refused.exception, InputError)
    assert "by id or --key, or one by --to and --campaign" in str(refused.exception)
