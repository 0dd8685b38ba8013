"""Real workers and a provider whose answers stop, in each way: only a few people are left in doubt."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dashboard.explain import explain_lane
from sendmany.doctor.checks import check_breakers
from sendmany.local.stack import SUB_ACCOUNTS, Sandbox
from store.lanes.lane import Priority
from store.limits.breakers import ACCOUNT, Breaker, read_breakers
from store.reports.waiting import waiting
from store.states import State
from tests.acceptance.house import House, open_house, until
from tests.integration.hostile import HostileProvider, Outage, self_signed, serving
from tests.integration.worker.rig import launch_campaign

SHOP = "shop"
N = 20_000
RATE = 2000
MOST = 3 * RATE
"""Messages that may be in doubt: three seconds of the rate in force."""
SILENT = [
    *(Outage.RESET, Outage.HANG, Outage.DRIP, Outage.NO_CONTENT),
    *(Outage.CAPTIVE, Outage.CUT, Outage.NAMELESS),
]
SOON = (
    ("SENDMANY_BREAKERS__SERVER_FIRST", "0.5"),
    ("SENDMANY_BREAKERS__SERVER_LONGEST", "1"),
    ("SENDMANY_BREAKERS__ACCOUNT_FIRST", "0.5"),
    ("SENDMANY_BREAKERS__ACCOUNT_LONGEST", "1"),
    ("SENDMANY_HTTP__READ_TIMEOUT", "5"),
    ("SENDMANY_HTTP__DEADLINE", "6"),
)


@contextmanager
def house_with(
    home: Path, provider: HostileProvider, certificate: Path | None = None
) -> Iterator[House]:
    """Two workers of two processes each that send for this provider."""
    with serving(provider, certificate):
        shop = {
            "base_url": provider.url,
            "api_key": "key",
            "messages_per_second": RATE,
            "requests_per_second": 0,
        }
        accounts = (SUB_ACCOUNTS, json.dumps({SHOP: shop}))
        with open_house(home, Sandbox(), accounts, *SOON, workers=2) as house:
            yield house


def launch(house: House) -> str:
    """A campaign of the shop that would be out in ten seconds."""
    lane = launch_campaign(house.store, N, "Sale", sub_account=SHOP, priority=Priority.BULK)
    house.send_wake_up()
    return lane


def held(house: House) -> list[Breaker]:
    """Open breakers of the shop."""
    return house.store.run(read_breakers(SHOP))


def failures(house: House) -> int:
    """Of the breaker that has failed most."""
    return max((one.failures for one in held(house)), default=0)


def why(house: House, lane: str) -> str:
    """Output of `campaign show`."""
    report = house.report(lane)
    return " ".join(explain_lane(report, waiting(house.store, report.lane)))


@pytest.mark.parametrize(
    "warm",
    [
        pytest.param(True, id="midway"),
        pytest.param(False, id="from the start", marks=pytest.mark.long),
    ],
)
@pytest.mark.parametrize("outage", SILENT)
def test_an_outage_without_answers_leaves_few_in_doubt(
    tmp_path: Path, outage: Outage, warm: bool
) -> None:
    provider = HostileProvider(latency=0.3)
    provider.failing, provider.fails_after = outage, 4000 if warm else 0
    with house_with(tmp_path, provider) as house:
        lane = launch(house)
        until(lambda: failures(house) >= 3)
        assert 0 < len(provider.lost) <= MOST
        assert len(provider.lost) == len(set(provider.lost))
        said = why(house, lane)
        assert "only probes, since the provider gives no answers" in said or "goes slow" in said
        warned = [check.finding for check in check_breakers(held(house))]
        assert any("no answer" in words or "name no message" in words for words in warned)
        provider.outage = Outage.NONE
        until(lambda: house.has_ended(lane))
        counts = house.report(lane).counts
        assert counts[State.ACCEPTED] == N - counts[State.UNCONFIRMED]
        assert counts[State.UNCONFIRMED] <= MOST  # a slow machine's own time-outs are among them
        assert held(house) == []


@pytest.mark.parametrize("outage", [Outage.MOVED, Outage.FOUND])
def test_a_redirect_holds_up_the_sub_account_and_names_the_base_url(
    tmp_path: Path, outage: Outage
) -> None:
    provider = HostileProvider()
    provider.failing, provider.fails_after = outage, 4000
    with house_with(tmp_path, provider) as house:
        lane = launch(house)
        until(lambda: failures(house) >= 2)
        assert [one.scope for one in held(house)] == [ACCOUNT]
        assert f"HTTP {outage}" in why(house, lane)
        assert "base_url" in why(house, lane)
        assert len(provider.lost) <= MOST
        provider.outage = Outage.NONE
        until(lambda: house.has_ended(lane))
        assert house.report(lane).counts == {State.ACCEPTED: N}


@pytest.mark.skipif(not shutil.which("openssl"), reason="nothing makes a certificate here")
def test_an_untrusted_certificate_leaves_nothing_in_doubt(tmp_path: Path) -> None:
    provider = HostileProvider()
    with house_with(tmp_path, provider, certificate=self_signed(tmp_path)) as house:
        lane = launch(house)
        until(lambda: "CERTIFICATE_VERIFY_FAILED" in why(house, lane))
        report = house.report(lane)
        assert report.counts.get(State.QUEUED, 0) + report.counts.get(State.IN_FLIGHT, 0) == N
        assert provider.lost == provider.taken == []
        until(lambda: house.report(lane).stats.get("requests", 0) == 0)
