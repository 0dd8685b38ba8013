"""Ctrl-C and SIGTERM: noted at any moment, obeyed where we ask."""

import os
import signal

import pytest

from sendmany.local.signals import HEARD, Signals, Stopped


@pytest.fixture(autouse=True)
def _handlers() -> object:
    before = {number: signal.getsignal(number) for number in HEARD}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_is_told_when_we_ask(number: int, code: int) -> None:
    signals = Signals()
    with signals.caught():
        signals.check()
        os.kill(os.getpid(), number)
        with pytest.raises(Stopped) as stopped:
            signals.check()
    assert stopped.value.exit_code == code


def test_a_second_signal_counts_and_changes_nothing() -> None:
    signals = Signals()
    with signals.caught():
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
    assert (signals.count, signals.number) == (2, signal.SIGTERM)


def test_after_a_signal_nothing_may_disturb_the_end() -> None:
    signals = Signals()
    with signals.caught():
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_without_a_signal_everything_is_as_before() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Signals().caught():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before
