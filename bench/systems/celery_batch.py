"""Celery with celery-batches: one task per recipient; a worker collects batches of 1,000."""

import time

from celery_batches import Batches, SimpleRequest

from bench.site import PATH, Site
from bench.systems.celery_peer import http, new_app, start_celery, store
from bench.systems.outcome_hash import HashedOutcomes, outcome_key, outcome_of
from bench.workload import Work, message, messages, number
from sendmany.local.processes import Child

BATCH = 1000

app = new_app()
app.conf.worker_prefetch_multiplier = BATCH  # else a batch never fills


@app.task(name="bench.send_many", base=Batches, flush_every=BATCH, flush_interval=1)
def send(requests: list[SimpleRequest]) -> None:
    """Send the messages of these tasks in one request, and record their outcomes."""
    runs = {request.args[1]["clientMessageId"]: request.args[0] for request in requests}
    body = {
        "includeMessagesInResponse": True,
        "messages": [request.args[1] for request in requests],
    }
    answer = http().post(f"{PATH}/batch", json=body).raise_for_status().json()
    now = int(time.time())
    pipeline = store().pipeline(transaction=False)
    for item in answer["messages"]:
        id_ = item["clientMessageId"]
        pipeline.hset(outcome_key(runs[id_]), id_, outcome_of(item, now))
    pipeline.execute()


class CeleryBatch(HashedOutcomes):
    """A batch is sent when it is full, or after a second."""

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


SYSTEM = CeleryBatch()
