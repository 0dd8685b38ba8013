"""What can go wrong with the store, as few classes as decisions are taken.

StoreError
├── StoreUnavailable    Redis is away, loading, read-only: wait and try again
├── StoreFull           no memory for new jobs: tell the producer
├── StoreRefused        a script refused the call: a programming fault or a stale caller
│   └── LaneMismatch    a lane of this name holds something else
├── NewerData           a newer program has written the data: this one must not touch them
└── UnknownLane         there is no such lane
"""


class StoreError(Exception):
    """Base of all errors of the store."""


class StoreUnavailable(StoreError):
    """Redis cannot be reached, or cannot serve at this moment. Trying again later is right."""


class StoreFull(StoreError):
    """Redis has no memory for new jobs. What waits goes on being sent."""


class StoreRefused(StoreError):
    """A script would not do what it was asked; nothing was changed."""


class LaneMismatch(StoreRefused):
    """The name is taken by a campaign with another message, file or sub-account."""


class NewerData(StoreError):
    """The data have a layout that this program does not know."""


class UnknownLane(StoreError):
    """There is no lane of this name or id."""
