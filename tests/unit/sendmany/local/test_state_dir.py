"""The state directory of a `sendmany up`."""

import os
import stat
from pathlib import Path

import pytest

from config.running_instance import LOCK, NOTE, is_running, read_note
from sendmany.errors import ProcessError
from sendmany.local.state_dir import claimed, leave_note


def test_the_note_is_read_while_the_directory_is_claimed_and_not_after(tmp_path: Path) -> None:
    with claimed(tmp_path):
        leave_note(tmp_path, {"settings": {"redis_url": "unix:///a"}})
        assert read_note(tmp_path)["settings"] == {"redis_url": "unix:///a"}
    assert read_note(tmp_path) == {}
    assert not (tmp_path / NOTE).exists()


def test_the_note_is_for_its_owner_only(tmp_path: Path) -> None:
    with claimed(tmp_path):
        leave_note(tmp_path, {})
        assert stat.S_IMODE((tmp_path / NOTE).stat().st_mode) == 0o600


def test_state_is_for_its_owner_only(tmp_path: Path) -> None:
    home = tmp_path / ".sendmany"
    home.mkdir(mode=0o755)
    with claimed(home):
        assert {stat.S_IMODE(path.stat().st_mode) for path in home.iterdir()} == {0o600}
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_a_directory_that_is_not_only_for_state_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir(mode=0o755)
    with claimed(tmp_path / "project"):
        pass
    assert stat.S_IMODE((tmp_path / "project").stat().st_mode) == 0o755


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("foreign", [".", LOCK, NOTE])
def test_the_note_of_another_user_is_not_believed(tmp_path: Path, foreign: str) -> None:
    with claimed(tmp_path):
        leave_note(tmp_path, {"settings": {"redis_url": "unix:///of-the-stranger"}})
        os.chown(tmp_path / foreign, 4711, -1)
        with pytest.raises(PermissionError, match="belongs to another user"):
            read_note(tmp_path)
        os.chown(tmp_path / foreign, 0, -1)


def test_a_lock_that_was_planted_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("old")
    (tmp_path / LOCK).symlink_to(tmp_path / "precious")
    with pytest.raises(ProcessError, match=r"up\.lock: it is a symbolic link"), claimed(tmp_path):
        pass


def test_the_note_of_a_process_that_was_killed_is_not_believed(tmp_path: Path) -> None:
    leave_note(tmp_path, {"settings": {"redis_url": "unix:///gone"}})
    assert read_note(tmp_path) == {}
    assert not is_running(tmp_path)


def test_two_cannot_have_the_same_directory(tmp_path: Path) -> None:
    with claimed(tmp_path):
        leave_note(tmp_path, {"pid": 4711})
        with pytest.raises(ProcessError, match=r"already \(process 4711\)"), claimed(tmp_path):
            pass
        assert is_running(tmp_path)


def test_a_directory_that_cannot_be_made_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ProcessError, match="cannot hold the state"), claimed(tmp_path / "file/x"):
        pass
