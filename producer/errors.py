"""What is wrong with what a person hands in.

InputError          the whole input is refused, nothing is launched
BadRow              one row of a recipient file is refused, the others go on
└── BadNumber       … because of its number
"""


class InputError(Exception):
    """One clear sentence about what is wrong with the input and what to do about it."""


class BadRow(Exception):
    """Why a row cannot be sent to; `number` is its number with most digits hidden."""

    def __init__(self, reason: str, number: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.number = number


class BadNumber(BadRow):
    """The text of a row cannot be read as a phone number."""
