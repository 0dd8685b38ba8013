"""The bench's readings of processes."""

import os
import subprocess
import sys
import time

import pytest

from bench.meter import cpu_seconds

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the bench reads /proc")


def test_work_of_less_than_a_tick_is_seen() -> None:
    before = cpu_seconds([os.getpid()])
    end = time.process_time() + 0.002
    while time.process_time() < end:
        pass
    assert cpu_seconds([os.getpid()]) - before >= 0.002


def test_a_process_that_has_gone_used_nothing() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert cpu_seconds([gone.pid]) == 0
