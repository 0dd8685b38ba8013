"""When a message goes that was scheduled: a question that people ask."""

from typing import Any

from store.client import Store, command, text
from store.keys import lane_keys
from store.queue.enqueue import STRETCH
from store.records.job_section import unpack


def scheduled_for(store: Store, lane: str, index: int) -> int | None:
    """When a message that waits for its time may go, ms since 1970; None if it lies in no such
    retry batch."""
    keys = lane_keys(lane)
    ending = f"-{index // STRETCH}"
    for retry in store.run(command("ZRANGE", keys.retries, 0, -1, parse=_texts)):
        if retry.endswith(ending):
            blob = store.run(command("GET", keys.retry(retry), parse=lambda reply: reply or b""))
            if any(job.index == index for job in unpack(blob)):
                return int(retry.split("-")[0]) * 1000
    return None


def _texts(reply: Any) -> list[str]:
    return [text(item) for item in reply]
