"""`DELETE /v1/messages/{message}` and `sendmany message cancel`."""

import json

import pytest
from typer.testing import CliRunner

from config.settings import Settings
from producer.errors import InputError
from sendmany.api.status import status_router
from sendmany.cli.application import app
from store.access.tokens import Scope
from store.client import AsyncStore, Store
from store.queue.enqueue import enqueue_messages
from store.states import State
from tests.conformance import given
from tests.unit.web_client import web_client


@pytest.fixture
def lane(store: Store) -> str:
    lane = given.notifications(store)
    store.run(enqueue_messages(lane, [given.message("one", "key-1"), given.message("two")]))
    return lane


async def test_a_message_that_waits_is_cancelled(
    loop_store: AsyncStore, settings: Settings, store: Store, lane: str
) -> None:
    async with web_client(
        lambda needs: [status_router(loop_store, settings, needs)], Scope.ENQUEUE
    ) as caller:
        answer = await caller.http.delete(f"/v1/messages/{lane}.0")
        assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
        again = await caller.http.delete(f"/v1/messages/{lane}.0")
        assert again.status_code == 409
        assert "It cannot be cancelled any more: cancelled" in again.text
        assert (await caller.http.delete(f"/v1/messages/{lane}.7")).status_code == 404
    assert given.counts(store, lane) == {State.QUEUED: 1, State.CANCELLED: 1}


async def test_one_that_is_being_sent_is_not(
    loop_store: AsyncStore, settings: Settings, store: Store, lane: str
) -> None:
    given.claim(store, lane)
    async with web_client(
        lambda needs: [status_router(loop_store, settings, needs)], Scope.ENQUEUE
    ) as caller:
        answer = await caller.http.delete(f"/v1/messages/{lane}.0")
    assert answer.status_code == 409
    assert given.counts(store, lane) == {State.IN_FLIGHT: 2}


@pytest.mark.parametrize(
    ("scopes", "status"),
    [((Scope.READ,), 403), ((Scope.ENQUEUE,), 403), ((Scope.ENQUEUE, Scope.MANAGE), 200)],
)
async def test_a_campaigns_message_needs_the_right_to_manage_it(
    loop_store: AsyncStore, settings: Settings, store: Store, scopes: tuple[Scope, ...], status: int
) -> None:
    lane = given.loaded(store, 2)
    async with web_client(
        lambda needs: [status_router(loop_store, settings, needs)], *scopes
    ) as caller:
        answer = await caller.http.delete(f"/v1/messages/{lane}.1")
    assert answer.status_code == status


def test_the_command_cancels_and_says_so(
    store: Store, lane: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sendmany.cli.message.connect", lambda settings: store)
    done = CliRunner().invoke(app, ["message", "cancel", f"{lane}.1", "--json"])
    assert json.loads(done.stdout)["state"] == "cancelled"
    late = CliRunner().invoke(app, ["message", "cancel", f"{lane}.1"])
    assert isinstance(late.exception, InputError)
    assert f"{lane}.1 cannot be cancelled any more: cancelled" in str(late.exception)
