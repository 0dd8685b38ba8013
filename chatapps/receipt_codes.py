"""Table of receipt codes with the reaction to each. Pure."""

from enum import StrEnum
from typing import Final, NamedTuple

from chatapps.code_table import CodeClass


class Family(StrEnum):
    """The list a code is from. The numbers of ANY and SMS are disjoint."""

    ANY = "any"
    WHATSAPP = "whatsapp"
    VIBER = "viber"
    SMS = "sms"


class Action(StrEnum):
    """The reaction that a code requires."""

    NOTHING = "nothing"  # lost, or not about sending: no reaction helps
    SUPPRESS = "suppress"  # the person does not want this: never again on this channel
    UNREACHABLE = "unreachable"  # not this person on this channel: fall back, or give up
    FIX_CONTENT = "fix_content"  # content or link of this message; many alike: the mapping
    THROTTLE_PAIR = "throttle_pair"  # too many messages to this person: delay those only
    SLOW_DOWN = "slow_down"  # too much for the sender or the account
    RETRY_LATER = "retry_later"  # may pass as a new message; see `wait`
    STOP_TEMPLATE = "stop_template"  # this template in this language
    STOP_COUNTRY = "stop_country"  # this country
    STOP_SENDER = "stop_sender"  # this number or id we send from
    STOP_ACCOUNT = "stop_account"  # everything
    ALERT = "alert"  # an operator has to look


class ReceiptCode(NamedTuple):
    """One row of the table."""

    meaning: str
    code_class: CodeClass | None  # None: no fault of a message
    action: Action
    meta: int | None = None  # Meta's own number, which comes as `providerErrorCode`
    wait: int = 0  # s to wait before a retry, where documented

    @property
    def alert(self) -> bool:
        """True when an operator should be notified at once."""
        return self.code_class is CodeClass.PERMANENT_BATCH or self.action is Action.ALERT


_TRANSIENT = CodeClass.TRANSIENT
_THROTTLE = CodeClass.THROTTLE
_MESSAGE = CodeClass.PERMANENT_MESSAGE
_BATCH = CodeClass.PERMANENT_BATCH

_LATER, _FIX, _UNREACHABLE = Action.RETRY_LATER, Action.FIX_CONTENT, Action.UNREACHABLE
_SENDER, _TEMPLATE = Action.STOP_SENDER, Action.STOP_TEMPLATE
_PAIR, _SLOW, _SUPPRESS = Action.THROTTLE_PAIR, Action.SLOW_DOWN, Action.SUPPRESS

_DAY: Final = 86_400

_C = ReceiptCode

_ANY: Final = {
    1: _C("the person is not on this channel", _MESSAGE, _UNREACHABLE),
    2: _C("the channel does not take this type of content", _MESSAGE, _FIX),
    3: _C("something required is missing", _MESSAGE, _FIX),
    9: _C("the person's app is too old", _MESSAGE, _UNREACHABLE),
    11: _C("too many messages to this person", _THROTTLE, _PAIR),
    14: _C("a fault inside the provider", _TRANSIENT, _LATER),
    15: _C("no valid user here, or on the account's blacklist", _MESSAGE, _SUPPRESS),
    18: _C("a parameter is not valid", _MESSAGE, _FIX),
    23: _C("the provider could not connect to the channel", _TRANSIENT, _LATER),
    25: _C("the channel chose not to deliver it", _MESSAGE, _UNREACHABLE),
    29: _C("a value is not valid", _MESSAGE, _FIX),
    36: _C("it expired before it could be delivered", _MESSAGE, Action.NOTHING),
    41: _C("the channel refused the message", _MESSAGE, _FIX),
    42: _C("the account has no credit left", _BATCH, Action.STOP_ACCOUNT),
    43: _C("held back as spam", _MESSAGE, _FIX),
    46: _C("the person could not be reached", _TRANSIENT, _LATER),
    57: _C("an unknown fault", _TRANSIENT, _LATER),
    61: _C("the session is over; a template may pass", _MESSAGE, _FIX),
}

