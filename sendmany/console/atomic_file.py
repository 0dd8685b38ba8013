"""Output files of commands, written atomically, so that a partial list is never mistaken for a whole
one."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from config.private_files import refuse_planted_link
from producer.errors import InputError


@contextmanager
def written_whole(path: Path) -> Iterator[TextIO]:
    """A stream that replaces the file at the end; on any failure the old file stays.

    Special files, such as `/dev/stdout` or a pipe, are written directly.

    Raises:
        InputError: the file cannot be written.
    """
    try:
        refuse_planted_link(path)
        whole = not path.exists() or path.is_file()
        with _put_in_place(path.resolve()) if whole else _opened(path) as stream:
            yield stream
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}") from error


def _opened(path: Path) -> TextIO:
    return path.open("w", encoding="utf-8", newline="")


@contextmanager
def _put_in_place(path: Path) -> Iterator[TextIO]:
    if path.exists():
        path.open("ab").close()  # replacing it requires write permission, too
    number, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(number, "w", encoding="utf-8", newline="") as stream:
            yield stream
            stream.flush()
            os.fsync(number)
        _give_mode(Path(name), path)
        os.replace(name, path)
    except BaseException:  # Ctrl-C too
        with suppress(OSError):
            os.unlink(name)
        raise


def _give_mode(new: Path, old: Path) -> None:
    """Copy the mode of the replaced file, or set that of any new file."""
    if old.exists():
        shutil.copymode(old, new)
        return
    mask = os.umask(0)
    os.umask(mask)
    new.chmod(0o666 & ~mask)
