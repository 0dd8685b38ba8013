"""Direct Send: WhatsApp messages outside the service window without an own template (provider docs).

For utility messages only: the provider blocks accounts that use it for marketing.
"""

from typing import Annotated, Literal

from pydantic import Field

from chatapps.messages.base_model import Wire
from chatapps.messages.discriminator import Kind
from chatapps.messages.scalar_types import WholeNumber


class DirectSend(Wire):
    """The template category to charge, and the time to live."""

    category: Kind[Literal["utility"]]
    ttl_seconds: Annotated[WholeNumber, Field(ge=30, le=43_200)] | None = None  # absent: 30 days


class WhatsAppSettings(Wire):
    """Settings that only WhatsApp reads."""

    direct_send: DirectSend | None = None
