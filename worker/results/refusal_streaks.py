"""Streaks of refusals: decides whether the message, its campaign, or the account is at fault.

A campaign whose messages are all refused alike is at fault itself and stops before its list is used up.
The rule: whole requests in a row, of at least `breakers.refused_with_one_code` messages together, in
which every message is rejected with the same code of the provider's table, and the code blames the
campaign's content, the template or the account, not the person. Unknown codes may be about people: they
never stop anything.

A message may be refused alone for a reason of the account: with a 403, in a lane that had its
sub-account held up before, or with such a code on the one message. Then either the account may not send,
or this message is not allowed. The other messages of the request decide, or its halves: if some are
accepted, the message is at fault.
"""

from collections.abc import Callable

from chatapps.codes import API_CODES, meaning
from store.records.outcome import Origin
from worker.results.classify import Code, Verdicts

OF_THE_PERSON = frozenset(
    {1002, 1009, 1054, 3001, 3002, 3003, 3015, 3016, 3018, 3019, 3028, 3029, 3047, 3050}
)
"""Codes about a recipient's number or id (provider docs, error codes)."""
ROOM = 1024
"""Lanes counted at the same time."""


def blames_the_message(code: Code) -> bool:
    """True when a code on one message may concern its whole campaign."""
    origin, number = code
    return origin is Origin.API and number in API_CODES and number not in OF_THE_PERSON


FEW = 3
"""So many single refusals, and no accepted message, blame the account."""
SUSPICION_SECONDS = 3600.0
"""Seconds for which a lane stays suspect after it had its sub-account held up."""


class RefusalStreaks:
    """Counts consecutive equal refusals by lane, in this process.

    Args:
        many: length of a streak that stops the lane.
    """

    def __init__(self, many: int) -> None:
        self._many = many
        self._runs: dict[str, tuple[Code, int]] = {}

    def note(self, lane: str, verdicts: Verdicts, messages: int) -> str:
        """Add the verdicts of one request; returns the reason to stop the lane, or ''.

        Args:
            messages: number in the request.
        """
        if len(verdicts.rejected) < messages or not messages:
            self._runs.pop(lane, None)
            return ""
        codes = {code for _, code in verdicts.rejected}
        code = codes.pop()
        if codes or not blames_the_message(code):
            self._runs.pop(lane, None)
            return ""
        last, n = self._runs.pop(lane, (code, 0))
        n = n + messages if last == code else messages
        if n >= self._many:
            return f"each of the last {n:,} messages was refused with code {code[1]}: {meaning(code[1])}"
        if len(self._runs) >= ROOM:
            self._runs.clear()
        self._runs[lane] = (code, n)
        return ""


class Suspects:
    """Lanes that recently had their whole sub-account held up, in this process.

    Messages that ask for a missing channel would do so again and again.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since: dict[str, float] = {}  # lane → our clock
        self._taken: dict[str, float] = {}  # sub-account → time of its last accepted message

    def add(self, lane: str) -> None:
        """Add a lane that had its sub-account held up, or would have."""
        now = self._clock()
        fresh = {one: at for one, at in self._since.items() if at + SUSPICION_SECONDS > now}
        self._since = {**fresh, lane: now}

    def has(self, lane: str) -> bool:
        since = self._since.get(lane) if self._since else None
        return since is not None and since + SUSPICION_SECONDS > self._clock()

    def note_taken(self, sub_account: str) -> None:
        self._taken[sub_account] = self._clock()

    def is_well_since(self, lane: str, sub_account: str) -> bool:
        """True when messages of the sub-account were accepted since its lane became suspect."""
        since = self._since.get(lane)
        return since is not None and self._taken.get(sub_account, since) > since


def is_hopeless(verdicts: Verdicts) -> bool:
    """True when the account is at fault and further splitting is pointless."""
    return not verdicts.accepted and len(verdicts.denied) >= FEW


def decide(verdicts: Verdicts, *, taken_since: bool) -> bool:
    """Empty the list of messages refused alone. True if the messages are at fault: they fail, and an
    operator may resend them. If not they are requeued, and the whole sub-account waits.

    Args:
        taken_since: other messages of the sub-account were accepted after the lane had it held up.
    """
    denied = list(verdicts.denied)
    theirs = bool(verdicts.accepted) or (taken_since and len(denied) < FEW)
    verdicts.denied.clear()
    if theirs and not verdicts.account:
        verdicts.failed.extend(denied)
        return True
    verdicts.back.extend(job for job, _ in denied)
    return False