_WHATSAPP: Final = {
    1000: _C("the provider's access to WhatsApp is not valid", _BATCH, _SENDER, 0),
    1001: _C("this call is not allowed", _BATCH, _SENDER, 3),
    1002: _C("too many calls by the application", _THROTTLE, _SLOW, 4),
    1003: _C("a permission is missing or was taken back", _BATCH, _SENDER, 10),
    1004: _C("the sender number was deleted", _BATCH, _SENDER, 33),
    1005: _C("a parameter is not supported", _MESSAGE, _FIX, 100),
    1006: _C("the access token has expired", _BATCH, _SENDER, 190),
    1007: _C("blocked for breaking a policy", _BATCH, _SENDER, 368),
    1008: _C("the business account sends too fast", _THROTTLE, _SLOW, 80_007),
    1009: _C("the sender number sends too fast", _THROTTLE, _SLOW, 130_429),
    1010: _C("the person is in an experiment of Meta's", _MESSAGE, _UNREACHABLE, 130_472),
    1011: _C("restricted in this country", _BATCH, Action.STOP_COUNTRY, 130_497),
    1012: _C("an unknown fault at WhatsApp", _TRANSIENT, _LATER, 131_000),
    1013: _C("access denied", _BATCH, _SENDER, 131_005),
    1014: _C("a required parameter is missing", _MESSAGE, _FIX, 131_008),
    1015: _C("the value of a parameter is not valid", _MESSAGE, _FIX, 131_009),
    1016: _C("WhatsApp is down", _TRANSIENT, _LATER, 131_016),
    1017: _C("the recipient is the sender", _MESSAGE, _UNREACHABLE, 131_021),
    1018: _C("it cannot be delivered to this person", _MESSAGE, _UNREACHABLE, 131_026),
    1019: _C("the business account is locked", _BATCH, _SENDER, 131_031),
    1020: _C("the display name is not approved", _BATCH, _SENDER, 131_037),
    1021: _C("the certificate is wrong", _BATCH, _SENDER, 131_045),
    1022: _C("outside the 24 hours; a template may pass", _MESSAGE, _FIX, 131_047),
    1023: _C("too much was reported as spam", _BATCH, _SENDER, 131_048),
    1024: _C("withheld to protect the person", _TRANSIENT, _LATER, 131_049, _DAY),
    1025: _C("WhatsApp does not take this type", _MESSAGE, _FIX, 131_051),
    1026: _C("the media could not be downloaded", _TRANSIENT, _LATER, 131_052),
    1027: _C("the media could not be uploaded", _TRANSIENT, _LATER, 131_053),
    1028: _C("too many messages to this person", _THROTTLE, _PAIR, 131_056),
    1029: _C("the business account is under maintenance", _TRANSIENT, _LATER, 131_057),
    1030: _C("the template takes another number of parameters", _BATCH, _TEMPLATE, 132_000),
    1031: _C("no such template in this language", _BATCH, _TEMPLATE, 132_001),
    1032: _C("the text is too long once filled in", _MESSAGE, _FIX, 132_005),
    1033: _C("the template breaks a policy", _BATCH, _TEMPLATE, 132_007),
    1034: _C("a parameter has the wrong format", _MESSAGE, _FIX, 132_012),
    1035: _C("the template is paused", _BATCH, _TEMPLATE, 132_015),
    1036: _C("the template is disabled", _BATCH, _TEMPLATE, 132_016),
    1037: _C("the flow of the template is blocked", _BATCH, _TEMPLATE, 132_068),
    1038: _C("the flow of the template is throttled", _THROTTLE, _SLOW, 132_069),
    1039: _C("the number was not deregistered completely", _BATCH, _SENDER, 133_000),
    1040: _C("the server is not available", _TRANSIENT, _LATER, 133_004),
    1041: _C("the PIN of the number is wrong", _BATCH, _SENDER, 133_005),
    1042: _C("the number has to be verified again", _BATCH, _SENDER, 133_006),
    1043: _C("the PIN was guessed too often", _BATCH, _SENDER, 133_008),
    1044: _C("the PIN was entered too fast", _BATCH, _SENDER, 133_009),
    1045: _C("the sender number is not registered", _BATCH, _SENDER, 133_010),
    1046: _C("too early to register the number", _BATCH, _SENDER, 133_015),
    1047: _C("the number was registered too often", _BATCH, _SENDER, 133_016),
    1048: _C("a fault in the request, not said which", _MESSAGE, _FIX, 135_000),
    1049: _C("too many calls to synchronise", _THROTTLE, Action.NOTHING, 2_593_107),
    1050: _C("the time to synchronise is over", None, Action.NOTHING, 2_593_108),
    1051: _C("the person wants no marketing messages", _MESSAGE, _SUPPRESS, 131_050),
    1052: _C("calls are permitted already", _MESSAGE, Action.NOTHING, 138_017),
    1053: _C("too many requests to permit calls", _THROTTLE, _PAIR, 138_009),
    1054: _C("a user id cannot be used here; send to the number", _MESSAGE, _UNREACHABLE),
}

