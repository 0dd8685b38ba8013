"""Addresses of one run, as passed to the processes of every system."""

from dataclasses import dataclass
from pathlib import Path

SUB_ACCOUNT = "bench"
API_KEY = "bench-key"
PATH = f"/api/v1/subaccounts/{SUB_ACCOUNT}/messages"
HEADERS = {"Authorization": f"Bearer {API_KEY}", "Content-Type": "application/json"}
REDIS = "BENCH_REDIS_URL"
PROVIDER = "BENCH_PROVIDER_URL"


@dataclass(frozen=True, slots=True)
class Site:
    """The addresses of one run."""

    home: str
    redis_url: str
    provider_url: str

    @property
    def environment(self) -> dict[str, str]:
        """Environment of the other systems' workers."""
        return {REDIS: self.redis_url, PROVIDER: self.provider_url}

    def log(self, name: str) -> Path:
        """A process's log file."""
        return Path(self.home) / "logs" / f"{name}.log"


def celery_url(redis_url: str) -> str:
    """The server's URL for Celery."""
    return redis_url.replace("unix://", "redis+socket://", 1)
