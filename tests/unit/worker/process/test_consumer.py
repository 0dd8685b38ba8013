"""The consumer outlives its broker, however badly kombu closes what is left of the connection."""

from types import SimpleNamespace
from typing import Any

import pytest
from celery.worker.consumer import Consumer
from structlog.testing import capture_logs

from config.celery_app import create_app
from config.settings import Settings
from worker.process.consumer import SteadyConsumer


def test_workers_use_the_steady_consumer() -> None:
    assert create_app(Settings()).conf.worker_consumer == "worker.process.consumer:SteadyConsumer"


def test_a_task_that_cannot_be_acknowledged_any_more_is_no_reason_to_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def connected(self: Any) -> None:
        self.connection_errors = (ConnectionError,)

    monkeypatch.setattr(Consumer, "__init__", connected)
    consumer: Any = SteadyConsumer()
    assert consumer.connection_errors == (ConnectionError, AttributeError)


def test_a_first_start_counts_as_a_restart() -> None:
    """The first start makes 0 of Celery's -1, and with 0 a dead child ends the worker."""
    assert Consumer.restart_count == -1
    assert SteadyConsumer.restart_count == 0


def test_a_connection_that_cannot_be_closed_does_not_end_the_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def close_badly(_: Any, exc: Exception) -> None:
        raise AttributeError("'NoneType' object has no attribute 'hostname'") from exc

    monkeypatch.setattr(Consumer, "on_connection_error_after_connected", close_badly)
    lost: Any = SteadyConsumer.__new__(SteadyConsumer)
    with capture_logs() as logs:
        lost.on_connection_error_after_connected(ConnectionError("gone"))
    assert logs[0]["log_level"] == "warning"


def test_a_connection_that_closes_well_is_cleaned_up_as_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cleaned = SimpleNamespace(after=None)
    monkeypatch.setattr(
        Consumer,
        "on_connection_error_after_connected",
        lambda _, exc: setattr(cleaned, "after", exc),
    )
    error = ConnectionError("gone")
    consumer: Any = SteadyConsumer.__new__(SteadyConsumer)
    consumer.on_connection_error_after_connected(error)
    assert cleaned.after is error


class Pool:
    """A pool of Celery's, of two children; maintaining it replaces the dead."""

    def __init__(self, *, first_is_dead_letter: bool) -> None:
        self.first_is_dead_letter = first_is_dead_letter
        self.children = [SimpleNamespace(_sentinel_poll=None), SimpleNamespace(_sentinel_poll=7)]
        self._pool = SimpleNamespace(_pool=self.children)

    def maintain_pool(self) -> None:
        if self.first_is_dead_letter:
            self.children[0] = SimpleNamespace()


@pytest.mark.parametrize("first_is_dead_letter", [True, False])
def test_a_child_that_died_while_the_broker_went_away_does_not_end_the_worker(
    monkeypatch: pytest.MonkeyPatch, first_is_dead_letter: bool
) -> None:
    """Celery watches each child by this number when a loop begins, and ends if one has None."""
    monkeypatch.setattr(Consumer, "loop_args", lambda _: ("hub",))
    consumer: Any = SteadyConsumer.__new__(SteadyConsumer)
    consumer.pool = Pool(first_is_dead_letter=first_is_dead_letter)
    assert consumer.loop_args() == ("hub",)
    assert not any(getattr(child, "_sentinel_poll", 0) is None for child in consumer.pool.children)
    assert consumer.pool.children[1]._sentinel_poll == 7


def test_a_pool_without_children_needs_no_care(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Consumer, "loop_args", lambda _: ("hub",))
    consumer: Any = SteadyConsumer.__new__(SteadyConsumer)
    consumer.pool = SimpleNamespace()
    assert consumer.loop_args() == ("hub",)


NUMBER = "447700900123"


def message_of(body: bytes, **headers: Any) -> Any:
    """A message of the broker that nothing takes."""
    return SimpleNamespace(
        body=body, headers=headers, content_type="application/json", content_encoding="utf-8",
        delivery_info={}, properties={}, payload={"id": "1", "task": NUMBER},
        ack=lambda: None, reject_log_error=lambda *_: None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("take", "told"),
    [
        (lambda it, odd: it.on_unknown_message(odd.body, odd), "no task that can be read"),
        (lambda it, odd: it.on_unknown_task(None, odd, KeyError("shop.send")), "no task shop.send"),
        (lambda it, odd: it.on_unknown_task(None, odd, KeyError(NUMBER)), "no task that can"),
        (lambda it, odd: it.on_invalid_task(odd.body, odd, ValueError(NUMBER)), "no task that can"),
        (lambda it, odd: it.on_decode_error(odd, ValueError(NUMBER)), "no task that can be read"),
    ],
)
def test_an_odd_message_is_told_without_its_contents(
    take: Any, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    consumer: Any = SteadyConsumer.__new__(SteadyConsumer)
    consumer.app = SimpleNamespace(backend=SimpleNamespace(mark_as_failure=lambda *_, **__: None))
    consumer.event_dispatcher, consumer.connection_errors = None, ()
    odd = message_of(f'{{"msisdn": "+{NUMBER}", "text": "secret"}}'.encode(), id="1", task=NUMBER)
    odd.headers["kwargsrepr"] = f"{{'msisdn': '+{NUMBER}'}}"
    try:
        raise ValueError(NUMBER)
    except ValueError:
        take(consumer, odd)
    logged = caplog.text
    assert told in logged
    assert NUMBER not in logged
    assert "secret" not in logged
