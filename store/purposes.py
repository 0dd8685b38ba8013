"""Purpose of a message, and the category the provider charged it as."""

from enum import IntEnum, StrEnum


class Purpose(StrEnum):
    """Purpose of a message, the strictest first: the registered category of a template takes precedence
    unless the caller's purpose is stricter."""

    MARKETING = "marketing"
    UTILITY = "utility"
    AUTHENTICATION = "authentication"

    @property
    def letter(self) -> str:
        """Its letter in suppressions and job lines."""
        return self.value[0]

    @property
    def number(self) -> int:
        """Its number in records; 0 stands for none."""
        return _NUMBERS[self]


_NUMBERS = {purpose: number for number, purpose in enumerate(Purpose, 1)}
BY_LETTER = {purpose.letter: purpose for purpose in Purpose}
BY_NUMBER = {purpose.number: purpose for purpose in Purpose}


class Pricing(IntEnum):
    """The category in which a message is charged, from a receipt (provider docs, delivery receipts)."""

    NONE = 0  # no receipt yet
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
    """The category that a receipt names in lower case; OTHER for an unknown one."""
    return _PRICINGS.get(word, Pricing.OTHER) if word else Pricing.NONE


def purpose_of(registered: Purpose | None, wanted: Purpose | None, default: Purpose) -> Purpose:
    """The purpose a message is treated as.

    Args:
        registered: the category of its template, if known. It cannot be lowered.
        wanted: the caller's, if given. AUTHENTICATION counts only for a template registered as such:
            otherwise a wrong purpose would bypass opt-outs.
        default: without either.
    """
    if registered is not None:
        return min(registered, wanted or registered, key=_NUMBERS.__getitem__)
    return default if wanted in (None, Purpose.AUTHENTICATION) else wanted
