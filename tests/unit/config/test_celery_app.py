"""Which worker listens to which queue."""

import pytest
from pydantic import ValidationError

from config.celery_app import QUEUE, celery_settings, own_queue
from config.priorities import served_by
from config.sections import Worker
from config.settings import Settings


@pytest.mark.parametrize(
    ("priorities", "queue"),
    [
        (["bulk", "normal", "urgent"], "sendmany"),
        (["urgent"], "sendmany.urgent"),
        (["bulk", "normal"], "sendmany.normal-bulk"),
    ],
)
def test_a_dedicated_worker_has_a_queue_of_its_own(priorities: list[str], queue: str) -> None:
    settings = Settings(worker=Worker.model_validate({"priorities": priorities}))
    assert celery_settings(settings)["task_default_queue"] == own_queue(settings) == queue


def test_who_serves_everything_has_no_name() -> None:
    assert served_by(["urgent", "normal", "bulk"]) == ""
    assert own_queue(Settings()) == QUEUE


def test_a_worker_that_serves_nothing_is_a_mistake() -> None:
    with pytest.raises(ValidationError):
        Worker(priorities=[])
