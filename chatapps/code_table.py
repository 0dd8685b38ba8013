"""The provider's API error codes: meaning and reaction (provider docs, error codes).

API codes only. Delivery receipts use the same numbers with other meanings, so a code is always stored
with its origin.
"""

from enum import StrEnum
from typing import Final, NamedTuple


class CodeClass(StrEnum):
    """The reaction that an error requires."""

    TRANSIENT = "transient"  # outcome unknown; may pass later
    THROTTLE = "throttle"  # not processed; slow down and send the same again
    PERMANENT_MESSAGE = "permanent_message"  # this message will never pass
    PERMANENT_BATCH = "permanent_batch"  # every message like it fails until the cause is fixed


class Scope(StrEnum):
    """The scope that a permanent error affects, and so must stop."""

    ACCOUNT = "account"  # credentials, sub-account, IP address, API version
    CHANNEL = "channel"  # a channel the sub-account lacks
    TEMPLATE = "template"  # one WhatsApp template in one language
    REQUEST = "request"  # the content of this campaign, or the code that builds requests


class ApiCode(NamedTuple):
    """One row of the table."""

    meaning: str
    on_item: CodeClass
    scope: Scope
    on_request: CodeClass | None = None  # as the body of a refused batch call, where that differs


_TRANSIENT = CodeClass.TRANSIENT
_THROTTLE = CodeClass.THROTTLE
_MESSAGE = CodeClass.PERMANENT_MESSAGE
_BATCH = CodeClass.PERMANENT_BATCH
_ACCOUNT, _CHANNEL = Scope.ACCOUNT, Scope.CHANNEL
_TEMPLATE, _REQUEST = Scope.TEMPLATE, Scope.REQUEST

