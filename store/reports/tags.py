"""The tags of a lane's messages. Only reads."""

from typing import Any

from store.client import Call, Store, command, text
from store.keys import OUTCOMES_PER_KEY, lane_keys


class LaneTags:
    """Tags by index. Those of a thousand messages are read together, when the first one is asked for."""

    def __init__(self, store: Store, lane_id: str) -> None:
        self._store, self._keys = store, lane_keys(lane_id)
        self._first, self._numbers = -1, b""
        self._tags: dict[int, str] = {}

    def of(self, index: int) -> str:
        """The tag of a message; empty for none."""
        first = index - index % OUTCOMES_PER_KEY
        if first != self._first:
            self._first, last = first, first + OUTCOMES_PER_KEY - 1
            read = command("GETRANGE", self._keys.tagged, first, last, parse=_blob)
            self._numbers = self._store.run(read)
        (number,) = self._numbers[index - first : index - first + 1] or b"\0"
        if number and number not in self._tags:
            self._tags = self._store.run(command("HGETALL", self._keys.tags, parse=_by_number))
        return self._tags.get(number, "")


def has_tag(lane_id: str, tag: str) -> Call[bool]:
    """True when a message of the lane was given this tag."""
    return command("HEXISTS", lane_keys(lane_id).tags, tag, parse=bool)


def _blob(reply: Any) -> bytes:
    return reply or b""


def _by_number(reply: Any) -> dict[int, str]:
    pairs = reply.items() if isinstance(reply, dict) else zip(reply[::2], reply[1::2], strict=True)
    return {int(number): text(tag) for tag, number in pairs}
