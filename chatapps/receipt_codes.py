"""What the code of a delivery receipt asks us to do: pure questions to the table of receipt codes."""

from typing import Final

from chatapps.code_table import CodeClass
from chatapps.receipt_code_table import RECEIPT_CODES, Action, Family, ReceiptCode

__all__ = ["RECEIPT_CODES", "Action", "Family", "ReceiptCode", "receipt_code"]

_BY_META: Final = {str(row.meta): row for row in RECEIPT_CODES.values() if row.meta is not None}
_EVERY_FAMILY: Final = tuple(Family)
_FAMILIES: Final = {family.value: (family, Family.ANY) for family in Family}
_JUST_ANY: Final = (Family.ANY,)


def receipt_code(channel: str, code: int | None, provider_code: str | None = None) -> ReceiptCode:
    """What a receipt's code means and what to do.

    Args:
        channel: of the receipt, in any case; '' when it names none, then all lists are searched.
        code: `errorCode` of the receipt.
        provider_code: the channel's own code, asked only when `code` is missing or unknown.

    An unknown code condemns its message only, and somebody should look.
    """
    row = _find(channel.lower(), code) or _find_by_meta(channel.lower(), provider_code)
    return row or _unknown(code)


def _find(channel: str, code: int | None) -> ReceiptCode | None:
    families = _FAMILIES.get(channel, _JUST_ANY) if channel else _EVERY_FAMILY
    rows = (RECEIPT_CODES.get((family, code)) for family in families if code is not None)
    return next(filter(None, rows), None)


def _find_by_meta(channel: str, provider_code: str | None) -> ReceiptCode | None:
    return _BY_META.get(provider_code or "") if channel in (Family.WHATSAPP, "") else None


def _unknown(code: int | None) -> ReceiptCode:
    said = "no code that we know" if code is None else f"unknown code {code}"
    return ReceiptCode(said, CodeClass.PERMANENT_MESSAGE, Action.ALERT)
