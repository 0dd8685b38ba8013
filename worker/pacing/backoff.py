"""Backoff: when this process may claim for a sub-account again, and waits after failures."""

import random
from collections.abc import Callable, Iterable

from tenacity import RetryCallState

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0


class Backoff:
    """Sub-accounts and lanes that this process pauses.

    Local to this process: shared pauses, as after a 429, are kept in the store. A host that cannot reach
    the provider must not hold up others.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float], rng: random.Random) -> None:
        self._clock = clock
        self._rng = rng
        self._until: dict[tuple[str, bool], float] = {}  # sub-account, urgent → our clock
        self._lanes_until: dict[str, float] = {}  # lane → our clock
        self._unreached: dict[str, int] = {}  # sub-account → consecutive pauses
        self._failed: dict[str, set[str]] = {}  # sub-account → lanes with a failed probe

    def hold(self, sender: str, seconds: float, *, urgent: bool) -> None:
        """Pause the urgent lanes of a sub-account, or the others, for so long."""
        until = self._clock() + seconds
        self._until[sender, urgent] = max(until, self._until.get((sender, urgent), 0.0))

    def is_free(self, sender: str, *, urgent: bool) -> bool:
        """True when such lanes of this sub-account may be claimed from."""
        return self._until.get((sender, urgent), 0.0) <= self._clock()

    def hold_lane(self, lane: str, seconds: float) -> None:
        """Pause one lane."""
        now = self._clock()
        self._lanes_until = {one: at for one, at in self._lanes_until.items() if at > now}
        self._lanes_until[lane] = now + seconds

    def lane_is_free(self, lane: str) -> bool:
        """True when this lane may be claimed from."""
        return self._lanes_until.get(lane, 0.0) <= self._clock()

    def next_end(self) -> float | None:
        """Seconds until the first pause ends; None if there is none."""
        now, ends = self._clock(), (*self._until.values(), *self._lanes_until.values())
        return min((until - now for until in ends if until > now), default=None)

    def probe_failed(self, sender: str, lane: str) -> None:
        """Record a failed probe of the whole sub-account by this lane."""
        self._failed.setdefault(sender, set()).add(lane)

    def gives_way(self, sender: str, lane: str, ready: Iterable[str]) -> bool:
        """True when another lane of the sub-account should probe next: this one's messages may be the
        cause.

        Args:
            ready: ready lanes of the sub-account.
        """
        failed = self._failed.get(sender, set())
        if lane not in failed:
            return False
        if set(ready) - failed:
            return True
        failed.clear()  # each has had its turn
        return False

    def goes_on(self, sender: str) -> None:
        """The sub-account is not held up any more."""
        self._failed.pop(sender, None)

    def not_reached(self, sender: str) -> float:
        """Pause after the provider was not reached, longer each time. Returns the seconds of the pause.

        Requests in flight at the same time fail together and count as one failure.
        """
        if self.is_free(sender, urgent=True):
            times = self._unreached[sender] = self._unreached.get(sender, 0) + 1
            pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(times - 1, 10))
            for urgent in (True, False):
                self.hold(sender, pause * self._rng.uniform(0.5, 1), urgent=urgent)
        return self._until[sender, True] - self._clock()

    def reached(self, sender: str) -> None:
        """The provider was reached."""
        self._unreached.pop(sender, None)


def longest_wait(base: float, cap: float, failures: int) -> float:
    """Most seconds to wait after so many failures; doubles with each."""
    return min(cap, base * 2.0 ** min(failures, 20))


def full_jitter(base: float, cap: float, rng: random.Random) -> Callable[[RetryCallState], float]:
    """A wait strategy: random within a span that doubles with each attempt."""

    def wait(state: RetryCallState) -> float:
        return rng.uniform(0, longest_wait(base, cap, state.attempt_number - 1))

    return wait
