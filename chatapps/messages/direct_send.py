"""WhatsApp messages to closed windows without a template of one's own (provider docs, Direct Send).

For utility messages only: the provider blocks accounts that advertise this way.
"""

from typing import Annotated, Literal

from pydantic import Field

from chatapps.messages.base_model import Wire
from chatapps.messages.discriminator import Kind
from chatapps.messages.scalar_types import WholeNumber


class DirectSend(Wire):
    """The template category to charge, and for how long to try."""

    category: Kind[Literal["utility"]]
    ttl_seconds: Annotated[WholeNumber, Field(ge=30, le=43_200)] | None = None  # or 30 days


class WhatsAppSettings(Wire):
    """What only WhatsApp reads."""

    direct_send: DirectSend | None = None
