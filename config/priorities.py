"""Names of the priorities, and of workers that serve only some of them."""

from collections.abc import Collection

PRIORITIES = ("urgent", "normal", "bulk")
"""Most urgent first."""


def served_by(priorities: Collection[str]) -> str:
    """Name of a kind of worker: `urgent`, `normal-bulk`; empty for one that serves all."""
    served = [priority for priority in PRIORITIES if priority in priorities]
    return "" if len(served) == len(PRIORITIES) else "-".join(served)
