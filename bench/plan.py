"""Parameters of a bench."""

from dataclasses import dataclass
from pathlib import Path

from bench.stage import Setting
from bench.systems import NAMES

SLOW = {"celery": 40, "celery-batches": 20}
"""Slow systems get only one in so many recipients: rates are compared."""
FEWEST = 2000
SLOW_SECONDS = 15
"""Seconds that a slow system may take for its share when it waits for every answer."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One bench."""

    home: Path
    recipients: int = 200_000
    rounds: int = 3
    systems: tuple[str, ...] = NAMES
    processes: int = 2
    latency_ms: float = 0
    probes: int = 100

    def setting(self, system: str) -> Setting:
        """The setting of a system."""
        return Setting(system, self.processes, self.latency_ms)

    def recipients_of(self, system: str) -> int:
        """Recipients of a system."""
        share = max(min(self.recipients, FEWEST), self.recipients // SLOW.get(system, 1))
        if system == "celery" and self.latency_ms:  # one answer after another
            share = min(share, int(SLOW_SECONDS * self.processes * 1000 / self.latency_ms))
        return share // 1000 * 1000 if system == "celery-batches" and share > 1000 else share