_VIBER: Final = {
    2000: _C("sent", None, Action.NOTHING),
    2001: _C("a fault inside Viber", _TRANSIENT, _LATER),
    2002: _C("the service id is not valid", _BATCH, _SENDER),
    2003: _C("the request is malformed", _BATCH, Action.ALERT),
    2004: _C("the type of the message is not valid", _MESSAGE, _FIX),
    2005: _C("a required field is missing", _MESSAGE, _FIX),
    2006: _C("Viber did not answer in time", _TRANSIENT, _LATER),
    2007: _C("the person blocked this sender", _MESSAGE, _SUPPRESS),
    2008: _C("the number is not on Viber", _MESSAGE, _UNREACHABLE),
    2009: _C("no device of the person takes such messages", _MESSAGE, _UNREACHABLE),
    2010: _C("the address or the id is not allowed", _BATCH, _SENDER),
    2012: _C("the label is missing or not valid", _BATCH, Action.ALERT),
    2013: _C("the time to live is out of range", _BATCH, Action.ALERT),
    2014: _C("ten messages were sent in this session", _MESSAGE, _UNREACHABLE),
    2015: _C("the file format is not allowed", _MESSAGE, _FIX),
    2016: _C("the file name is longer than 25 characters", _MESSAGE, _FIX),
    2017: _C("the thumbnail address is longer than 1,000", _MESSAGE, _FIX),
    2018: _C("the file is larger than 200 MB", _MESSAGE, _FIX),
    2019: _C("the video is longer than 600 s", _MESSAGE, _FIX),
    2020: _C("no such template", _BATCH, _TEMPLATE),
    2021: _C("the template variables are not valid", _MESSAGE, _FIX),
    2022: _C("the version does not know these fields", _MESSAGE, _FIX),
    2023: _C("the number is not valid", _MESSAGE, _UNREACHABLE),
    2024: _C("a list message is not valid", _MESSAGE, _FIX),
    2025: _C("a carousel is not valid", _MESSAGE, _FIX),
}

