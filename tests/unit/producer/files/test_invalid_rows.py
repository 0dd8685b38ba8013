"""The file that lists the rows that are not sent to."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from producer.errors import InputError
from producer.files.invalid_rows import InvalidRow, InvalidRowWriter, see_that_writable

Look = Callable[[Path], object]

COLUMNS = ("phone", "sendmany_line", "name")
FIRST = InvalidRow(2, "+44*********34", "too long, by far", ["+4477009001234", "7", "Ada, Ltd"])
SECOND = InvalidRow(5, None, "column 'name' is empty", ["+447700900123"])
THIRD = InvalidRow(9, None, "column 'name' is empty")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "people.invalid.csv"


def written(path: Path, invalid_rows: list[InvalidRow], after_line: int = 0) -> list[str]:
    with InvalidRowWriter(path, COLUMNS, after_line) as writer:
        writer.write(invalid_rows)
    return path.read_text().splitlines() if path.exists() else []


def test_there_is_no_file_without_a_reject(path: Path) -> None:
    assert written(path, []) == []
    assert not path.exists()


def test_rejects_are_listed_with_line_and_reason(path: Path) -> None:
    assert written(path, [FIRST, SECOND]) == [
        "sendmany_line,sendmany_reason,phone,name",
        '2,"too long, by far",+4477009001234,"Ada, Ltd"',
        "5,column 'name' is empty,+447700900123,",
    ]


def test_rejects_are_in_the_file_as_soon_as_they_are_written(path: Path) -> None:
    writer = InvalidRowWriter(path)
    writer.write([FIRST])
    assert path.read_text().count("\n") == 2
    assert writer.count == 1
    writer.close()


def test_going_on_keeps_what_is_done_and_drops_what_will_be_written_again(path: Path) -> None:
    written(path, [FIRST, SECOND, THIRD])
    with InvalidRowWriter(path, after_line=5) as writer:
        assert writer.count == 2
        writer.write([THIRD])
        assert writer.count == 3
    assert [line.split(",")[0] for line in path.read_text().splitlines()][1:] == ["2", "5", "9"]


def test_starting_afresh_takes_the_old_file_away(path: Path) -> None:
    written(path, [FIRST])
    InvalidRowWriter(path).close()
    assert not path.exists()


def test_a_line_that_a_killed_process_left_unfinished_is_dropped(path: Path) -> None:
    written(path, [FIRST])
    with path.open("a") as stream:
        stream.write('5,,"colu')
    assert len(written(path, [SECOND], after_line=2)) == 3


@pytest.mark.parametrize("content", [b"name,age\n", b"\xff\xfe", b"one\n"])
def test_a_file_of_somebody_else_is_not_overwritten(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    for look in (InvalidRowWriter, see_that_writable):
        with pytest.raises(InputError, match="move it away"):
            look(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("look", [InvalidRowWriter, see_that_writable])
@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("/dev/full", "/dev/full cannot hold invalid rows: it is no regular file; name another"),
        ("/dev/zero", "is no regular file"),
        (".", "cannot hold invalid rows: it is no regular file"),
    ],
)
def test_what_is_no_file_is_refused_unread(look: Look, place: str, why: str, path: Path) -> None:
    with pytest.raises(InputError, match=why):
        look(path.parent / place)


@pytest.mark.parametrize("name", ["no/people.invalid.csv", "/sys/people.invalid.csv"])
def test_a_place_that_takes_no_file_is_told_beforehand(path: Path, name: str) -> None:
    told = r"cannot be written: (No such file|Permission|Operation|Read-only).*--invalid-rows FILE$"
    with pytest.raises(InputError, match=told):
        see_that_writable(path.parent / name)
    assert not (path.parent / "no").exists()


def test_a_look_beforehand_leaves_everything_as_it_is(path: Path) -> None:
    see_that_writable(path)
    assert list(path.parent.iterdir()) == []
    before = written(path, [FIRST])
    see_that_writable(path)
    assert path.read_text().splitlines() == before
    assert list(path.parent.iterdir()) == [path]


def test_only_the_first_line_of_an_existing_file_is_looked_at(path: Path) -> None:
    written(path, [FIRST])
    with path.open("ab") as stream:
        stream.write(b"\xff" * 300_000 + b"\n")
    see_that_writable(path)
    assert written(path, [SECOND])[1:] == ["5,column 'name' is empty,+447700900123,"]


def test_a_disk_that_fills_up_is_told_in_a_sentence(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    monkeypatch.setattr("producer.files.invalid_rows.open_private", lambda *_: full)
    with pytest.raises(
        InputError, match="No space left on device; launch again with --invalid-rows"
    ):
        written(path, [FIRST])


@pytest.mark.parametrize("planted", ["", ".new"])
def test_a_link_that_was_planted_has_no_other_file_overwritten(path: Path, planted: str) -> None:
    precious = path.with_name("precious")
    precious.write_text("old")
    path.with_name(path.name + planted).symlink_to(precious)
    with suppress(InputError):
        see_that_writable(path)
        written(path, [FIRST])
    assert precious.read_text() == "old"
