"""Files that another user cannot read, and cannot have planted."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from config import private_files
from config.private_files import (
    PlantedError,
    open_private,
    private_directory,
    read_private,
    refuse_planted_link,
    write_private,
)

APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND


@pytest.fixture
def stranger(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is there belongs to another user."""
    monkeypatch.setattr(private_files, "_trusted", lambda: {os.geteuid() + 1})


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def append(path: Path) -> None:
    number = open_private(path, APPEND)
    os.write(number, b"more")
    os.close(number)


@pytest.fixture(autouse=True)
def generous_umask() -> object:
    before = os.umask(0)
    yield
    os.umask(before)


def test_what_is_made_is_for_us_only(tmp_path: Path) -> None:
    private_directory(tmp_path / "state" / "logs")
    append(tmp_path / "state" / "log")
    write_private(tmp_path / "state" / "note", "{}")
    assert mode(tmp_path / "state" / "logs") == 0o700
    assert mode(tmp_path / "state" / "log") == mode(tmp_path / "state" / "note") == 0o600
    assert read_private(tmp_path / "state" / "note") == "{}"
    assert sorted(path.name for path in (tmp_path / "state").iterdir()) == ["log", "logs", "note"]


def test_what_was_open_for_others_is_closed(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir(mode=0o755)
    (tmp_path / "log").touch(mode=0o644)
    private_directory(tmp_path / "logs")
    append(tmp_path / "log")
    assert (mode(tmp_path / "logs"), mode(tmp_path / "log")) == (0o700, 0o600)


def test_a_directory_that_is_not_only_ours_may_stay_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir(mode=0o755)
    private_directory(tmp_path / "project", tighten=False)
    assert mode(tmp_path / "project") == 0o755


def link(path: Path, target: Path) -> None:
    path.symlink_to(target)


def second_name(path: Path, target: Path) -> None:
    path.hardlink_to(target)


def pipe(path: Path, _: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize("plant", [link, second_name, pipe])
@pytest.mark.parametrize("flags", [os.O_RDONLY, APPEND, os.O_RDWR | os.O_CREAT])
def test_what_was_planted_is_not_opened(
    tmp_path: Path, plant: Callable[[Path, Path], None], flags: int
) -> None:
    target = tmp_path / "precious"
    target.write_text("old")
    plant(tmp_path / "log", target)
    with pytest.raises(OSError, match=r"log"):
        os.close(open_private(tmp_path / "log", flags))
    assert target.read_text() == "old"


def test_a_link_to_nowhere_makes_no_file(tmp_path: Path) -> None:
    (tmp_path / "log").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PlantedError, match="it is a symbolic link"):
        append(tmp_path / "log")
    assert not (tmp_path / "elsewhere").exists()


def test_a_link_in_the_way_of_a_note_is_replaced_and_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("old")
    (tmp_path / "note").symlink_to(target)
    write_private(tmp_path / "note", "new")
    assert (target.read_text(), (tmp_path / "note").read_text()) == ("old", "new")
    assert not (tmp_path / "note").is_symlink()


@pytest.mark.usefixtures("stranger")
def test_what_belongs_to_another_user_is_neither_read_nor_written(tmp_path: Path) -> None:
    (tmp_path / "note").write_text("{}")
    (tmp_path / "link").symlink_to(tmp_path / "note")
    for refused in (
        lambda: read_private(tmp_path / "note"),
        lambda: append(tmp_path / "note"),
        lambda: private_directory(tmp_path),
        lambda: refuse_planted_link(tmp_path / "link"),
    ):
        with pytest.raises(PlantedError, match="another user"):
            refused()
    assert (tmp_path / "note").read_text() == "{}"


def test_a_link_of_ours_may_be_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "note")
    refuse_planted_link(tmp_path / "link")
