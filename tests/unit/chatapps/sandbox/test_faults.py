"""The sandbox's decisions to fail."""

from random import Random

import pytest

from chatapps.sandbox.faults import FAULT_MODES, PROFILES, Fault, FaultMode, FaultSource

AFTER_TAKING = {
    Fault.ERROR_AFTER_TAKING,
    Fault.CUT_OFF,
    Fault.DELAYED,
    Fault.ITEM_MISSING,
    Fault.ITEM_DOUBLED,
    Fault.SHUFFLED,
}
NUMBERS = [f"+4477009{number:05d}" for number in range(20_000)]


@pytest.mark.parametrize("mode", FAULT_MODES)
def test_the_same_seed_decides_the_same(mode: FaultMode) -> None:
    one, other = (FaultSource(PROFILES[mode], 7) for _ in range(2))
    for number in range(200):
        first, second = one.request(number), other.request(number)
        assert (first.fault, first.delay) == (second.fault, second.delay)
        assert first.random.random() == second.random.random()
    assert [one.lasting_code(n) for n in NUMBERS[:500]] == [
        other.lasting_code(n) for n in NUMBERS[:500]
    ]


def test_another_seed_decides_otherwise() -> None:
    one, other = (FaultSource(PROFILES["wild"], seed) for seed in (1, 2))
    faults = [[source.request(number).fault for number in range(200)] for source in (one, other)]
    assert faults[0] != faults[1]


@pytest.mark.parametrize(("mode", "share"), [("none", 0.0), ("mild", 0.05), ("wild", 0.21)])
def test_requests_fail_as_often_as_said_and_only_before_taking(
    mode: FaultMode, share: float
) -> None:
    source = FaultSource(PROFILES[mode], 3)
    faults = [source.request(number).fault for number in range(4000)]
    assert not AFTER_TAKING.intersection(faults)
    failed = sum(fault is not Fault.NONE for fault in faults) / len(faults)
    assert failed == pytest.approx(share, rel=0.2)


def test_the_ambiguous_fail_in_every_way_after_taking() -> None:
    source = FaultSource(PROFILES["ambiguous"], 3)
    requests = [source.request(number) for number in range(2000)]
    assert {request.fault for request in requests} >= AFTER_TAKING
    assert all(request.delay > 0 for request in requests if request.fault is Fault.DELAYED)


@pytest.mark.parametrize(("mode", "share"), [("none", 0.0), ("mild", 0.005), ("wild", 0.02)])
def test_a_share_of_numbers_is_refused_for_good(mode: FaultMode, share: float) -> None:
    source = FaultSource(PROFILES[mode], 3)
    codes = [source.lasting_code(number) for number in NUMBERS]
    assert sum(map(bool, codes)) / len(codes) == pytest.approx(share, rel=0.25)
    assert set(codes) == ({0} if mode == "none" else {0, 1002, 3003, 3041})


def test_a_number_is_the_same_with_and_without_plus() -> None:
    source = FaultSource(PROFILES["wild"], 3)
    for number in NUMBERS[:500]:
        assert source.lasting_code(number) == source.lasting_code(number[1:])


def test_a_share_of_items_fails_once() -> None:
    source, random = FaultSource(PROFILES["wild"], 3), Random(0)
    fails = [source.item_fails_once(random) for _ in range(5000)]
    assert sum(fails) / len(fails) == pytest.approx(0.02, rel=0.3)
