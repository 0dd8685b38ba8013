"""The simplest design: one Celery task per recipient."""

import time
from typing import Any

from bench.site import PATH, Site
from bench.systems.celery_peer import http, new_app, start_celery, store
from bench.systems.outcome_hash import HashedOutcomes, outcome_key, outcome_of
from bench.workload import Work, message, messages, number
from sendmany.local.processes import Child

app = new_app()


@app.task(name="bench.send")
def send(run: str, body: dict[str, Any]) -> None:
    """Send one message, and record its outcome."""
    answer = http().post(PATH, json=body).raise_for_status().json()
    outcome = outcome_of(answer, int(time.time()))
    store().hset(outcome_key(run), answer["clientMessageId"], outcome)


class CeleryEach(HashedOutcomes):
    """Tasks are acknowledged at their start, which is Celery's default."""

    can_probe = True
    can_be_urgent = False

    def start_workers(self, site: Site, processes: int) -> Child:
        return start_celery(__name__, site, processes)

    def enqueue(self, site: Site, work: Work) -> None:
        for body in messages(work):
            send.delay(work.run, body)

    def enqueue_one(self, site: Site, run: str, index: int, *, urgent: bool) -> str:
        send.delay(run, message(run, index, number(index), "Ada"))
        return f"{run}.{index}"


SYSTEM = CeleryEach()
