"""How a sandbox is set up."""

from dataclasses import dataclass, field

from chatapps.sandbox.faults import FaultMode


@dataclass(frozen=True, slots=True)
class SandboxConfig:
    """What a sandbox accepts, how fast it answers, and how it fails."""

    api_key: str = field(default="sandbox-key", repr=False)
    sub_accounts: tuple[str, ...] = ("sandbox",)
    latency_ms: float = 0.0  # mean; each request gets 80 to 120 % of it
    faults: FaultMode = "none"
    seed: int = 0
