"""Outcomes in one big hash, id → `state|umid|time`: the obvious design."""

from typing import Any

import redis

from bench.workload import Work


def outcome_key(run: str) -> str:
    """The hash of a run."""
    return f"outcomes:{run}"


def outcome_of(answer: dict[str, Any], now: int) -> str:
    """The stored part of the provider's answer about one message. `now` in s since 1970."""
    return f"{answer['status']['state']}|{answer['umid']}|{now}"


class HashedOutcomes:
    """Counts the outcomes of a run."""

    def recorded(self, client: redis.Redis, work: Work) -> int:
        """Messages of the work with a recorded outcome."""
        return int(client.hlen(outcome_key(work.run)))

    def balances(self, client: redis.Redis, work: Work) -> bool:
        """True when each message of the work has one outcome."""
        return self.recorded(client, work) == work.recipients
