"""What stands in a limiter at this moment, for people. Nothing here changes anything."""

from dataclasses import dataclass
from typing import Any

from store.client import Call, command
from store.keys import limiter
from store.limits.rate_limit import Limits


@dataclass(frozen=True, slots=True)
class Limiter:
    """A limiter of a sub-account; the times are Redis' clock in µs, 0 = nothing is known."""

    messages: int  # theoretical arrival time
    blocked_until: int

    def free(self, limits: Limits, now: int) -> int | None:
        """Messages that may go out at once; None where there is no limit, or nobody has sent lately.

        Args:
            now: µs.
        """
        if limits.messages_per_second <= 0 or not self.messages:
            return None
        if self.blocked_until > now:
            return 0
        used = max(0, self.messages - now) * limits.messages_per_second / 1_000_000
        return max(0, int(limits.burst - used))


def read_limiter(sub_account: str) -> Call[Limiter]:
    """The limiter of a sub-account."""
    return command("HMGET", limiter(sub_account), "messages", "blocked_until", parse=_limiter)


def _limiter(reply: Any) -> Limiter:
    messages, blocked_until = (int(float(value or 0)) for value in reply)
    return Limiter(messages, blocked_until)
