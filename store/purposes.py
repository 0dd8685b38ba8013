"""What a message is for, and what the provider charged it as."""

from enum import IntEnum, StrEnum


class Purpose(StrEnum):
    """What a message is for; the strictest stands first: the registered category of a template wins
    unless the caller was stricter."""

    MARKETING = "marketing"
    UTILITY = "utility"
    AUTHENTICATION = "authentication"

    @property
    def letter(self) -> str:
        """How suppressions and job lines spell it."""
        return self.value[0]

    @property
    def number(self) -> int:
        """How records spell it; 0 stands for none."""
        return _NUMBERS[self]


_NUMBERS = {purpose: number for number, purpose in enumerate(Purpose, 1)}
BY_LETTER = {purpose.letter: purpose for purpose in Purpose}
BY_NUMBER = {purpose.number: purpose for purpose in Purpose}


class Pricing(IntEnum):
    """The category that a receipt says a message is charged as (provider docs, delivery receipts)."""

    NONE = 0  # no receipt has said so
    MARKETING = 1
    UTILITY = 2
    AUTHENTICATION = 3
    AUTHENTICATION_INTERNATIONAL = 4
    SERVICE = 5
    REFERRAL_CONVERSION = 6
    MARKETING_LITE = 7
    OTHER = 15


_PRICINGS = {pricing.name.lower(): pricing for pricing in Pricing if pricing}


def pricing_of(word: str | None) -> Pricing:
    """The category that a receipt names in lower case; OTHER for one that is not known here."""
    return _PRICINGS.get(word, Pricing.OTHER) if word else Pricing.NONE


def purpose_of(registered: Purpose | None, wanted: Purpose | None, default: Purpose) -> Purpose:
    """What a message counts as.

    Args:
        registered: the category of its template, where that is known. It cannot be lowered.
        wanted: what the caller said, if anything. AUTHENTICATION counts only where the template is
            registered as such: else an opt-out could be evaded by one word.
        default: without either.
    """
    if registered is not None:
        return min(registered, wanted or registered, key=_NUMBERS.__getitem__)
    return default if wanted in (None, Purpose.AUTHENTICATION) else wanted
