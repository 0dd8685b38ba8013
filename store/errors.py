"""Errors of the store: one class per decision a caller can take.

StoreError
├── StoreUnavailable    Redis is away, loading, read-only: wait and try again
├── StoreFull           no memory for new jobs: report it to the producer
├── StoreRefused        a script refused the call: a bug or a stale caller
│   └── LaneMismatch    a lane of this name has other content
├── StoreFault          Redis refuses a command: an operator must act; the call may be repeated then
├── NewerData           the data were written by a newer version, or another one: do not touch them
├── UnknownLane         there is no such lane
└── SeveralLanes        several sub-accounts have a lane of this name: ask which
"""

from collections.abc import Mapping

from config.errors import ReportedError


class StoreError(ReportedError):
    """Base of all errors of the store."""


class StoreUnavailable(StoreError):
    """Redis is unreachable or cannot serve at this moment. Retry later."""


class StoreFull(StoreError):
    """Redis has no memory for new jobs. Queued jobs are still sent."""


class StoreRefused(StoreError):
    """A script refused the call; nothing was changed."""


class LaneMismatch(StoreRefused):
    """The name belongs to a campaign with another message or file."""


class StoreFault(StoreError):
    """Redis refuses a command: a permission (ACL) is missing, or a key holds another kind of value."""


class NewerData(StoreError):
    """The data have a layout that this version does not know."""


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
