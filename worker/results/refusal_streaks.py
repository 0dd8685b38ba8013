"""Refusal after refusal: whether the message is at fault, its campaign, or the account.

A campaign whose messages are all refused alike is at fault itself: it stops before its list is used up.
The rule: whole requests in a row, of at least `breakers.refused_with_one_code` messages together,
in which every
message is rejected with one and the same code of the provider's table, and the code blames what the
campaign or the template says, or the account, never the one person. A code that is not in the table may
be about people: it never stops anything.

A message may be refused alone as if for the account: with a 403, in a lane that had its sub-account held
up before, or with such a code on the one message. That does not say whether the account may not send, or
whether this message may not be sent. The others of the request tell, or halves of it: where some are
taken, it is the message.
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
"""Lanes that are counted at the same time."""


def blames_the_message(code: Code) -> bool:
    """Whether a code on one message may as well concern all of its campaign."""
    origin, number = code
    return origin is Origin.API and number in API_CODES and number not in OF_THE_PERSON


FEW = 3
"""So many that are refused alone, and none that is taken, are the account's fault."""
SUSPICION_SECONDS = 3600.0
"""For which a lane is remembered that had its sub-account held up."""


class RefusalStreaks:
    """Counts, lane by lane, how many messages in a row were refused alike; in this process.

    Args:
        many: so many are no accident.
    """

    def __init__(self, many: int) -> None:
        self._many = many
        self._runs: dict[str, tuple[Code, int]] = {}

    def note(self, lane: str, verdicts: Verdicts, messages: int) -> str:
        """Take in what became of one request; says why the lane must stop, or nothing.

        Args:
            messages: that the request held.
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
    """Lanes that had their whole sub-account held up of late; in this process.

    If their messages ask for a channel that is not there, they would do so again and again.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since: dict[str, float] = {}  # lane → our clock
        self._taken: dict[str, float] = {}  # sub-account → when a message of it was taken last

    def add(self, lane: str) -> None:
        """The lane has had its sub-account held up, or would have."""
        now = self._clock()
        fresh = {one: at for one, at in self._since.items() if at + SUSPICION_SECONDS > now}
        self._since = {**fresh, lane: now}

    def has(self, lane: str) -> bool:
        """Whether the lane is one of them."""
        since = self._since.get(lane) if self._since else None
        return since is not None and since + SUSPICION_SECONDS > self._clock()

    def note_taken(self, sub_account: str) -> None:
        """A message of the sub-account was taken."""
        self._taken[sub_account] = self._clock()

    def is_well_since(self, lane: str, sub_account: str) -> bool:
        """Messages of the sub-account were taken since its lane became suspect."""
        since = self._since.get(lane)
        return since is not None and self._taken.get(sub_account, since) > since


def is_hopeless(verdicts: Verdicts) -> bool:
    """No more halves need be asked: it is the account."""
    return not verdicts.accepted and len(verdicts.denied) >= FEW


def decide(verdicts: Verdicts, *, taken_since: bool) -> bool:
    """Empty the list of those that were refused alone. True if it is they: they fail, and an operator
    may have them sent again. If not they go back, and all of the sub-account has to wait.

    Args:
        taken_since: others of the sub-account were taken after the lane had it held up.
    """
    denied = list(verdicts.denied)
    theirs = bool(verdicts.accepted) or (taken_since and len(denied) < FEW)
    verdicts.denied.clear()
    if theirs and not verdicts.account:
        verdicts.failed.extend(denied)
        return True
    verdicts.back.extend(job for job, _ in denied)
    return False
