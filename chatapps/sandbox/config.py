"""Configuration of a sandbox."""

from dataclasses import dataclass, field

from chatapps.sandbox.faults import FaultMode
from chatapps.sandbox.phone_number import Capacity
from chatapps.sandbox.webhooks.receipts import ReceiptMode, ReceiptVersion

ACCOUNT_ID = "5a4d0b0a-0000-4000-8000-000000000000"
CHANNEL_ID = "5a4d0b0c-0000-4000-8000-000000000000"


@dataclass(frozen=True, slots=True)
class SandboxConfig:
    """Accepted credentials, latency and faults of a sandbox."""

    api_key: str = field(default="sandbox-key", repr=False)
    sub_accounts: tuple[str, ...] = ("sandbox",)
    latency_ms: float = 0.0  # mean; each request gets 80 to 120 % of it
    faults: FaultMode = "none"
    seed: int = 0
    account_id: str = ACCOUNT_ID
    channel_id: str = CHANNEL_ID  # its only WhatsApp number
    approve_after: float = 2.0  # seconds that the review of a template takes
    templates: bool = False  # begins with three approved templates
    check_templates: bool = (
        False  # refuse messages whose template is not registered, or does not fit
    )
    receipts: ReceiptMode = "none"  # whether and how it posts receipts and replies
    receipt_version: ReceiptVersion = 9
    reply_share: float = 0.0  # share of the people reached who reply
    capacity: Capacity | None = None  # of its number, with late receipts; None: it takes everything
    webhook_url: str | None = None  # used unless a webhook is set over the API
    webhook_authorization: str | None = field(default=None, repr=False)  # the header, whole
    webhook_patience: float = 1.0  # factor of all delays between posts
