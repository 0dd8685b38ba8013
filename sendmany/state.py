"""The state directory of a `sendmany up`: one process at a time, and a note for the others."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from config.running import LOCK, NOTE, read_note
from sendmany.processes import ProcessError

LOCK_SECONDS = 0.5
"""Those who read the note hold the lock for a moment; whoever holds it longer is another `up`."""


@contextmanager
def claimed(home: Path) -> Iterator[None]:
    """Have the directory for ourselves; leaves no note behind.

    Raises:
        ProcessError: another `sendmany up` runs there, or the directory cannot be used.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock = (home / LOCK).open("ab")
    except OSError as error:
        raise ProcessError(f"{home} cannot hold the state: {error.strerror}.") from error
    with lock:
        if not _lock(lock):
            raise ProcessError(_who_runs(home))
        note = home / NOTE
        note.unlink(missing_ok=True)  # of one that was killed
        try:
            yield
        finally:
            note.unlink(missing_ok=True)


def leave_note(home: Path, note: dict[str, Any]) -> None:
    """Tell other commands what runs here; for this user's eyes only."""
    new = home / f"{NOTE}.new"
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        json.dump(note, stream, indent=2)
    new.replace(home / NOTE)


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
