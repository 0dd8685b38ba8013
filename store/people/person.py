"""One person, and their spellings in stored data."""

import re
from dataclasses import dataclass

from chatapps.person_names import canonical
from store.records.outcome import is_number, number_field

_SUFFIX = 7
"""Last digits of a number, which all its spellings share."""


@dataclass(frozen=True, slots=True)
class Person:
    """A person by number or by a channel's user id."""

    who: str  # digits of an international number, or the id

    @property
    def number(self) -> bytes:
        """The number as in records; empty for an id."""
        return number_field(self.who.encode()) if is_number(self.who.encode()) else b""

    @property
    def text(self) -> str:
        """A text contained in every recipient field of this person."""
        return self.who[-_SUFFIX:] if self.number else self.who

    def is_recipient(self, recipient: bytes) -> bool:
        """True when a recipient, in any spelling, is this person."""
        return canonical(recipient) == self.who.encode()

    def is_named_in(self, line: bytes) -> bool:
        """True when a job line is for this person."""
        if self.is_recipient(line.partition(b"\t")[0]):
            return True
        return not self.number and b'"channelUserId":"%b"' % self.who.encode() in line

    def is_in(self, body: bytes) -> bool:
        """True when a webhook body names this person."""
        name = re.escape(self.who.encode())
        return re.search(rb"(?<![0-9A-Za-z])%b(?![0-9A-Za-z])" % name, body) is not None
