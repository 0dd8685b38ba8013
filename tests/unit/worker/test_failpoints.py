"""Failpoints: the n-th passing of one point, in one process only."""

import os
import signal
import threading
from pathlib import Path

import pytest

from worker.failpoints import VARIABLE, Point, go_on, read_failpoint


@pytest.fixture
def signals(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Signals that would have been sent: to which thread, which."""
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(signal, "pthread_kill", lambda who, number: sent.append((who, number)))
    return sent


def test_nothing_stops_unless_a_test_asks_for_it() -> None:
    assert read_failpoint({}) is go_on


def test_the_nth_passing_of_the_point_stops_the_process_once(
    tmp_path: Path, signals: list[tuple[int, int]]
) -> None:
    pass_by = read_failpoint({VARIABLE: f"marked 2 STOP {tmp_path}/a file"})
    for point in (Point.MARKED, Point.POSTED, Point.CLAIMED):
        pass_by(point)
    assert signals == []
    pass_by(Point.MARKED)
    assert signals == [(threading.get_ident(), signal.SIGSTOP)]
    assert (tmp_path / "a file").read_text() == str(os.getpid())
    pass_by(Point.MARKED)
    assert len(signals) == 1


def test_of_many_processes_one_stops(tmp_path: Path, signals: list[tuple[int, int]]) -> None:
    asked = {VARIABLE: f"claimed 1 KILL {tmp_path}/file"}
    for _ in range(3):
        read_failpoint(asked)(Point.CLAIMED)
    assert signals == [(threading.get_ident(), signal.SIGKILL)]


@pytest.mark.parametrize("words", ["nowhere 1 KILL f", "marked x KILL f", "marked 1 KILL", ""])
def test_what_cannot_be_understood_is_an_error(words: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_failpoint({VARIABLE: words})
