"""Errors of user input.

InputError          the whole input is refused, nothing is launched
└── NotAgreed       … too many rows are invalid, or the agreed plan has changed
BadRow              one row of a recipient file is refused, the others go on
└── BadNumber       … because of its number
KeyConflict         the idempotency key was used for another message
BadTiming           a message expires before it may be sent, or is scheduled too far ahead
BadPurpose          the purpose is authentication, but the template is not registered as such
BadTag              the tag of a message is malformed, or one too many
"""

from collections.abc import Sequence

from config.errors import ReportedError

FORGOTTEN = "has been forgotten, and wants no such messages: nothing was stored"


class InputError(ReportedError):
    """One sentence about a problem of the input and its remedy."""


class NotAgreed(InputError):
    """The launch does not match its agreement."""


class BadRow(Exception):
    """An invalid row with its reason; `number` is its number with most digits masked.

    `also` are further lines of the file that belong to it, each of which would have been a row. `cells`
    is the text of a row that cannot be split into cells.
    """

    def __init__(
        self,
        reason: str,
        number: str | None = None,
        also: Sequence[int] = (),
        cells: Sequence[str] = (),
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.number = number
        self.also = also
        self.cells = cells


class BadNumber(BadRow):
    """The cell cannot be read as a phone number."""


class KeyConflict(ReportedError, ValueError):
    """The idempotency key was used for another message."""

    def __init__(self, first: str) -> None:
        super().__init__(f"the idempotency key was used for another message, {first}")
        self.first = first  # the id of that message


class BadTiming(ValueError):
    """Invalid times of a message; `member` names the one at fault."""

    def __init__(self, member: str, rule: str) -> None:
        super().__init__(f"{member}: {rule}")
        self.member = member
        self.rule = rule


class BadPurpose(ValueError):
    """The purpose `authentication` without such a template: one word would bypass an opt-out."""

    def __init__(self, rule: str) -> None:
        super().__init__(f"purpose: {rule}")
        self.rule = rule


class BadTag(ValueError):
    """The tag of a message is malformed, or the lane of the day has no room for another one."""

    def __init__(self, rule: str) -> None:
        super().__init__(f"tag: {rule}")
        self.rule = rule
