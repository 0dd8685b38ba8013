"""Spellings of a person in jobs: an international number, a national one with its country, a user id."""

import re

import phonenumbers

_TRUNK = re.compile(rb"[1-9][0-9]{0,2}0")  # an optional country code and the usual trunk prefix


def canonical(recipient: bytes) -> bytes:
    """The digits of an international number, also for a national one (`GB:07700…`) and for one with a
    trunk prefix (`4407700…`); user ids unchanged."""
    if recipient.isdigit():
        found = _written(b"+" + recipient, b"") if _TRUNK.match(recipient) else None
        return found or recipient
    country, colon, number = recipient.partition(b":")
    if not colon or len(country) != len("GB"):
        return recipient
    return _written(number, country) or recipient


def _written(number: bytes, country: bytes) -> bytes | None:
    """The digits of E.164; None when they cannot be determined."""
    try:
        parsed = phonenumbers.parse(number.decode(), country.decode().upper() or None)
    except (phonenumbers.NumberParseException, UnicodeDecodeError):
        return None
    written = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return written.removeprefix("+").encode()
