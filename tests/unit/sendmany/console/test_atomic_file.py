"""Files that commands write are whole or not there."""

import errno
import os
import stat
from pathlib import Path

import pytest

from producer.errors import InputError
from sendmany.console.atomic_file import written_whole


def write_half(file: Path, error: BaseException) -> None:
    with written_whole(file) as stream:
        stream.write("of to")
        raise error


def test_the_text_takes_the_place_of_the_file_and_keeps_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text("of yesterday")
    file.chmod(0o640)
    with written_whole(file) as stream:
        stream.write("of today")
        stream.flush()
        assert file.read_text() == "of yesterday"
    assert file.read_text() == "of today"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [file]


def test_a_new_file_has_the_mode_of_any_new_file(tmp_path: Path) -> None:
    other, file = tmp_path / "other", tmp_path / "list.csv"
    other.touch()
    with written_whole(file):
        pass
    assert file.stat().st_mode == other.stat().st_mode


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError()])
def test_a_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, error: BaseException
) -> None:
    file = tmp_path / "list.csv"
    file.write_text("of yesterday")
    with pytest.raises(type(error)):
        write_half(file, error)
    assert file.read_text() == "of yesterday"
    assert list(tmp_path.iterdir()) == [file]


def test_a_full_disk_is_told_in_a_sentence(tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(InputError, match=r"list\.csv cannot be written: No space left"):
        write_half(tmp_path / "list.csv", full)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "why"), [("no/list.csv", "No such file or directory"), (".", "Is a directory")]
)
def test_a_place_that_takes_no_file_is_told_in_a_sentence(
    tmp_path: Path, name: str, why: str
) -> None:
    with (
        pytest.raises(InputError, match=f"cannot be written: {why}"),
        written_whole(tmp_path / name),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_target_of_a_link_is_written_and_the_link_stays(tmp_path: Path) -> None:
    file, link = tmp_path / "list.csv", tmp_path / "link"
    link.symlink_to(file)
    with written_whole(link) as stream:
        stream.write("of today")
    assert link.is_symlink()
    assert file.read_text() == "of today"


def test_what_is_no_regular_file_is_not_replaced() -> None:
    with written_whole(Path("/dev/null")) as stream:
        stream.write("of today")
    assert not Path("/dev/null").is_file()
