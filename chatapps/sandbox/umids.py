"""Message ids that encode the status of the message.

A million messages must cost no memory, yet an unknown id must be recognised. So a umid is a UUID made of
the run, the error code, the second and a serial number:

    rrrrrrrr-cccc-4sss-8sss-nnnnnnnnnnnn
"""

import re
from dataclasses import dataclass

_FORM = re.compile(r"([0-9a-f]{8})-([0-9a-f]{4})-4([0-9a-f]{3})-8([0-9a-f]{3})-([0-9a-f]{12})")
_SECONDS_LIMIT = 1 << 24  # half a year


@dataclass(frozen=True, slots=True)
class MessageStatus:
    """Content of a umid: error code (0 = accepted) and second of the run."""

    code: int
    second: int


class UmidMint:
    """Makes and reads the umids of one run. `run` is 8 hex digits."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._issued = 0

    def stem(self, code: int, second: int) -> str:
        """The part of a umid that messages with the same code and second share."""
        seconds = f"{second % _SECONDS_LIMIT:06x}"
        return f"{self._run}-{code:04x}-4{seconds[:3]}-8{seconds[3:]}-"

    def complete(self, stem: str) -> str:
        """The next umid that starts with this stem."""
        self._issued += 1
        return f"{stem}{self._issued:012x}"

    def read(self, umid: str) -> MessageStatus | None:
        """The status of a message, or None for an id of another run."""
        match = _FORM.fullmatch(umid.lower())
        if match is None or match[1] != self._run or not 0 < int(match[5], 16) <= self._issued:
            return None
        return MessageStatus(int(match[2], 16), int(match[3] + match[4], 16))
