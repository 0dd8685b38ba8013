"""Jobs that end without being posted now: in doubt ones that are resolved, cancelled ones."""

from collections.abc import Sequence

from store.client import Call
from store.lanes.lane import Lane
from store.queue.dead_letters import DeadLetters
from store.queue.settlement import Settled, Settlement
from store.records.job_section import Job
from store.records.outcome import code_name, runs
from store.states import State
from worker.batch import Tools
from worker.delivery.settlement import ended_record, long_ids
from worker.results.classify import NO_CODE, Code
from worker.template_registry import LanePurposes


def closing(
    state: State, jobs: Sequence[Job], code: Code, now: int, purposes: LanePurposes
) -> Settlement:
    """The same final state for all these jobs, for one reason. They are kept as dead letters, unless an
    operator ended them."""
    what = Settlement()
    add_ended(what, state, jobs, now, purposes, code)
    if jobs and state is not State.CANCELLED:
        what.dead.append(DeadLetters(code_name(*code), jobs))
    return what


def add_ended(
    what: Settlement,
    state: State,
    jobs: Sequence[Job],
    now: int,
    purposes: LanePurposes,
    code: Code = NO_CODE,
) -> None:
    """Add jobs that end in this state."""
    records = ((job.index, ended_record(job, state, code, now, purposes)) for job in jobs)
    what.records = [*what.records, *runs(sorted(records))]
    what.long_ids = [*what.long_ids, *long_ids(jobs)]
    what.add(state, len(jobs))


async def write_down(tools: Tools, lane: Lane, call: Call[Settled], what: Settlement) -> str:
    """Settle, and count it unless somebody else has done both; gives the verdict."""
    settled = await tools.store.run(call)
    if settled.verdict == "ok":
        tools.meters.settled(lane.sub_account, what)
    return settled.verdict
