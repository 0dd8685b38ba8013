"""Turns a caller's JSON into an order for the store, or an error."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec
from fastapi import HTTPException
from pydantic import ValidationError

from chatapps.messages import MessageError
from config.sections import SettingsError
from config.settings import Settings
from producer.errors import BadPurpose, BadTag, BadTiming
from producer.messages.enqueue import Order
from producer.messages.item import Item, pack_item
from sendmany.api.schemas.messages import (
    LONGEST_KEY,
    MessageIn,
    PriorityName,
    PurposeName,
    path_of,
)
from store.access.tokens import Token
from store.lanes.lane import Priority
from store.purposes import Purpose
from store.templates import Registry

MOST_PROBLEMS: Final = 10
"""Most problems reported per item."""
MOST_BYTES: Final = 256 * 1024
"""Most bytes of a message; ten times the largest that the provider takes."""

Problems = list[dict[str, str]]


class CommonIn(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The common shape of items; the message is not parsed yet. A subset of `MessageIn`."""

    message: msgspec.Raw
    key: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_KEY)] | None = None
    priority: PriorityName = "normal"
    sub_account: Annotated[str, msgspec.Meta(min_length=1, max_length=50)] | None = None
    purpose: PurposeName | None = None
    tag: str | None = None


Asked = CommonIn | MessageIn
_read_common: Final = msgspec.json.Decoder(CommonIn).decode
_read_members: Final = msgspec.json.Decoder(
    msgspec.defstruct(
        "Members",
        [(name, msgspec.Raw, msgspec.Raw()) for name in MessageIn.model_fields],
        forbid_unknown_fields=True,
    )
).decode
_UNKNOWN: Final = "Object contains unknown field `"
_SURPLUS: Final = "Extra inputs are not permitted"


class Refused(Exception):
    """An item is refused; `problems` are in the form of the response."""

    def __init__(self, error: str, problems: Problems, status: int = 422) -> None:
        super().__init__(error)
        self.error = error
        self.problems = problems
        self.status = status

    def answer(self) -> HTTPException:
        """The response for a request with one message."""
        return HTTPException(self.status, {"detail": self.error, "problems": self.problems})


def read_item(given: msgspec.Raw) -> Asked:
    """Parse an item, or the body of a request with one message; raises Refused."""
    if len(given) > MOST_BYTES:
        problem = _problem("", f"is larger than {MOST_BYTES >> 10} KiB")
        raise Refused("The message is too large.", [problem])
    try:
        return _read_common(given)
    except (ValueError, RecursionError):  # another shape, or invalid JSON
        pass
    try:
        _read_members(
            given
        )  # many unknown members would take a second; here the first one ends the check
        return MessageIn.model_validate_json(bytes(given))
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        problems = [_problem(path_of(one["loc"]), one["msg"]) for one in details[:MOST_PROBLEMS]]
        raise Refused("The request does not fit.", problems) from None
    except (ValueError, RecursionError) as error:
        raise unfit(error) from None


def unfit(error: Exception) -> Refused:
    """The first problem that msgspec has found in a JSON document, without quoting it."""
    if not isinstance(error, msgspec.ValidationError):
        return Refused("The request does not fit.", [_problem("", "This is not JSON")])
    said, _, place = str(error).partition(" - at `$")
    steps = place.rstrip("`").lstrip(".").split(".") if place else []
    if said.startswith(_UNKNOWN):
        name = said.removeprefix(_UNKNOWN).rstrip("`")
        return Refused("The request does not fit.", [_problem(path_of([name]), _SURPLUS)])
    return Refused("The request does not fit.", [_problem(path_of(filter(None, steps)), said)])


def is_timed(given: Asked) -> bool:
    """True when reading it needs Redis' clock."""
    return isinstance(given, MessageIn) and (
        (given.expires_at or given.expires_in or given.send_at) is not None
    )


def order(given: Asked, key: str | None, account: str, now_ms: int, registry: Registry) -> Order:
    """Validate one message.

    Args:
        key: of the header.
        account: its sub-account.
        now_ms: Redis' clock; needed if `is_timed`.
        registry: of the sub-account; needed for the purpose authentication.

    Raises:
        Refused: with the reason.
    """
    timed = given if isinstance(given, MessageIn) else None
    item = Item(
        message=bytes(given.message) if isinstance(given.message, msgspec.Raw) else given.message,
        key=_key(given.key, key),
        expires_at=_end(timed, now_ms) if timed else None,
        send_at=timed.send_at if timed else None,
        purpose=Purpose(given.purpose) if given.purpose else None,
        tag=given.tag,
    )
    try:
        return Order(pack_item(item, now_ms, registry), account, Priority(given.priority))
    except MessageError as error:
        problems = [
            _problem(_inside_message(one.path), one.rule) for one in error.problems[:MOST_PROBLEMS]
        ]
        raise Refused("The provider would refuse the message.", problems) from None
    except BadTiming as error:
        raise Refused("Its times make no sense.", [_problem(error.member, error.rule)]) from None
    except BadTag as error:
        raise Refused("Its tag does not fit.", [_problem("tag", error.rule)]) from None
    except BadPurpose as error:
        raise Refused(
            "It is no authentication message.", [_problem("purpose", error.rule)]
        ) from None


def account_of(wanted: str | None, caller: Token, settings: Settings) -> str:
    """The sub-account of a request that names this one, or none; raises Refused."""
    if wanted is None and len(caller.sub_accounts) == 1:
        (wanted,) = caller.sub_accounts
    if wanted is not None and not caller.may_use(wanted):
        problem = _problem("sub_account", "the token is not for this sub-account")
        raise Refused("The token is not for this sub-account.", [problem], 403)
    if wanted in settings.sub_accounts:
        return wanted
    try:
        account = settings.sub_account_id(wanted)
    except SettingsError:
        # Not the settings' own text, which lists all configured sub-accounts.
        rule = "is not configured" if wanted else "say which: there is no default"
        raise Refused("No such sub-account.", [_problem("sub_account", rule)]) from None
    if not caller.may_use(account):
        problem = _problem("sub_account", "the token is not for the default one: say which")
        raise Refused("The token is not for this sub-account.", [problem], 403)
    return account


def _key(in_body: str | None, in_header: str | None) -> str | None:
    if in_body and in_header and in_body != in_header:
        problem = _problem("key", "is not what the header Idempotency-Key says")
        raise Refused("Two different keys.", [problem])
    return in_body or in_header


def _end(given: MessageIn, now_ms: int) -> datetime | None:
    if given.expires_in is None:
        return given.expires_at
    if given.expires_at is not None:
        problem = _problem("expires_in", "say either expires_at or expires_in")
        raise Refused("Two ends.", [problem])
    return datetime.fromtimestamp(now_ms / 1000 + given.expires_in, UTC)


def _inside_message(path: str) -> str:
    return f"message.{path}" if path else "message"


def _problem(path: str, message: str) -> dict[str, str]:
    return {"path": path, "message": message}


def as_result(refused: Refused) -> Mapping[str, Any]:
    """The refusal as the result of an item."""
    return {"status": "invalid", "problems": refused.problems}
