"""Client of sendmany for services: send messages and campaigns, and learn of their delivery."""

from sendmany_client.client import AsyncClient, Client
from sendmany_client.errors import (
    Conflict,
    Forbidden,
    Gap,
    Invalid,
    NotFound,
    Problem,
    SendmanyError,
    TooLarge,
    Unauthorized,
    Unavailable,
)
from sendmany_client.models import (
    Campaign,
    Launched,
    Message,
    MessagePage,
    MessageStatus,
    MessageStatuses,
    Outcome,
    OutcomePage,
    Result,
    Sent,
)
from sendmany_client.webhooks import Delivery, InvalidSignature, verify

__version__ = "0.1.0"
__all__ = [
    "AsyncClient",
    "Campaign",
    "Client",
    "Conflict",
    "Delivery",
    "Forbidden",
    "Gap",
    "Invalid",
    "InvalidSignature",
    "Launched",
    "Message",
    "MessagePage",
    "MessageStatus",
    "MessageStatuses",
    "NotFound",
    "Outcome",
    "OutcomePage",
    "Problem",
    "Result",
    "SendmanyError",
    "Sent",
    "TooLarge",
    "Unauthorized",
    "Unavailable",
    "verify",
]