_SMS: Final = {
    0: _C("no reason given", None, Action.NOTHING),
    4: _C("delivery is put off; still being tried", None, Action.NOTHING),
    5: _C("still on its way", None, Action.NOTHING),
    7: _C("it could not be delivered", _MESSAGE, _UNREACHABLE),
    8: _C("denied by the network", _MESSAGE, _UNREACHABLE),
    10: _C("a fault at a partner", _TRANSIENT, _LATER),
    12: _C("the number could not be looked up", _TRANSIENT, _LATER),
    13: _C("the network does not serve this phone", _MESSAGE, _UNREACHABLE),
    16: _C("the format is not valid", _MESSAGE, _FIX),
    17: _C("the length is not valid", _MESSAGE, _FIX),
    19: _C("the sender id is not valid", _BATCH, _SENDER),
    20: _C("cancelled by the provider", _MESSAGE, Action.NOTHING),
    21: _C("the memory of the phone is full", _TRANSIENT, _LATER),
    22: _C("being tried again", None, Action.NOTHING),
    24: _C("the person's age is not confirmed", _MESSAGE, _UNREACHABLE),
    26: _C("the number is barred", _MESSAGE, _UNREACHABLE),
    27: _C("a lasting fault at the operator", _MESSAGE, _UNREACHABLE),
    28: _C("a lasting fault of the phone", _MESSAGE, _UNREACHABLE),
    30: _C("the number moved to another operator", _MESSAGE, _UNREACHABLE),
    31: _C("a fault of premium SMS", _MESSAGE, _UNREACHABLE),
    32: _C("the person is abroad", _TRANSIENT, _LATER),
    33: _C("no route to the operator", _TRANSIENT, _LATER),
    34: _C("screened out by the network", _MESSAGE, _UNREACHABLE),
    35: _C("the SMS centre is congested", _TRANSIENT, _LATER),
    37: _C("the phone takes no SMS", _MESSAGE, _UNREACHABLE),
    38: _C("the SMS is malformed", _MESSAGE, _FIX),
    39: _C("cancelled by the SMS centre", _MESSAGE, Action.NOTHING),
    40: _C("a fault at the SMS centre", _TRANSIENT, _LATER),
    44: _C("the person's contract does not pay for it", _MESSAGE, _UNREACHABLE),
    45: _C("the phone is busy", _TRANSIENT, _LATER),
    47: _C("the phone cannot be reached at the moment", _TRANSIENT, _LATER),
    48: _C("a fault in a system on the way", _TRANSIENT, _LATER),
    49: _C("a fault in the signalling", _TRANSIENT, _LATER),
    50: _C("too many messages a second", _THROTTLE, _SLOW),
    51: _C("no answer in time", _TRANSIENT, _LATER),
    52: _C("the answer could not be read", _TRANSIENT, _LATER),
    53: _C("an unexpected value", _MESSAGE, _FIX),
    54: _C("an unexpected fault", _TRANSIENT, _LATER),
    55: _C("the network does not find the number", _MESSAGE, _UNREACHABLE),
    56: _C("its outcome is unknown", _MESSAGE, Action.NOTHING),
    58: _C("the SMS centre is not known", _MESSAGE, _UNREACHABLE),
    59: _C("no such number", _MESSAGE, _UNREACHABLE),
    60: _C("held back for its content", _MESSAGE, _FIX),
}

RECEIPT_CODES: Final[dict[tuple[Family, int], ReceiptCode]] = {
    (family, code): row
    for family, rows in (
        (Family.ANY, _ANY),
        (Family.WHATSAPP, _WHATSAPP),
        (Family.VIBER, _VIBER),
        (Family.SMS, _SMS),
    )
    for code, row in rows.items()
}


__all__ = ["RECEIPT_CODES", "Action", "Family", "ReceiptCode", "receipt_code"]

_BY_META: Final = {str(row.meta): row for row in RECEIPT_CODES.values() if row.meta is not None}
_EVERY_FAMILY: Final = tuple(Family)
_FAMILIES: Final = {family.value: (family, Family.ANY) for family in Family}
_JUST_ANY: Final = (Family.ANY,)


def receipt_code(channel: str, code: int | None, provider_code: str | None = None) -> ReceiptCode:
    """Look up a receipt's code.

    Args:
        channel: of the receipt, in any case; '' searches all lists.
        code: `errorCode` of the receipt.
        provider_code: the channel's own code, used only when `code` is missing or unknown.

    An unknown code fails its message only and alerts an operator.
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
