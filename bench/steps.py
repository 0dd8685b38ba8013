"""Python time of a message by step, beside the counterpart in the bare loop.

`python -m bench.steps` prints JSON: µs of CPU time of this process per message, the best of many rounds,
in batches of a thousand. The server's time, and work per batch (calls, the request), are not included;
`make bench` measures whole processes.
"""

import json
import random
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final
from uuid import UUID

from bench.messages import cost
from bench.systems.bare_worker import decode_answer, pack_outcomes, read_row
from bench.workload import HEADER, content, rows, write_work
from chatapps.rendering.compiled import compile_content
from chatapps.rendering.job_line import escape_value
from chatapps.responses import decode_batch_answer
from producer.campaigns.deduplication import SeenRecipients
from producer.files.recipient_file import RecipientFile
from producer.files.rows import RowPacker
from store.queue.enqueue import Place, enqueue_rows
from store.queue.settlement import settle_batch
from store.records.job_section import Job, pack, unpack
from tests.unit.worker import given
from worker.delivery.settlement import settlement_of
from worker.results.classify import judge_answer

N: Final = 1000
LANE: Final = "spring-0a1b2c"
BATCH: Final = "0a1b2c3d4e5f"
Steps = dict[str, Callable[[], object]]


def ours(home: Path) -> Steps:
    """The steps of sendmany, in order."""
    work = write_work(home, "steps", N)
    file = RecipientFile.open(Path(work.files[0]))
    compiled = compile_content(content("{{name}}"), HEADER)
    packer = RowPacker(file.layout, compiled.columns)
    lines = [line for chunk in file.chunks(packer) for line in chunk.lines]
    packed = pack([Job(index, 0, line) for index, line in enumerate(lines)])
    jobs = unpack(packed)
    renderer, tools = compiled.renderer(LANE), given.tools()
    posted = [(index, attempts + 1, line) for index, attempts, line, _ in jobs]
    body = answer()
    named = [(job, f"{LANE}.{job.index}.1") for job in jobs]
    said = decode_batch_answer(body)
    outcome = given.outcome(jobs, judge_answer(said, named, given.CAMPAIGN))
    what = settlement_of(outcome, tools)
    return {
        "read": lambda: [len(chunk.lines) for chunk in file.chunks(packer)],
        "leave out who is in": lambda: SeenRecipients().drop_duplicates(lines),
        "pack": lambda: enqueue_rows(LANE, Place(), Place(N, N, N), lines, 0),
        "unpack": lambda: unpack(packed),
        "render": lambda: renderer.render(BATCH, posted),
        "decode": lambda: decode_batch_answer(body),
        "judge": lambda: judge_answer(
            said, [(job, f"{LANE}.{job[0]}.{job[1] + 1}") for job in jobs], given.CAMPAIGN
        ),
        "make records": lambda: settlement_of(outcome, tools),
        "settle": lambda: settle_batch(LANE, BATCH, N, "owner", what),
    }


def floor(home: Path) -> Steps:
    """The counterparts in the bare loop."""
    work = write_work(home, "steps", N)
    queued = [b"%d\t%b\t%b" % row for row in _queue(rows(work))]
    renderer = compile_content(content("{{name}}"), HEADER).renderer(LANE)
    jobs, body = [read_row(row) for row in queued], answer()
    return {
        "read": lambda: [b"%d\t%b\t%b" % row for row in _queue(rows(work))],
        "unpack": lambda: [read_row(row) for row in queued],
        "render": lambda: renderer.render("bare", jobs),
        "decode": lambda: decode_answer(body),
        "make records": partial(pack_outcomes, LANE, decode_answer(body), 0),
    }


def answer() -> bytes:
    """An answer of the provider (provider docs, send message many)."""
    rng = random.Random(7)
    items = [
        {
            "umid": str(UUID(int=rng.getrandbits(128))),
            "clientMessageId": f"{LANE}.{index}.1",
            "status": {"state": "queued", "timestamp": "2026-11-22T10:00:00.00Z"},
            "user": {"msisdn": f"+4930231{index:08d}"},
        }
        for index in range(N)
    ]
    head = {"batchId": str(UUID(int=1)), "acceptedCount": N, "rejectedCount": 0}
    return json.dumps({**head, "messages": items}, separators=(",", ":")).encode()


def measure(rounds: int = 300) -> dict[str, dict[str, float]]:
    """µs per message by system and step."""
    with tempfile.TemporaryDirectory(prefix="bench-steps-") as home:
        systems = {"sendmany": ours(Path(home)), "bare-loop": floor(Path(home))}
        return {
            system: {name: round(cost(step, N, 1, rounds).best, 3) for name, step in steps.items()}
            for system, steps in systems.items()
        }


def _queue(people: Iterator[list[str]]) -> Iterator[tuple[int, bytes, bytes]]:
    for index, (number, name) in enumerate(people):
        yield index, number[1:].encode(), escape_value(name)


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
