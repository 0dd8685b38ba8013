"""The steps of a message are measured, ours and those of the bare loop."""

from bench.steps import measure


def test_every_step_of_the_bare_loop_has_its_counterpart_and_takes_some_time() -> None:
    found = measure(rounds=2)
    assert found["bare-loop"].keys() < found["sendmany"].keys()
    assert all(us > 0 for steps in found.values() for us in steps.values())
