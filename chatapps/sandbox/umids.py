"""Message ids that remember for themselves what became of the message.

A million messages must cost the sandbox no memory, yet it must tell a known id from an unknown one.
So a umid, a well-formed UUID, spells the run, the error code, the second and a serial number:

    rrrrrrrr-cccc-4sss-8sss-nnnnnnnnnnnn
"""

import re
from dataclasses import dataclass

_FORM = re.compile(r"([0-9a-f]{8})-([0-9a-f]{4})-4([0-9a-f]{3})-8([0-9a-f]{3})-([0-9a-f]{12})")
_SECONDS_LIMIT = 1 << 24  # half a year


@dataclass(frozen=True, slots=True)
class MessageStatus:
    """What a umid tells: the error code (0 = taken), and the second of the run it was given in."""

    code: int
    second: int


class UmidMint:
    """Makes and reads the umids of one run. `run` is 8 hex digits."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._issued = 0

    def stem(self, code: int, second: int) -> str:
        """The part of a umid that messages with one fate at one time share."""
        seconds = f"{second % _SECONDS_LIMIT:06x}"
        return f"{self._run}-{code:04x}-4{seconds[:3]}-8{seconds[3:]}-"

    def complete(self, stem: str) -> str:
        """The next umid that starts with this stem."""
        self._issued += 1
        return f"{stem}{self._issued:012x}"

    def read(self, umid: str) -> MessageStatus | None:
        """What became of a message, or None for an id that was never given."""
        match = _FORM.fullmatch(umid.lower())
        if match is None or match[1] != self._run or not 0 < int(match[5], 16) <= self._issued:
            return None
        return MessageStatus(int(match[2], 16), int(match[3] + match[4], 16))
