"""Files that commands write: whole or not at all, so that half a list is never taken for one."""

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
    """A stream whose text takes the place of the file at the end; on any failure the old one stays.

    What is no regular file, such as `/dev/stdout` or a pipe, is written to as it is.

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
        path.open("ab").close()  # whoever may not write to it may not replace it either
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
    """The mode of the file whose place it takes, or of any new file."""
    if old.exists():
        shutil.copymode(old, new)
        return
    mask = os.umask(0)
    os.umask(mask)
    new.chmod(0o666 & ~mask)
