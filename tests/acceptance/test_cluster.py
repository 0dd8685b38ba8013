"""A campaign on a cluster of three masters."""

from pathlib import Path

from sendmany.local.stack import Sandbox
from store.states import State
from tests.acceptance.house import SMALL, open_house, until
from tests.integration.servers import cluster, running

N = 2000


def test_each_message_of_a_campaign_goes_out_once(tmp_path: Path) -> None:
    with (
        cluster(tmp_path / "cluster") as url,
        running("embedded", tmp_path / "broker") as broker,
        open_house(
            tmp_path / "house",
            Sandbox(),
            SMALL,
            ("SENDMANY_BROKER_URL", broker),
            redis_url=url,
        ) as house,
    ):
        lanes = [house.launch(N, f"Spring {n}") for n in range(2)]
        until(lambda: all(house.has_ended(lane) for lane in lanes))
        for lane in lanes:
            assert house.check(lane).counts[State.ACCEPTED] == N
            assert len(house.taken(lane)) == N
