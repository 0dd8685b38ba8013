"""Many messages in one request (provider docs, send messages as a batch)."""

from typing import Annotated, Any, Final

from pydantic import Field, StrictBool

from chatapps.messages.base_model import Wire
from chatapps.messages.message import Message
from chatapps.messages.problems import MessageError, Problem, path_to

MAX_MESSAGES: Final = 1_000  # per the endpoint's text; the schema's 10,000 belongs to the SMS API

SHARED_MEMBERS: Final = ("type", "content", "dlrCallbackUrl", "channels")
"""Members that the `template` of a batch may hold for all its messages."""


class BatchRequest(Wire):
    """Up to 1,000 complete messages; shared members are merged into each."""

    client_batch_id: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    include_messages_in_response: StrictBool | None = None
    messages: Annotated[tuple[Message, ...], Field(min_length=1, max_length=MAX_MESSAGES)]


def merge_template(batch: dict[str, Any]) -> dict[str, Any]:
    """The batch with `template` merged into its messages, one whole member at a time.

    How deep the provider merges is not documented; a message that has `content` keeps its own.

    Raises:
        MessageError: `template` is no object, or holds members that the provider does not read there.
    """
    rest = {name: value for name, value in batch.items() if name != "template"}
    shared = batch.get("template")
    if shared is None:
        return rest
    _check_shared(shared)
    messages = rest.get("messages")
    if isinstance(messages, list):
        rest["messages"] = [_merge(shared, message) for message in messages]
    return rest


def _merge(shared: dict[str, Any], message: Any) -> Any:
    if not isinstance(message, dict):
        return message
    return shared | {name: value for name, value in message.items() if value is not None}


def _check_shared(shared: object) -> None:
    if not isinstance(shared, dict):
        raise MessageError(Problem("template", "must be an object"))
    foreign = [name for name in shared if name not in SHARED_MEMBERS]
    if foreign:
        rule = "is not shared by a batch: set it in each message"
        raise MessageError(*(Problem(path_to(["template", name]), rule) for name in foreign))
