"""The note that a running `sendmany up` leaves in its state directory, with its addresses.

While it runs it holds a lock beside the note, so that the note of a killed one is ignored. So is a note
of another user, who could redirect our messages to his server.
"""

import fcntl
import json
import os
from pathlib import Path
from typing import Any

from config.private_files import open_private, read_private, see_that_ours

LOCK = "up.lock"
NOTE = "up.json"


def read_note(state_dir: Path) -> dict[str, Any]:
    """Read the note; empty when no `sendmany up` runs there. Its `settings` are for other commands.

    Raises:
        PermissionError: the directory or the note of a running one is not readable, or belongs to
            another user.
        NotADirectoryError: it is a file.
    """
    if not is_running(state_dir):
        return {}
    try:
        note = json.loads(read_private(state_dir / NOTE))
    except PermissionError:
        raise
    except (OSError, ValueError):  # it is starting or stopping
        return {}
    return note if isinstance(note, dict) else {}


def is_running(state_dir: Path) -> bool:
    """True when a `sendmany up` of this user runs in this directory; raises errors as
    `read_note`."""
    try:
        see_that_ours(state_dir)
        lock = open_private(state_dir / LOCK, os.O_RDONLY)
    except (PermissionError, NotADirectoryError):
        raise
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(lock)
    return False
