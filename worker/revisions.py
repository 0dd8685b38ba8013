"""Revision numbers: they show a worker that Redis was restored from an older copy of its data.

Every script that changes a lane raises its revision. A revision can only be lower than a known one, or
gone, if Redis has lost acknowledged writes; then the lane halts until an operator decides. The numbers
are kept in memory and in a small file for each URL of a server, so that they survive a restart.
Campaigns that were seen at another URL are known, too, since a backup may be restored there, but they
are not missed. Losses that no worker remembers are not detected.
"""

import fcntl
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from hashlib import blake2s
from pathlib import Path
from typing import Final

import msgspec
import structlog

from config.private_files import open_private, private_directory, read_private, write_private
from config.settings import Settings
from store.keys import is_of_notifications

log = structlog.get_logger(__name__)
SAVE_SECONDS = 1.0
_NAME = "journals-{}.json"


@dataclass(frozen=True, slots=True)
class Known:
    """Known revision of a lane."""

    revision: int  # the highest seen
    seen_at: int  # s since 1970, by this host's clock
    ended: bool = False
    sent: int = 0  # messages sent, at the last check

    def joined(self, other: "Known | None") -> "Known":
        """Merge the knowledge of two processes: the later status, the higher number."""
        if other is None:
            return self
        last = max(self, other, key=lambda known: (known.revision, known.ended))
        seen_at, sent = max(self.seen_at, other.seen_at), max(self.sent, other.sent)
        return replace(last, seen_at=seen_at, sent=sent)


_read_known: Final = msgspec.json.Decoder(dict[str, Known]).decode


class Revisions:
    """The highest revision of every lane that this host's workers have seen.

    Args:
        path: file of the numbers; None = in memory only.
        keep: seconds after which a lane that was not seen again is forgotten; it may have expired.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        keep: float = 30 * 86400,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._path = path
        self._keep = keep
        self._wall_clock = wall_clock
        self._changed = self._failing = False
        self._saved_at = 0.0
        self._forgotten: set[str] = set()
        self._counted_at: dict[str, int] = {}  # lane → revision
        self._known: dict[str, Known] = self._fresh(self._read(path))
        self._elsewhere: dict[str, int] = {}  # lane → the highest revision
        for other in path.parent.glob(_NAME.format("*")) if path else ():
            for lane, one in self._fresh(self._read(other)).items():
                if not is_of_notifications(lane):
                    self._elsewhere[lane] = max(one.revision, self._elsewhere.get(lane, 0))

    def known(self, lane: str) -> int:
        """The highest revision seen; 0 for none. Read it before the call whose answer is checked."""
        found = self._known.get(lane)
        return max(found.revision if found else 0, self._elsewhere.get(lane, 0))

    def note(self, lane: str, revision: int, *, ended: bool = False) -> None:
        """Record a revision from Redis."""
        now = Known(revision, int(self._wall_clock()), ended)
        before = self._known.get(lane)
        self._known[lane] = now.joined(before)
        self._forgotten.discard(lane)
        self._changed = self._changed or self._known[lane] != before

    def sent(self, lane: str) -> int:
        """Number of its sent messages at the last check of this host's workers."""
        found = self._known.get(lane)
        return found.sent if found else 0

    def is_counted(self, lane: str, revision: int) -> bool:
        """True when its sent messages were counted at this revision."""
        return self._counted_at.get(lane) == revision

    def note_sent(self, lane: str, revision: int, sent: int) -> None:
        """Record the number of sent messages at this revision."""
        self._counted_at[lane] = revision
        before = self._known.get(lane)
        if before is not None and before.sent != sent:
            self._known[lane] = replace(before, sent=sent)
            self._changed = True

    def forget(self, lane: str) -> None:
        self._known.pop(lane, None)
        self._elsewhere.pop(lane, None)
        self._counted_at.pop(lane, None)
        self._forgotten.add(lane)
        self._changed = True

    def unfinished(self) -> list[str]:
        """Lanes that should exist and have not ended."""
        return [lane for lane, known in self._fresh(self._known).items() if not known.ended]

    def save_if_due(self) -> None:
        """Save changes, at most once a second."""
        if self._wall_clock() >= self._saved_at + SAVE_SECONDS:
            self.save()

    def save(self) -> None:
        """Save changes, merged with those of other processes of this host."""
        if self._path is None or not self._changed:
            return
        self._saved_at = self._wall_clock()
        try:
            private_directory(self._path.parent, tighten=False)
            lock = open_private(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT)
            with os.fdopen(lock, "rb"):
                fcntl.flock(lock, fcntl.LOCK_EX)
                self._merge(self._read(self._path))
                known = {lane: asdict(known) for lane, known in self._known.items()}
                write_private(self._path, json.dumps(known))
        except OSError as error:  # a disk may be full for a while
            if not self._failing:
                log.warning("revisions_not_saved", error=str(error))
            self._failing = True
            return
        self._changed = self._failing = False

    def _merge(self, others: dict[str, Known]) -> None:
        for lane, known in others.items():
            if lane not in self._forgotten:
                self._known[lane] = known.joined(self._known.get(lane))
        self._known = self._fresh(self._known)

    def _fresh(self, known: dict[str, Known]) -> dict[str, Known]:
        since = self._wall_clock() - self._keep
        return {lane: one for lane, one in known.items() if one.seen_at > since}

    @staticmethod
    def _read(path: Path | None) -> dict[str, Known]:
        if path is None:
            return {}
        try:
            return _read_known(read_private(path))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            log.warning("revisions_not_read", error=type(error).__name__)
            return {}


def open_revisions(settings: Settings) -> Revisions:
    """The revisions of the configured Redis, as kept in the state directory."""
    which = blake2s(
        f"{settings.redis_url}{settings.key_prefix}".encode(), digest_size=4
    ).hexdigest()
    path = settings.state_dir / _NAME.format(which)
    return Revisions(path, keep=settings.retention_days * 86400)
