"""An `AsyncStore` for blocking code: reports and loading are written once, blocking, and an event loop
runs them in a thread."""

from typing import TypeVar

from anyio import from_thread

from store.client import AsyncStore, Call, Store

T = TypeVar("T")


class ThreadStore(Store):
    """Runs its calls in the event loop that started this thread (`anyio.to_thread`), over that loop's
    connections."""

    def __init__(self, store: AsyncStore) -> None:
        self._store = store

    def run(self, call: Call[T]) -> T:
        """Send one call and read its answer; raises what `AsyncStore.run` raises."""
        return from_thread.run(self._store.run, call)

    def servers(self) -> list[Store]:
        """As `Store.servers`."""
        return [ThreadStore(one) for one in from_thread.run(self._store.servers)]
