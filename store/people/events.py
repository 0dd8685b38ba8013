"""Events of people for the outcome stream: opt-outs and replies.

They are kept for a week in the shard of the person, opt-outs by the script that adds them, and only
while a subscription wants their type. The stream holds references (worker/outcomes.py): what is erased
here is gone from there, too.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from store.client import Call, command, script_call, text
from store.keys import SUBSCRIPTIONS, person_events, shard_of
from store.purposes import BY_LETTER

OPT_OUT: Final = "optout.added"
REPLY: Final = "reply.received"
AT_ONCE: Final = 1000
"""Events that one call reads."""


class PersonEvent(NamedTuple):
    """An event of a person."""

    id: str  # begins with the ms since 1970 when it was kept
    type: str
    who: str
    members: Mapping[str, str]  # of the event, without the person

    @property
    def reference(self) -> bytes:
        """As the outcome stream holds it."""
        return f"{self.type} {self.id}".encode()


def wanting(type_: str) -> Call[set[str]]:
    """The sub-accounts with a subscription of this type."""

    def parse(reply: Any) -> set[str]:
        found = [json.loads(one) for one in reply]
        return {one["sub_account"] for one in found if type_ in one["types"]}

    return command("HVALS", SUBSCRIPTIONS, parse=parse)


def keep_person_event(scope: str, type_: str, who: str, **members: str) -> Call[bool]:
    """Keep an event of a person."""
    body = json.dumps({"type": type_, "who": who, **members}, ensure_ascii=False)
    return script_call("keep_person_event", (person_events(scope, shard_of(who)),), (body,), bool)


def person_events_after(scope: str, shard: int, last: str) -> Call[Sequence[PersonEvent]]:
    """The next events of a shard behind an id."""
    key = person_events(scope, shard)
    return command("XRANGE", key, f"({last}", "+", "COUNT", AT_ONCE, parse=_events)


def read_person_event(scope: str, shard: int, id: str) -> Call[PersonEvent | None]:
    """An event; None if it is erased."""
    key = person_events(scope, shard)
    return command("XRANGE", key, id, id, parse=lambda reply: next(iter(_events(reply)), None))


def _events(reply: Any) -> list[PersonEvent]:
    return [_one(text(id), fields) for id, fields in reply]


def _one(id: str, fields: Any) -> PersonEvent:
    body = fields[b"body"] if isinstance(fields, Mapping) else fields[1]
    members = json.loads(body)
    if "purposes" in members:
        members["purposes"] = ",".join(BY_LETTER[one] for one in members["purposes"]) or "all"
    return PersonEvent(id, members.pop("type"), members.pop("who"), members)
