"""The bench's messages."""

import json
from pathlib import Path

import pytest

from bench.workload import messages, number, rows, write_work


def test_a_message_has_about_350_bytes(tmp_path: Path) -> None:
    work = write_work(tmp_path, "spring", 10)
    sizes = [len(json.dumps(body, separators=(",", ":"))) for body in messages(work)]
    assert 330 <= min(sizes) <= max(sizes) <= 380


def test_every_recipient_has_a_number_of_its_own_over_all_lanes(tmp_path: Path) -> None:
    whole = write_work(tmp_path, "whole", 60)
    parts = write_work(tmp_path, "parts", 60, lanes=3)
    lines = [line for file in parts.files for line in Path(file).read_text().splitlines()[1:]]
    assert lines == [",".join(row) for row in rows(whole)]
    assert len(set(lines)) == 60


def test_lanes_have_names_of_their_own(tmp_path: Path) -> None:
    assert write_work(tmp_path, "spring", 4).names == ["spring"]
    assert write_work(tmp_path, "spring", 4, lanes=2).names == ["spring-0", "spring-1"]


@pytest.mark.parametrize("index", [0, 999_999, 1_000_000, 4_999_999])
def test_numbers_are_of_full_length(index: int) -> None:
    assert len(number(index)) == 16
