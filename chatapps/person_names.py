"""How jobs name a person: an international number, a national one with its country, a user's id."""

import re

import phonenumbers

_TRUNK = re.compile(rb"[1-9][0-9]{0,2}0")  # a country code, perhaps, and the usual trunk prefix


def canonical(recipient: bytes) -> bytes:
    """Digits of an international number, also for a national one (`GB:07700…`) and for one with what is
    dialled in front of it at home (`4407700…`); ids as they are."""
    if recipient.isdigit():
        found = _written(b"+" + recipient, b"") if _TRUNK.match(recipient) else None
        return found or recipient
    country, colon, number = recipient.partition(b":")
    if not colon or len(country) != len("GB"):
        return recipient
    return _written(number, country) or recipient


def _written(number: bytes, country: bytes) -> bytes | None:
    """The digits of E.164; None where nobody can tell."""
    try:
        parsed = phonenumbers.parse(number.decode(), country.decode().upper() or None)
    except (phonenumbers.NumberParseException, UnicodeDecodeError):
        return None
    written = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return written.removeprefix("+").encode()
