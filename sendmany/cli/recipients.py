"""One message from the command line, and waiting for its outcome."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from chatapps.rendering.placeholders import find_placeholders
from dashboard.message import is_final
from producer.campaigns.message_file import load_message_file
from producer.errors import BadRow, InputError
from producer.files.people_list import addressed, read_person
from producer.files.phone_numbers import mask
from store.client import Store
from store.lanes.lane import Lane
from store.people.recipients import find_recipient
from store.reports.lane_report import message_report

STEP_SECONDS = 0.1


def message_for(recipient: str, text: str | None, file: Path | None) -> dict[str, Any]:
    """The provider's message for one person.

    Args:
        recipient: as `recipient_of` gives it.

    Raises:
        InputError: neither or both of text and file, the file is not a message, or it has placeholders.
    """
    if (text is None) == (file is None):
        raise InputError("Say what to send: either --text or --message")
    if text is not None:
        message: Mapping[str, Any] = {"type": "text", "content": {"text": text}}
    else:
        assert file is not None
        message = load_message_file(file)
    _refuse_columns(message)
    return addressed(recipient, message)


def _refuse_columns(message: Mapping[str, Any]) -> None:
    """Refuse a campaign's message as a single one: it would be sent with its placeholders."""
    if found := next(find_placeholders(message), None):
        raise InputError(
            f"A single message has no columns, so {{{{{found.column}}}}} at {found.path} cannot be "
            "filled in: write what it stands for, or launch a campaign"
        )


def recipient_of(text: str, region: str | None) -> str:
    """A phone number as digits of E.164, or a channel's user id unchanged.

    Raises:
        InputError: it is neither; names it and the reason, with most digits masked.
    """
    try:
        return read_person(text, region)
    except BadRow as bad:
        if not any(map(str.isdecimal, text)):
            raise InputError(
                f'"{mask(text)}" is no phone number, nor a user id: write a number with + and the '
                "country code, such as +442079460123"
            ) from bad
        raise InputError(f"{bad.number} is no phone number: {bad.reason}") from bad


def find_message(store: Store, lane: Lane, recipient: str) -> str:
    """The id of a person's message in a campaign.

    Raises:
        InputError: the campaign has none for this person.
    """
    index = find_recipient(store, lane, recipient)
    if index is None:
        raise InputError(f'"{lane.name}" has no message for this recipient')
    return f"{lane.id}.{index}"


def wait_for_end(
    store: Store,
    message_id: str,
    seconds: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Wait until a message has an outcome; False after so many seconds."""
    give_up = clock() + seconds
    while not is_final(message_report(store, message_id)):
        if clock() > give_up:
            return False
        sleep(STEP_SECONDS)
    return True
