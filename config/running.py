"""The note that a running `sendmany up` leaves in its state directory: where its parts can be found.

While it runs it holds a lock beside the note, so that nobody believes the note of one that was killed.
"""

import fcntl
import json
from pathlib import Path
from typing import Any

LOCK = "up.lock"
NOTE = "up.json"


def read_note(state_dir: Path) -> dict[str, Any]:
    """The note, empty when no `sendmany up` runs there. `settings` in it holds settings for others.

    Raises:
        PermissionError: the directory, or the note of one that runs there, may not be read.
    """
    if not is_running(state_dir):
        return {}
    try:
        note = json.loads((state_dir / NOTE).read_text(encoding="utf-8"))
    except PermissionError:
        raise
    except (OSError, ValueError):  # it is starting, or stopping
        return {}
    return note if isinstance(note, dict) else {}


def is_running(state_dir: Path) -> bool:
    """Whether a `sendmany up` runs in this directory; raises PermissionError if that may not be seen."""
    try:
        with (state_dir / LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except PermissionError:
        raise
    except OSError:
        return False
    return False
