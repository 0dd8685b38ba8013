"""Two lanes of a sub-account space their messages to a person; one alone costs nothing."""

import time
from itertools import pairwise
from typing import Any

from chatapps.responses import Result
from dashboard.explain import explain_lane
from store.keys import pairs
from store.limits.pairs import space_pairs
from store.queue.settlement import WaitCause
from store.reports.waiting import waiting
from store.states import State
from tests.integration.worker.rig import Post, Rig, account, taken


async def test_two_campaigns_leave_six_seconds_between_messages_to_a_person(rig: Rig) -> None:
    rig.configure(sub_accounts={"shop": account(pair_seconds=6)})
    times = dict[str, list[float]]()

    def take(post: Post) -> Result:
        for message in post.body["messages"]:
            times.setdefault(str(message["user"]), []).append(time.monotonic())
        return taken(post)

    rig.provider.otherwise = take
    rig.campaign(1, "Opens")
    lanes = [rig.campaign(50, "Summer"), rig.campaign(50, "Winter")]
    await rig.drain_until(lambda: all(rig.counts(lane).get(State.ACCEPTED) == 50 for lane in lanes))
    gaps = [b - a for at in times.values() for a, b in pairwise(at)]
    assert len(gaps) >= 50
    assert sum(gap >= 5.5 for gap in gaps) >= 49, "only the first lane's person was not noted"


async def test_normal_ones_wait_and_say_why_and_urgent_ones_go(rig: Rig) -> None:
    rig.configure(sub_accounts={"shop": account(pair_seconds=60)})
    first = rig.campaign(1, "Opens")
    await rig.drain_until(lambda: rig.counts(first).get(State.ACCEPTED) == 1)
    texts = [str(i) for i in range(20)]
    normal = rig.notifications("n-a1b2c3-n250615", texts)
    urgent = rig.notifications("n-a1b2c3-u250615", texts)
    await rig.drain_until(lambda: rig.counts(normal) == {State.DELAYED: 20})
    assert rig.counts(urgent) == {State.ACCEPTED: 20}
    wait = waiting(rig.store, rig.lane(normal))
    assert set(wait.put_off) == {WaitCause.PAIR}
    why = explain_lane(rig.report(normal), wait)
    assert any("wait for the spacing of messages to one person" in one for one in why)


async def test_a_clock_that_steps_back_holds_up_nothing(rig: Rig) -> None:
    def wait_beside(lane: str) -> int:
        people = [(b"447700900001", 0)]
        return len(rig.store.run(space_pairs("shop", lane, people, 60, waits=True)))

    assert (wait_beside("first"), wait_beside("second")) == (0, 1)
    client: Any = rig.store.client
    for key in pairs("shop"):
        for who, note in client.hgetall(key).items():
            if who != b"period":
                ahead = int(note[4:]) + 3_600_000
                client.hset(key, who, note[:4] + b"%d" % ahead)
    assert (wait_beside("second"), wait_beside("first")) == (0, 1)


async def test_one_lane_alone_asks_and_writes_nothing(rig: Rig) -> None:
    rig.configure(sub_accounts={"shop": account(pair_seconds=6)})
    lane = rig.campaign(50)
    await rig.drain_until(lambda: rig.counts(lane).get(State.ACCEPTED) == 50)
    assert "space_pairs" not in {*rig.watched.ran, *rig.watched.ran_together}
