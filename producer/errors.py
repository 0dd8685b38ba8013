"""What is wrong with what a person hands in.

InputError          the whole input is refused, nothing is launched
BadRow              one row of a recipient file is refused, the others go on
└── BadNumber       … because of its number
KeyConflict         the idempotency key of a message was used for another one
BadTiming           a message expires before it may go, or is to wait for too long
BadPurpose          a message is said to be authentication, and its template is not registered as such
"""

from collections.abc import Sequence

FORGOTTEN = "has been forgotten, and wants no such messages: nothing was stored"


class InputError(Exception):
    """One clear sentence about what is wrong with the input and what to do about it."""


class BadRow(Exception):
    """Why a row cannot be sent to; `number` is its number with most digits hidden.

    `also` are further lines of the file that go with it: each would have been a row of its own.
    `cells` are what is known of a row whose cells cannot be told: its text.
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
    """The text of a row cannot be read as a phone number."""


class KeyConflict(ValueError):
    """The idempotency key was used for another message."""

    def __init__(self, first: str) -> None:
        super().__init__(f"the idempotency key was used for another message, {first}")
        self.first = first  # the id of that message


class BadTiming(ValueError):
    """When a message is to go out makes no sense; `member` names which of its times."""

    def __init__(self, member: str, rule: str) -> None:
        super().__init__(f"{member}: {rule}")
        self.member = member
        self.rule = rule


class BadPurpose(ValueError):
    """A message is said to be `authentication`, and is not: an opt-out could be evaded by one word."""

    def __init__(self, rule: str) -> None:
        super().__init__(f"purpose: {rule}")
        self.rule = rule
