"""People who have been forgotten stay out: of every file, and of messages that they do not want."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from chatapps.messages import MessageError
from config.sections import SettingsError
from config.settings import Settings
from producer import Item, Producer
from producer.campaigns.load import add_chunks
from producer.files.csv_reader import Position
from producer.files.invalid_rows import InvalidRow
from producer.files.rows import Chunk
from producer.forgotten import LOOK_SECONDS, ForgottenPeople
from store.client import Call, Store
from store.lanes.lane import find_lane
from store.people.forgotten import digest_of, keep_forgotten, note_forgotten
from store.people.suppressions import EVERYWHERE
from store.plans import carry_out
from store.queue.enqueue import Taken
from store.templates import Registry
from tests.conformance import given

SECRET = "a secret of which Redis knows nothing"
ANN, BOB = "447700900001", "447700900002"
NO_TEMPLATES: Registry = {}


@pytest.fixture
def keyed(settings: Settings) -> Settings:
    return settings.model_copy(update={"secret": SecretStr(SECRET)})


def forget(store: Store, who: str = ANN, suppression: str = "", scope: str = EVERYWHERE) -> None:
    secret = SECRET.encode()
    digest = digest_of(who, secret)
    store.run(keep_forgotten(digest, EVERYWHERE, ""))
    store.run(keep_forgotten(digest, scope, suppression))
    store.run(note_forgotten(secret))


def text(who: str) -> dict[str, Any]:
    return {"user": {"msisdn": f"+{who}"}, "type": "text", "content": {"text": "Hello"}}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def loaded(store: Store, settings: Settings, *lines: bytes) -> tuple[list[int], list[InvalidRow]]:
    """Load a file of these rows; indexes that it got, and what was left out."""
    lane, invalid_rows = given.campaign(store), list[InvalidRow]()
    chunk = Chunk(list(lines), [], Position(90, len(lines), len(lines)))
    people = ForgottenPeople(settings)
    for _ in add_chunks(store, find_lane(store, lane), [chunk], invalid_rows.extend, people=people):
        pass
    assert find_lane(store, lane).invalid_rows == len(invalid_rows)
    return list(range(find_lane(store, lane).next_index)), invalid_rows


def test_a_row_of_a_forgotten_person_is_left_out_and_told_without_the_number(
    store: Store, keyed: Settings
) -> None:
    forget(store)
    indexes, invalid_rows = loaded(store, keyed, b"447700900001\tAnn", b"447700900002\tBob")
    assert indexes == [0]
    (reject,) = invalid_rows
    assert (reject.line, reject.number) == (2, None)
    assert "has been forgotten" in reject.reason


def test_nobody_is_left_out_while_nobody_is_forgotten(store: Store, settings: Settings) -> None:
    indexes, invalid_rows = loaded(store, settings, b"447700900001\tAnn", b"447700900002\tBob")
    assert (indexes, invalid_rows) == ([0, 1], [])


def test_people_are_known_in_every_spelling(store: Store, keyed: Settings) -> None:
    forget(store)
    people = ForgottenPeople(keyed)
    carry_out(store, people.look())
    lines = [b"GB:07700900001\t", b"4407700900001\t", b"447700900001", b"447700900002"]
    assert people.left_out(lines) == {0, 1, 2}


def test_a_message_that_a_suppression_forbids_is_refused_and_not_stored(
    store: Store, keyed: Settings
) -> None:
    forget(store, suppression="1000r", scope="Shop")
    producer = Producer(store, keyed, lambda: None)
    with pytest.raises(MessageError, match="has been forgotten") as refused:
        producer.enqueue(text(ANN), sub_account="Shop")
    assert ANN not in str(refused.value)
    assert store.client.keys("sm:lanes") == []


def test_a_message_that_no_suppression_forbids_goes_out(store: Store, keyed: Settings) -> None:
    forget(store, suppression="1000rm", scope="Shop")
    producer = Producer(store, keyed, lambda: None)
    assert producer.enqueue(text(ANN), sub_account="Shop").taken is Taken.NEW


def test_the_others_of_a_batch_are_stored_in_their_order(store: Store, keyed: Settings) -> None:
    forget(store, suppression="1000o")
    producer = Producer(store, keyed, lambda: None)
    items = [Item(text(who)) for who in (BOB, ANN, "447700900003")]
    answers = producer.enqueue_many(items, sub_account="Shop")
    assert [answer.taken for answer in answers] == [Taken.NEW, Taken.FORGOTTEN, Taken.NEW]
    assert [answer.id.rpartition(".")[2] for answer in answers] == ["0", "", "1"]


def test_who_is_forgotten_is_noticed_within_seconds_and_looked_for_no_more_often(
    store: Store, keyed: Settings
) -> None:
    clock = Clock()
    people = ForgottenPeople(keyed, clock)
    asked: list[Call[Any]] = []
    run = store.run
    store.run = lambda call: asked.append(call) or run(call)  # type: ignore[method-assign,func-returns-value]
    assert not carry_out(store, people.look())
    assert not carry_out(store, people.look())
    assert len(asked) == 1
    forget(store)
    asked.clear()
    clock.now += LOOK_SECONDS
    assert carry_out(store, people.look())
    many = len(asked)
    clock.now += LOOK_SECONDS
    assert carry_out(store, people.look())
    assert len(asked) == many + 1  # nobody else has been forgotten since


@pytest.mark.parametrize(
    ("secret", "said"),
    [(None, "set SENDMANY_SECRET"), ("another secret than that one", "by another secret")],
)
def test_without_the_secret_nothing_is_loaded_or_taken(
    store: Store, settings: Settings, secret: str | None, said: str
) -> None:
    forget(store)
    update = {"secret": SecretStr(secret) if secret else None}
    other = settings.model_copy(update=update)
    with pytest.raises(SettingsError, match=said):
        loaded(store, other, b"447700900001\tAnn")
    with pytest.raises(SettingsError, match=said):
        Producer(store, other, lambda: None).enqueue(text(ANN), sub_account="Shop")


def test_a_secret_lies_in_a_file(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("sixteen letters or more\nand no second line\n")
    keyed = settings.model_copy(update={"secret_file": file})
    assert keyed.secret_key() == b"sixteen letters or more"
    file = tmp_path / "short"
    file.write_text("short\n")
    with pytest.raises(SettingsError, match="shorter than 16 bytes"):
        settings.model_copy(update={"secret_file": file}).secret_key()
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        settings.model_copy(update={"secret_file": tmp_path / "none"}).secret_key()
