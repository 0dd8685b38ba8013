"""Where one run happens: what the processes of every system are told, and how they are started."""

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
        """What the workers of the other systems find in their environment."""
        return {REDIS: self.redis_url, PROVIDER: self.provider_url}

    def log(self, name: str) -> Path:
        """Where a process writes what it has to say."""
        return Path(self.home) / "logs" / f"{name}.log"


def celery_url(redis_url: str) -> str:
    """The server as Celery spells it."""
    return redis_url.replace("unix://", "redis+socket://", 1)
