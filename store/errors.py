"""What can go wrong with the store, as few classes as decisions are taken.

StoreError
├── StoreUnavailable    Redis is away, loading, read-only: wait and try again
├── StoreFull           no memory for new jobs: tell the producer
├── StoreRefused        a script refused the call: a programming fault or a stale caller
│   └── LaneMismatch    a lane of this name holds something else
├── NewerData           a newer program has written the data: this one must not touch them
├── UnknownLane         there is no such lane
└── SeveralLanes        several sub-accounts have a lane of this name: ask which
"""

from collections.abc import Mapping

from config.errors import ReportedError


class StoreError(ReportedError):
    """Base of all errors of the store."""


class StoreUnavailable(StoreError):
    """Redis cannot be reached, or cannot serve at this moment. Trying again later is right."""


class StoreFull(StoreError):
    """Redis has no memory for new jobs. What waits goes on being sent."""


class StoreRefused(StoreError):
    """A script would not do what it was asked; nothing was changed."""


class LaneMismatch(StoreRefused):
    """The name is taken by a campaign with another message or file."""


class NewerData(StoreError):
    """The data have a layout that this program does not know."""


class UnknownLane(StoreError):
    """There is no lane of this name or id."""


class SeveralLanes(StoreError):
    """Several sub-accounts have a campaign of this name.

    Args:
        lanes: id → sub-account.
    """

    def __init__(self, name: str, lanes: Mapping[str, str]) -> None:
        self.lanes = dict(sorted(lanes.items(), key=lambda pair: pair[1]))
        whose = ", ".join(self.lanes.values())
        super().__init__(
            f'"{name}" is the name of a campaign in several sub-accounts ({whose}): say which with '
            "--sub-account, or name it by its id."
        )
