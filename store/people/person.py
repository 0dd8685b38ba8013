"""One person, and their spellings in stored data."""

import re
from dataclasses import dataclass

from chatapps.person_names import canonical
from store.records.outcome import is_number, number_field

_SUFFIX = 7
"""Last digits of a number, which all its spellings share."""
_CODE = re.compile(r"1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|\d{3}", re.ASCII)
"""A country code at the start of a number (ITU-T E.164)."""
_BETWEEN = r"[^\d\n]{0,2}(?:\(0\))?[^\d\n]?"
"""Signs that people write between digits, as in `+44 (0)7700-900 123`."""


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

    @property
    def cell_pattern(self) -> re.Pattern[str]:
        """Matches a row of a table with this person in any spelling, also without the country code."""
        code = _CODE.match(self.who) if self.number else None
        if code is None:
            return re.compile(rf"(?<![0-9A-Za-z]){re.escape(self.who)}(?![0-9A-Za-z])")
        own = _BETWEEN.join(self.who[code.end() :])
        number = rf"(?:{_BETWEEN.join(code[0])}{_BETWEEN})?{own}"
        exact = self.who.rstrip("0")  # as spreadsheets shorten it: 4.477009E+11
        short = rf"{exact[0]}[.,]{exact[1:]}0*E\+?{len(self.who) - 1}"
        return re.compile(rf"(?<!\d)(?:0{{0,3}}{number}(?:[.,]0+)?|{short})(?!\d)", re.IGNORECASE)

    def is_in(self, body: bytes) -> bool:
        """True when a webhook body names this person."""
        name = re.escape(self.who.encode())
        return re.search(rb"(?<![0-9A-Za-z])%b(?![0-9A-Za-z])" % name, body) is not None
