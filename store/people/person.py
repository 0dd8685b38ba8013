"""One person, and how what is stored names them."""

import re
from dataclasses import dataclass

from chatapps.person_names import canonical
from store.records.outcome import is_number, number_field

_SUFFIX = 7
"""Last digits of a number, which all spellings of it share."""


@dataclass(frozen=True, slots=True)
class Person:
    """A person by number or by the id of a user of a channel."""

    who: str  # digits of an international number, or the id

    @property
    def number(self) -> bytes:
        """As records hold it; empty where it is no number."""
        return number_field(self.who.encode()) if is_number(self.who.encode()) else b""

    @property
    def text(self) -> str:
        """A text that every recipient field of this person holds."""
        return self.who[-_SUFFIX:] if self.number else self.who

    def is_recipient(self, recipient: bytes) -> bool:
        """Whether a recipient, in whatever spelling, is this person."""
        return canonical(recipient) == self.who.encode()

    def is_named_in(self, line: bytes) -> bool:
        """Whether a job line is for this person."""
        if self.is_recipient(line.partition(b"\t")[0]):
            return True
        return not self.number and b'"channelUserId":"%b"' % self.who.encode() in line

    def is_in(self, body: bytes) -> bool:
        """Whether a body that was posted to us names this person."""
        name = re.escape(self.who.encode())
        return re.search(rb"(?<![0-9A-Za-z])%b(?![0-9A-Za-z])" % name, body) is not None
