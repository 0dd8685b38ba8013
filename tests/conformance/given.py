"""Lanes in a known state, and common operations for tests of the store."""

from collections.abc import Iterable, Sequence
from typing import Any

from store.client import Store, command
from store.keys import lane_keys
from store.lanes.drafts import Draft, create_draft, new_draft, write_file
from store.lanes.lane import Lane, Policies, Priority, finish_loading
from store.lanes.open import CampaignPlan, open_campaign, open_notifications
from store.queue.enqueue import NewMessage, Place, RowsAdded, enqueue_rows
from store.queue.settlement import Claim, Settled, Settlement, claim_batch, settle_batch
from store.records.job_section import Job
from store.records.outcome import NO_UMID, Origin, Run, head, number_field, runs
from store.reports.lane_report import report
from store.reports.recount import Recount, recount
from store.states import State

NOW = 1_750_000_000  # s; the worker's time
NOTIFICATIONS = "n-a1b2c3-u250615"


def numbers(n: int, first: int = 0) -> list[bytes]:
    """Job lines of n people, each with one value."""
    return [b"%d\tGuest %d" % (447700900000 + i, i) for i in range(first, first + n)]


def plan(name: str = "Spring", *, early: bool = False) -> CampaignPlan:
    """Parameters of a campaign."""
    return CampaignPlan(name, "shop", b"content", "digest", "source", early=early)


def campaign(store: Store, name: str = "Spring", *, early: bool = False) -> str:
    """A campaign whose file is not loaded yet."""
    return open_campaign(store, plan(name, early=early))[0]


def add(store: Store, lane: str, lines: Sequence[bytes], start: int, end: int) -> RowsAdded:
    """Enqueue a chunk that reaches from one offset of the file to another."""
    return store.run(enqueue_rows(lane, Place(start), Place(end, end, end), lines, 0))


def loaded(store: Store, n: int, *, chunk: int = 1000) -> str:
    """A campaign of n people, ready to be claimed from, in chunks of one section each."""
    lane = campaign(store)
    for first in range(0, n, chunk):
        last = min(n, first + chunk)
        add(store, lane, numbers(last - first, first), first, last)
    store.run(finish_loading(lane))
    return lane


def draft(store: Store, text: bytes, name: str = "Draft", **options: Any) -> Lane:
    """A draft with these recipients."""
    lane = new_draft(store, name, "shop")
    file = write_file(store, lane, "shop", [text])
    return create_draft(store, lane, name, "shop", Draft(options, (file,)))


def notifications(store: Store, lane: str = NOTIFICATIONS) -> str:
    """An open notification lane."""
    open_notifications(store, lane, "shop", Priority.URGENT, Policies("resend"))
    return lane


def message(text: str, key: str = "", body: str = "") -> NewMessage:
    """A whole message for a notification lane; `body` overrides the text for the digest."""
    line = f'447700900001\t{{"content":{{"text":"{text}"}}}}'.encode()
    return NewMessage(
        line, key.encode().ljust(16, b".") if key else b"", f"{body or text:8.8}".encode()
    )


def claim(
    store: Store,
    lane: str,
    batch: str = "b1",
    most: int = 1000,
    most_bytes: int = 1 << 21,
    **pace: float,
) -> Claim:
    """Claim for a worker called `ann`."""
    return store.run(
        claim_batch(
            lane,
            batch,
            owner="ann",
            most=most,
            most_bytes=most_bytes,
            lease_ms=60_000,
            spread_rate=pace.get("spread_rate", 0),
        )
    )


def claimed_batch(store: Store, n: int = 10) -> tuple[str, Claim]:
    """A campaign of n, all in flight."""
    lane = loaded(store, n)
    return lane, claim(store, lane)


def records(
    state: State, jobs: Iterable[Job], code: tuple[Origin, int] = (Origin.NONE, 0), **more: Any
) -> list[Run]:
    """Equal records of all these jobs."""
    start = head(state, 1, *code, NOW, NOW, **more)
    return runs((job.index, start + number_field(job.recipient) + NO_UMID) for job in sorted(jobs))


def ended(
    state: State, jobs: Sequence[Job], code: tuple[Origin, int] = (Origin.NONE, 0), **more: Any
) -> Settlement:
    """A settlement in which all messages end alike."""
    return Settlement(counts={state: len(jobs)}, records=records(state, jobs, code, **more))


def settle(store: Store, lane: str, claim_: Claim, what: Settlement, batch: str = "b1") -> Settled:
    """Settle a batch of ann's."""
    return store.run(settle_batch(lane, batch, len(claim_.jobs), "ann", what))


def lease_ran_out(store: Store, lane: str, batch: str = "b1") -> None:
    """Expire the lease of this batch."""
    store.run(command("ZADD", lane_keys(lane).claimed_batches, 0, batch, parse=int))


def retry_is_due(store: Store, lane: str, retry: str) -> None:
    """Make this retry batch due."""
    store.run(command("ZADD", lane_keys(lane).retries, 0, retry, parse=int))


def indexes(jobs: Iterable[Job]) -> list[int]:
    """Indexes of jobs, as they come."""
    return [job.index for job in jobs]


def counts(store: Store, lane: str) -> dict[State, int]:
    """The counts of a lane."""
    return report(store, lane).counts


def codes(store: Store, lane: str) -> dict[str, int]:
    """Causes of failures of a lane."""
    return report(store, lane).codes


def balanced(store: Store, lane: str) -> bool:
    """Assert that every message is in one place and the counts agree."""
    found: Recount = recount(store, lane)
    assert found.balanced, found
    return True
