"""A campaign's message to a few numbers of one's own, with the values of one row, before the launch."""

import time
from collections.abc import Iterable
from typing import Any, Final

from producer.campaigns.message_file import CampaignMessage
from producer.campaigns.plans.previews import rendered
from producer.errors import BadRow, InputError
from producer.files.csv_reader import Record
from producer.files.rows import RowPacker
from producer.layout import Layout
from store.client import Store, command
from store.keys import tests_sent

MOST_NUMBERS: Final = 5
MOST_AN_HOUR: Final = 20
HOUR: Final = 3600


def message_of_row(
    layout: Layout, message: CampaignMessage, records: Iterable[Record], line: int | None = None
) -> dict[str, Any]:
    """The message of the row that starts on this line, or of the first valid one; without its person.

    Raises:
        InputError: no row starts there, or it cannot be used.
    """
    packer = RowPacker(layout, message.content.columns, message.rules)
    for cells, at, *_ in records:
        if line is not None and at != line:
            continue
        try:
            if isinstance(cells, BadRow):
                raise cells
            return rendered(message.content, [packer.pack(cells)])[0]
        except BadRow as bad:
            if line is not None:
                raise InputError(f"the row on line {line} cannot be used: {bad.reason}") from bad
    if line is None:
        raise InputError("no row can be used")
    raise InputError(f"no row starts on line {line}: the header is on line 1, the first row on 2")


def take_tests(store: Store, caller: str, n: int, *, now: float | None = None) -> None:
    """Count `n` test messages of a caller.

    Raises:
        InputError: these are too many at once, or in this hour; nothing is counted.
    """
    if not 1 <= n <= MOST_NUMBERS:
        raise InputError(f"a test goes to 1 to {MOST_NUMBERS} numbers, got {n}")
    key = tests_sent(caller, int((time.time() if now is None else now) // HOUR))
    store.run(command("SET", key, 0, "EX", HOUR, "NX", parse=bool))
    if store.run(command("INCRBY", key, n, parse=int)) > MOST_AN_HOUR:
        store.run(command("INCRBY", key, -n, parse=int))
        raise InputError(f"at most {MOST_AN_HOUR} test messages an hour are sent: wait, or launch")