# For a code about data, the scope says what to stop when it refuses every message of a batch. SMS sender
# and fallback delays come from the campaign's content, so they stop the campaign; a channel that the
# sub-account does not have stops the sub-account.
API_CODES: Final[dict[int, ApiCode]] = {
    429: ApiCode("too many requests", _THROTTLE, _ACCOUNT),
    1000: ApiCode("a parameter is not valid", _MESSAGE, _REQUEST, on_request=_BATCH),
    1001: ApiCode("no such sub-account", _BATCH, _ACCOUNT),
    1002: ApiCode("the phone number is not valid", _MESSAGE, _REQUEST),
    1003: ApiCode("the SMS encoding is not known", _BATCH, _REQUEST),
    1004: ApiCode("the text is not valid", _MESSAGE, _REQUEST),
    1005: ApiCode("the sender id is not valid", _BATCH, _REQUEST),
    1006: ApiCode("the expiry is not valid or has passed", _MESSAGE, _REQUEST),
    1007: ApiCode("the SMS template is not valid", _BATCH, _TEMPLATE),
    1008: ApiCode("the message or batch id is malformed", _MESSAGE, _REQUEST),
    1009: ApiCode("the country code is not valid", _MESSAGE, _REQUEST),
    1010: ApiCode("a parameter is out of range", _MESSAGE, _REQUEST),
    1011: ApiCode("the scheduled time is not valid or has passed", _MESSAGE, _REQUEST),
    1012: ApiCode("the IP address is not allowed", _BATCH, _ACCOUNT),
    1014: ApiCode("the TLS version is too old", _BATCH, _ACCOUNT),
    1054: ApiCode("a WhatsApp user id cannot be used here; a number is needed", _MESSAGE, _REQUEST),
    1100: ApiCode("the bulk limit is reached", _BATCH, _REQUEST),
    1200: ApiCode("the API key is missing or wrong", _BATCH, _ACCOUNT),
    1201: ApiCode("the API key may not do this", _BATCH, _ACCOUNT),
    1300: ApiCode("not found", _MESSAGE, _ACCOUNT, on_request=_BATCH),
    1400: ApiCode("sent again too soon", _THROTTLE, _REQUEST, on_request=_MESSAGE),
    2000: ApiCode("internal error of the provider", _TRANSIENT, _ACCOUNT),
    2001: ApiCode("the provider has not built this", _BATCH, _REQUEST),
    2002: ApiCode("the API version is not supported", _BATCH, _ACCOUNT),
    2003: ApiCode("the product is not supported", _BATCH, _ACCOUNT),
    3001: ApiCode("the user is missing", _MESSAGE, _REQUEST),
    3002: ApiCode("the phone number is missing", _MESSAGE, _REQUEST),
    3003: ApiCode("the phone number is not valid", _MESSAGE, _REQUEST),
    3004: ApiCode("the content is missing", _MESSAGE, _REQUEST),
    3005: ApiCode("the text is missing", _MESSAGE, _REQUEST),
    3006: ApiCode("the text is too long", _MESSAGE, _REQUEST),
    3007: ApiCode("the media address is missing", _MESSAGE, _REQUEST),
    3008: ApiCode("the media address is not valid", _MESSAGE, _REQUEST),
    3009: ApiCode("clientMessageId is too long", _BATCH, _REQUEST),
    3010: ApiCode("the message type is not valid", _BATCH, _REQUEST),
    3011: ApiCode("the SMS sender id is too long", _BATCH, _REQUEST),
    3012: ApiCode("the batch holds no messages", _BATCH, _REQUEST),
    3013: ApiCode("the batch holds too many messages", _BATCH, _REQUEST),
    3014: ApiCode("clientBatchId is too long", _BATCH, _REQUEST),
    3015: ApiCode("the user id is missing", _MESSAGE, _REQUEST),
    3016: ApiCode("the WeChat user id is missing", _MESSAGE, _REQUEST),
    3017: ApiCode("the fallback text is too long", _MESSAGE, _REQUEST),
    3018: ApiCode("the country code is not valid", _MESSAGE, _REQUEST),
    3019: ApiCode("the Facebook user id is missing", _MESSAGE, _REQUEST),
    3020: ApiCode("the receipt callback address is not valid", _BATCH, _REQUEST),
    3021: ApiCode("the location is empty or not valid", _MESSAGE, _REQUEST),
    3022: ApiCode("the fallback channel is not known", _BATCH, _REQUEST),
    3023: ApiCode("the fallback delay is not valid", _BATCH, _REQUEST),
    3024: ApiCode("the fallback status is not known", _BATCH, _REQUEST),
    3025: ApiCode("the channel cannot report Delivered", _BATCH, _REQUEST),
    3026: ApiCode("the channel cannot report Read", _BATCH, _REQUEST),
    3027: ApiCode("the sub-account does not have the fallback channel", _BATCH, _CHANNEL),
    3028: ApiCode("the Zalo user id is missing", _MESSAGE, _REQUEST),
    3029: ApiCode("the umid is missing", _MESSAGE, _REQUEST),
    3030: ApiCode("the template is empty", _BATCH, _TEMPLATE),
    3031: ApiCode("the template name has the wrong length", _BATCH, _TEMPLATE),
    3032: ApiCode("the template name is not valid", _BATCH, _TEMPLATE),
    3033: ApiCode("the template takes fewer parameters", _BATCH, _TEMPLATE),
    3034: ApiCode("these template components do not go together", _BATCH, _TEMPLATE),
    3035: ApiCode("no channel of the sub-account sends templates", _BATCH, _CHANNEL),
    3036: ApiCode("the template language is missing", _BATCH, _TEMPLATE),
    3037: ApiCode("the template language is not valid", _BATCH, _TEMPLATE),
    3038: ApiCode("no such template in this language", _BATCH, _TEMPLATE),
    3039: ApiCode("the template component type is not known", _BATCH, _TEMPLATE),
    3040: ApiCode("a template parameter is empty", _MESSAGE, _TEMPLATE),
    3041: ApiCode("a template parameter is not valid", _MESSAGE, _TEMPLATE),
    3042: ApiCode("the template parameter type is not valid", _BATCH, _TEMPLATE),
    3043: ApiCode("a template parameter is too long", _MESSAGE, _TEMPLATE),
    3044: ApiCode("a location parameter is empty", _MESSAGE, _TEMPLATE),
    3045: ApiCode("the template parameter is not allowed here", _BATCH, _TEMPLATE),
    3046: ApiCode("the address in a template parameter is not valid", _MESSAGE, _TEMPLATE),
    3047: ApiCode("the WhatsApp user id is missing", _MESSAGE, _REQUEST),
    3048: ApiCode("a chat group id and a user id exclude each other", _BATCH, _REQUEST),
    3049: ApiCode("a button parameter is not valid", _MESSAGE, _TEMPLATE),
    3050: ApiCode("the Kakao id is missing", _MESSAGE, _REQUEST),
    3051: ApiCode("the fallback channel id is not valid", _BATCH, _CHANNEL),
    3052: ApiCode("the button subType is not valid", _BATCH, _TEMPLATE),
    3053: ApiCode("the button index is not valid", _BATCH, _TEMPLATE),
    3060: ApiCode("the template is being deleted", _BATCH, _TEMPLATE),
    4018: ApiCode("no such export job", _MESSAGE, _REQUEST),
    7001: ApiCode("the uploaded file is larger than 100 MB", _MESSAGE, _REQUEST),
}
