"""Request bodies of `send many`, rendered from the lines of queued jobs."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from operator import itemgetter

from chatapps.rendering.job_line import escape_value

Job = tuple[int, int, bytes]  # index in the lane, attempt, line

_LANE = re.compile(r"[a-z0-9-]{1,24}")
_AFTER_DIGITS = b":"  # a number sorts before it, a user id (which starts with a country) after
_MESSAGE_START = b'\t{"'
_BRACE = ord("}")
_last_byte = itemgetter(-1)


class BrokenJob(ValueError):
    """A job's line does not fit the content of its lane."""

    def __init__(self, lane: str, index: int) -> None:
        self.index = index
        super().__init__(f"the line of job {lane}.{index} does not fit the content of its lane")


class Renderer(ABC):
    """Renders jobs of one lane into a request body."""

    def __init__(self, lane: str, shared: bytes | None = None) -> None:
        if not _LANE.fullmatch(lane):
            raise ValueError(f"a lane id is 1 to 24 of a-z, 0-9 and -, not {lane!r}")
        self.lane = lane
        self._template = b"" if shared is None else b'"template":%b,' % shared

    @abstractmethod
    def messages(self, jobs: Sequence[Job]) -> list[bytes]:
        """The messages of `jobs` in their order, each a JSON object; raises BrokenJob."""

    def assemble(self, client_batch_id: str, messages: Sequence[bytes]) -> bytes:
        """The request body around rendered messages."""
        return (b'{"clientBatchId":"%b","includeMessagesInResponse":true,%b"messages":[%b]}') % (
            escape_value(client_batch_id),
            self._template,
            b",".join(messages),
        )

    def render(self, client_batch_id: str, jobs: Sequence[Job]) -> bytes:
        """The request body for `jobs`; raises BrokenJob."""
        return self.assemble(client_batch_id, self.messages(jobs))


class ContentRenderer(Renderer):
    """Renders the jobs of a campaign; made by `CompiledContent.renderer`."""

    def __init__(
        self,
        lane: str,
        shared: bytes | None,
        segments: Sequence[bytes],
        slots: Sequence[int],
        columns: int,
    ) -> None:
        super().__init__(lane, shared)
        self._to_number = _message_format(lane, b'"msisdn":"+%b"', segments)
        self._to_user_id = _message_format(lane, b'"channelUserId":"%b"', segments)
        places = [0, *(slot + 1 for slot in slots)]
        self._pick: Callable[[list[bytes]], Sequence[bytes]] | None = None
        if places != list(range(columns + 1)):
            self._pick = itemgetter(*places) if slots else itemgetter(slice(1))

    def messages(self, jobs: Sequence[Job]) -> list[bytes]:
        try:
            return self._fill(jobs)
        except (TypeError, IndexError) as error:
            raise BrokenJob(self.lane, self._find_broken(jobs)) from error

    def _fill(self, jobs: Sequence[Job]) -> list[bytes]:
        # The hot loop of sending: one `%` for each message, no Python call inside it.
        to_number, to_user_id, pick = self._to_number, self._to_user_id, self._pick
        if pick is None:
            return [
                (to_number if line < _AFTER_DIGITS else to_user_id)
                % (index, attempt, *line.split(b"\t"))
                for index, attempt, line in jobs
            ]
        return [
            (to_number if line < _AFTER_DIGITS else to_user_id)
            % (index, attempt, *pick(line.split(b"\t")))
            for index, attempt, line in jobs
        ]

    def _find_broken(self, jobs: Sequence[Job]) -> int:
        for job in jobs:
            try:
                self._fill([job])
            except (TypeError, IndexError):
                return job[0]
        raise AssertionError("no job alone is broken")


class MessageRenderer(Renderer):
    """Renders the jobs of a notification lane: each line holds a whole message."""

    def __init__(self, lane: str) -> None:
        super().__init__(lane)
        self._format = b'{"clientMessageId":"%b.%%d.%%d",%%b' % lane.encode()

    def messages(self, jobs: Sequence[Job]) -> list[bytes]:
        form, start = self._format, _MESSAGE_START
        try:
            # drop the message's brace: our own member comes first
            messages = [
                form % (index, attempt, line[line.index(start) + 2 :])
                for index, attempt, line in jobs
            ]
        except ValueError as error:
            broken = next(index for index, _, line in jobs if start not in line)
            raise BrokenJob(self.lane, broken) from error
        return messages if {_BRACE}.issuperset(map(_last_byte, messages)) else _cut(messages)


def _cut(messages: Sequence[bytes]) -> list[bytes]:
    """Without the suffix of purpose and expiry, which is not part of the message."""
    return [one if one[-1] == _BRACE else one[: one.rindex(b"\t")] for one in messages]


def _message_format(lane: str, address: bytes, segments: Sequence[bytes]) -> bytes:
    """A `%` format for one message: index, attempt, recipient, values."""
    own = b"%b".join(segment.replace(b"%", b"%%") for segment in segments)
    return b'{"clientMessageId":"%b.%%d.%%d","user":{%b}%b}' % (lane.encode(), address, own)
