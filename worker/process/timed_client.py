"""The provider with a watch beside it: how long each request took, and how it ended."""

from collections.abc import Callable

from chatapps.client import Endpoint
from chatapps.responses import Result
from worker.batch import Provider
from worker.metrics import Meters


class TimedProvider:
    """Counts and times the requests that go to a provider.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, provider: Provider, meters: Meters, clock: Callable[[], float]) -> None:
        self._provider = provider
        self._meters = meters
        self._clock = clock

    async def send_many(self, endpoint: Endpoint, body: bytes) -> Result:
        """POST one batch request."""
        start = self._clock()
        result = await self._provider.send_many(endpoint, body)
        self._meters.answered(endpoint.sub_account_id, result, self._clock() - start)
        return result
