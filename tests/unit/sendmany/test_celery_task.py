"""The task `sendmany.enqueue`: what it stores, what it refuses, when it tries again."""

from collections.abc import Callable
from typing import Any, TypeVar

import fakeredis
import pytest
from structlog.testing import capture_logs

from config.celery_app import ENQUEUE_QUEUE, ENQUEUE_TASK, RETRY_TASK, celery_settings
from config.sections import SubAccount, Worker
from config.settings import Settings
from producer import Producer
from sendmany import celery_task
from sendmany.celery_task import take
from store.client import Call, Store
from store.errors import StoreFault, StoreFull, StoreUnavailable
from store.lanes.lane import list_lanes, move_lane, read_counts
from store.queue.enqueue import Taken
from store.reports.lane_report import message_report
from store.scripts import load_scripts
from store.states import State
from worker.process.tasks import app

T = TypeVar("T")
OTP = {"user": {"msisdn": "+447700900001"}, "type": "text", "content": {"text": "Code 90441"}}
SETTINGS = Settings(sub_accounts={"Shop": SubAccount()})


class Flaky(Store):
    """Loses answers: what was asked is done, and the caller never learns of it."""

    def __init__(self) -> None:
        super().__init__(fakeredis.FakeRedis(), load_scripts(flags=False))
        self.lost: list[Exception] = []

    def run(self, call: Call[T]) -> T:
        answer = super().run(call)
        if call.script == "enqueue_messages" and self.lost:
            raise self.lost.pop(0)
        return answer


@pytest.fixture
def store() -> Flaky:
    return Flaky()


@pytest.fixture
def taking(store: Flaky) -> Callable[..., Any]:
    producer = Producer(store, SETTINGS, lambda: None)
    return lambda task="t1", **given: take(producer, given, task, sleep=lambda _: None)


def stored(store: Store) -> int:
    return sum(store.run(read_counts(lane.id)).get(State.QUEUED, 0) for lane in list_lanes(store))


def test_a_message_is_stored(taking: Callable[..., Any], store: Flaky) -> None:
    answer = taking(message=OTP, priority="urgent", key="k", expires_at="2099-01-01T00:00:00Z")
    (lane,) = list_lanes(store)
    assert answer.id == f"{lane.id}.0"
    assert lane.priority == "urgent"


def test_a_task_that_runs_twice_stores_its_message_once(
    taking: Callable[..., Any], store: Flaky
) -> None:
    first, again = taking(message=OTP), taking(message=OTP)
    assert (again.id, again.taken) == (first.id, Taken.DUPLICATE)
    assert taking("t2", message=OTP).taken is Taken.NEW
    assert stored(store) == 2


@pytest.mark.parametrize("error", [StoreUnavailable("lost"), StoreFull("full"), StoreFault("no")])
def test_what_passes_is_tried_again_and_doubles_nothing(
    taking: Callable[..., Any], store: Flaky, error: Exception
) -> None:
    store.lost = [error, error]
    assert taking(message=OTP).taken is Taken.DUPLICATE  # by the id of the task
    assert stored(store) == 1


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"message": {**OTP, "content": {}}}, "content.text: is required"),
        ({"message": OTP, "priority": "high"}, "priority"),
        ({"message": OTP, "to": "+447700900001"}, "to: Extra"),
        ({}, "message: Field required"),
        ({"message": OTP, "sub_account": "+447700900001"}, "sub_account: is not configured"),
        ({"message": OTP, "+447700900001": 1}, "*: Extra"),
        ({"message": OTP, "expires_in": 60}, "expires_in"),
        ({"message": OTP, "tag": "+447700900001"}, "tag: 1 to 64"),
        ({"message": OTP, "expires_at": "2020-01-01T00:00:00Z"}, "is over"),
    ],
)
def test_poison_ends_in_a_line_of_the_log(
    taking: Callable[..., Any], store: Flaky, given: dict[str, Any], told: str
) -> None:
    with capture_logs() as lines:
        assert taking(**given) is None
    assert stored(store) == 0
    (line,) = lines
    assert (line["log_level"], line["task"]) == ("error", "t1")
    assert told in line["problems"]
    assert "447700900001" not in str(lines)


def test_a_task_may_name_a_tag(taking: Callable[..., Any], store: Flaky) -> None:
    id = taking(message=OTP, tag="code").id
    assert message_report(store, id).tag == "code"


def test_a_key_of_another_message_is_told(taking: Callable[..., Any]) -> None:
    taking(message=OTP, key="k")
    with capture_logs() as lines:
        assert taking("t2", message={**OTP, "content": {"text": "x"}}, key="k") is None
    assert "was used for another message" in lines[0]["problems"]


def test_a_day_that_was_cancelled_ends_in_a_line_of_the_log(
    taking: Callable[..., Any], store: Flaky
) -> None:
    taking(message=OTP)
    (lane,) = list_lanes(store)
    store.run(move_lane(lane.id, "cancel"))
    with capture_logs() as lines:
        assert taking("t2", message=OTP) is None
    (line,) = lines
    assert (line["log_level"], line["event"]) == ("error", "message_refused")
    assert (line["task"], lane.id in line["problems"]) == ("t2", True)


@pytest.mark.parametrize("priorities", [["urgent", "normal", "bulk"], ["urgent"]])
def test_every_worker_listens(priorities: list[str]) -> None:
    settings = Settings(worker=Worker.model_validate({"priorities": priorities}))
    assert ENQUEUE_QUEUE in [queue.name for queue in celery_settings(settings)["task_queues"]]


def test_the_task_is_registered_and_acknowledged_late() -> None:
    task = app.tasks[ENQUEUE_TASK]
    assert task.acks_late
    assert vars(type(task))["autoretry_for"] == (StoreUnavailable, StoreFull, StoreFault)


def test_the_sweep_has_retries_scheduled_by_a_task(
    store: Flaky, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(celery_task, "load_settings", lambda: SETTINGS)
    monkeypatch.setattr(Store, "connect", lambda *_, **__: store)
    monkeypatch.setattr(celery_task, "retry_later", lambda *given: asked.append(given))
    app.tasks[RETRY_TASK]()
    app.tasks[RETRY_TASK]()
    assert [given[:2] for given in asked] == [(store, SETTINGS)] * 2
    assert asked[0][3] is asked[1][3]  # what cannot be sent again is remembered


def test_a_store_that_is_away_fails_no_task(store: Flaky, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(celery_task, "load_settings", lambda: SETTINGS)
    monkeypatch.setattr(Store, "connect", lambda *_, **__: store)
    monkeypatch.setattr(celery_task, "retry_later", away)
    with capture_logs() as lines:
        app.tasks[RETRY_TASK]()
    assert lines[0]["event"] == "retries_not_scheduled"


def test_a_purpose_is_stored_with_the_message_and_a_false_one_is_refused(
    taking: Callable[..., Any], store: Flaky
) -> None:
    assert taking(message=OTP, purpose="marketing") is not None
    with capture_logs() as logs:
        assert taking("t2", message=OTP, purpose="authentication") is None
        assert taking("t3", message=OTP, purpose="promotion") is None
    assert "registered as AUTHENTICATION" in logs[0]["problems"]
    assert "purpose" in logs[1]["problems"]
    assert stored(store) == 1
