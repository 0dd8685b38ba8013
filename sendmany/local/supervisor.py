"""Restarts processes of `sendmany up` that end by themselves, with growing pauses."""

import signal
import time
from collections import defaultdict
from collections.abc import Callable

from sendmany.errors import ProcessError
from sendmany.local.stack import Local

BACKOFF_SECONDS = (0.5, 1, 2, 4)
MAX_DEATHS = 5
DEATHS_SECONDS = 60.0


class Supervisor:
    """Supervises the processes of one machine.

    Args:
        tell: takes a sentence about each end and each restart.
        clock: seconds, monotonic.
    """

    def __init__(
        self, local: Local, tell: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._local = local
        self._tell = tell
        self._clock = clock
        self._deaths: defaultdict[str, list[float]] = defaultdict(list)
        self._restart_at: dict[str, float] = {}

    def look(self) -> None:
        """Detect ended processes, and restart those whose pause is over.

        Raises:
            ProcessError: a process has ended `MAX_DEATHS` times within `DEATHS_SECONDS`.
        """
        for name, code in self._local.ended().items():
            if name not in self._restart_at:
                self._note_death(name, code)
        for name, at in list(self._restart_at.items()):
            if at <= self._clock():
                del self._restart_at[name]
                self._restart(name)

    def _note_death(self, name: str, code: int) -> None:
        now, log = self._clock(), self._local.log_of(name)
        recent = [at for at in self._deaths[name] if at > now - DEATHS_SECONDS]
        self._deaths[name] = [*recent, now]
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        if len(self._deaths[name]) >= MAX_DEATHS:
            raise ProcessError(
                f"The {name} has ended {MAX_DEATHS} times within {DEATHS_SECONDS:g} seconds ({how}): "
                f"see {log}."
            )
        pause = BACKOFF_SECONDS[len(recent)]
        self._restart_at[name] = now + pause
        self._tell(
            f"The {name} ended by itself ({how}); it is started again in {pause:g} s. Its log: {log}"
        )

    def _restart(self, name: str) -> None:
        try:
            self._local.restart(name)
        except ProcessError as error:  # it has ended again; the next look notes it
            self._tell(str(error))
        else:
            self._tell(f"The {name} has been started again.")
