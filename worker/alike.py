"""A campaign whose messages are all refused alike is at fault itself: it stops before its list is burnt.

The rule: whole requests in a row, of at least `breakers.refused_alike` messages together, in which every
message is rejected with one and the same code of the provider's table, and the code blames what the
campaign or the template says, or the account, never the one person. A code that is not in the table may
be about people: it never stops anything.
"""

from chatapps.codes import API_CODES, meaning
from store.outcomes import Origin
from worker.decisions import Code, Verdicts

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


class Alike:
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
