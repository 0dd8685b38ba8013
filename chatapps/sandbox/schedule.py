"""Scheduled messages that can still be cancelled. Others leave no trace here."""

from datetime import UTC, datetime


class Schedule:
    """Which messages wait for their time, one by one and by batch. Times in epoch seconds."""

    def __init__(self) -> None:
        self._due: dict[str, float] = {}
        self._batches: dict[str, list[str]] = {}

    def add(self, umid: str, batch_id: str | None, scheduled: str) -> None:
        """Note a message that is to go out at an ISO 8601 time."""
        moment = datetime.fromisoformat(scheduled)
        self._due[umid] = moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
        if batch_id is not None:
            self._batches.setdefault(batch_id, []).append(umid)

    def cancel(self, umid: str, now: float) -> bool:
        """Cancel a message; False when there is none, or it has gone out."""
        return self._due.pop(umid, now) > now

    def cancel_batch(self, batch_id: str, now: float) -> int:
        """Cancel what has not gone out of a batch; returns how many that are."""
        return sum(self.cancel(umid, now) for umid in self._batches.pop(batch_id, ()))
