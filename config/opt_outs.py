"""The section `[opt_outs]`: what people write to be left alone, and where that holds."""

from typing import Literal

from pydantic import Field

from config.sections import Section


class OptOuts(Section):
    """Words in replies that suppress, and words that take it back."""

    words: list[str] | None = Field(default=None, min_length=1)
    """Whole messages that mean "no more"; None = a list in some twenty languages, `STOP` among them."""
    start_words: list[str] | None = None
    """Whole messages that take it back; None = a list of ours. Empty: only an operator can."""
    receipt_codes: tuple[int, ...] = (1051, 2007)
    """Codes of delivery receipts that say so too: wants no marketing (WhatsApp), blocked us (Viber)."""
    scope: Literal["sub-account", "global"] = "sub-account"
    """Where a reply counts: for the sub-account it was sent to, or for all of them."""
