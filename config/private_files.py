"""Files and directories private to this user, safe from planting by other users of the machine.

In a directory writable by others, a path may be a symbolic link, a pipe, a hard link to a file of ours,
or a file of another user, who could then read our data or feed us his.
"""

import errno
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path


class PlantedError(PermissionError):
    """The file was not created by this user."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(errno.EPERM, why, str(path))


def private_directory(path: Path, *, tighten: bool = True) -> None:
    """Create a directory with access for this user only, and its parents.

    Args:
        tighten: remove others' access to an existing one, too.

    Raises:
        PlantedError: it exists and belongs to another user.
        OSError: it cannot be created.
    """
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = see_that_ours(path)
    if tighten and found.st_mode & 0o077 and found.st_uid == os.geteuid():
        path.chmod(0o700)


def open_private(path: Path, flags: int, *, mode: int = 0o600) -> int:
    """Open a regular file of this user and set its mode; returns the descriptor.

    Args:
        flags: as of `os.open`.

    Raises:
        PlantedError: it is a link, no regular file, or belongs to another user.
        OSError: it cannot be opened.
    """
    try:
        number = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, mode)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise PlantedError(path, "it is a symbolic link") from error
        raise
    try:
        found = os.fstat(number)
        if not stat.S_ISREG(found.st_mode):
            raise PlantedError(path, "it is no regular file")
        if found.st_uid not in _trusted():
            raise PlantedError(path, "it belongs to another user")
        if found.st_nlink > 1:
            raise PlantedError(path, "it has a second name")
        if found.st_mode & 0o777 & ~mode and found.st_uid == os.geteuid():
            os.fchmod(number, mode)
    except BaseException:
        os.close(number)
        raise
    return number


def read_private(path: Path) -> str:
    """Read a private file; raises as `open_private`, and UnicodeDecodeError."""
    with os.fdopen(open_private(path, os.O_RDONLY), encoding="utf-8") as stream:
        return stream.read()


def write_private(path: Path, text: str) -> None:
    """Write a private file atomically; replaces whatever has its name."""
    number, new = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(number, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.replace(new, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(new)
        raise


def refuse_planted_link(path: Path) -> None:
    """Raise PlantedError for a symbolic link of another user; own ones may be followed."""
    if path.is_symlink() and path.lstat().st_uid not in _trusted():
        raise PlantedError(path, "it is a symbolic link of another user")


def see_that_ours(directory: Path) -> os.stat_result:
    """Stat a directory; raises PlantedError unless it, and a link that leads to it, belong to this user
    or to root."""
    found = directory.stat()
    if not {directory.lstat().st_uid, found.st_uid} <= _trusted():
        raise PlantedError(directory, "it belongs to another user")
    return found


def _trusted() -> set[int]:
    return {os.geteuid(), 0}
