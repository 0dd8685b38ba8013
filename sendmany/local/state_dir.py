"""The state directory of `sendmany up`: locked by one process, with a note for other commands."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from config.private_files import open_private, private_directory, write_private
from config.running_instance import LOCK, NOTE, read_note
from sendmany.errors import ProcessError

STATE_NAME = ".sendmany"
"""A directory of this name is made private; an existing one of another name keeps its mode."""
LOCK_SECONDS = 0.5
"""Readers of the note hold the lock briefly; a longer holder is another `up`."""


@contextmanager
def claimed(home: Path) -> Iterator[None]:
    """Lock the directory; removes the note at the end.

    Raises:
        ProcessError: another `sendmany up` runs there, or the directory cannot be used.
    """
    try:
        private_directory(home, tighten=home.name == STATE_NAME)
        lock = os.fdopen(open_private(home / LOCK, os.O_RDWR | os.O_CREAT), "rb")
    except OSError as error:
        raise ProcessError(
            f"{home} cannot hold the state ({error.filename}: {error.strerror}): name another directory "
            "with --home."
        ) from error
    with lock:
        if not _lock(lock):
            raise ProcessError(_who_runs(home))
        note = home / NOTE
        note.unlink(missing_ok=True)  # of a killed one
        try:
            yield
        finally:
            note.unlink(missing_ok=True)


def leave_note(home: Path, note: dict[str, Any]) -> None:
    """Write the note for other commands of this user."""
    write_private(home / NOTE, json.dumps(note, indent=2))


def _lock(lock: BinaryIO) -> bool:
    give_up = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > give_up:
                return False
            time.sleep(0.02)
        else:
            return True


def _who_runs(home: Path) -> str:
    pid = read_note(home).get("pid")
    process = f" (process {pid})" if pid else ""
    return (
        f"`sendmany up` runs in {home} already{process}: use that one, stop it with Ctrl-C, or "
        "name another directory with --home."
    )
