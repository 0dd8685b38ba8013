"""Look-ups in the table of API codes. Pure."""

from typing import Final

from chatapps.code_table import API_CODES, ApiCode, CodeClass, Scope

__all__ = [
    "API_CODES",
    "ApiCode",
    "CodeClass",
    "Scope",
    "classify_item",
    "classify_request",
    "is_redirect",
    "meaning",
    "scope",
]

_TIMED_OUT: Final = 408
_TOO_MANY_REQUESTS: Final = 429
_BY_CODE: Final = frozenset({400, 422})
_ONE_MESSAGE: Final = frozenset({413, 415})
_ACCOUNT_STATUSES: Final = frozenset({401, 403, 404, 410, 426, 429})
_TEMPLATE_BEING_DELETED: Final = 409


def classify_item(code: int | None) -> CodeClass:
    """The class of a code on one message of an answer. An unknown code fails that message only."""
    known = _known(code)
    return known.on_item if known else CodeClass.PERMANENT_MESSAGE


def classify_request(status: int, code: int | None) -> CodeClass:
    """The class of a refused send request.

    Args:
        status: the HTTP status. Below 300 it means an unusable answer: the messages are unconfirmed.
        code: `code` of the error body, None when there was no readable body.

    PERMANENT_MESSAGE means that one of the messages is at fault, without saying which: split the batch
    to find it.
    """
    if status == _TOO_MANY_REQUESTS:
        return CodeClass.THROTTLE
    if status >= 500 or status == _TIMED_OUT or status < 300:
        return CodeClass.TRANSIENT
    if status in _BY_CODE:
        return _classify_body(code)
    return CodeClass.PERMANENT_MESSAGE if status in _ONE_MESSAGE else CodeClass.PERMANENT_BATCH


def meaning(code: int | None) -> str:
    """The meaning of a code in a few words, for people."""
    known = _known(code)
    if known:
        return known.meaning
    return "no error code" if code is None else f"unknown code {code}"


def scope(code: int | None, status: int | None = None) -> Scope:
    """The scope of a permanent error.

    Args:
        code: the API code; None or unknown falls back to the status.
        status: the HTTP status, when a request was refused.
    """
    known = _known(code)
    if known:
        return known.scope
    if status in _ACCOUNT_STATUSES or is_redirect(status):
        return Scope.ACCOUNT
    return Scope.TEMPLATE if status == _TEMPLATE_BEING_DELETED else Scope.REQUEST


def is_redirect(status: int | None) -> bool:
    """True when a proxy or a wrong base URL redirected the request."""
    return status is not None and 300 <= status < 400


def _classify_body(code: int | None) -> CodeClass:
    known = _known(code)
    if known is None:
        return CodeClass.PERMANENT_BATCH
    return known.on_request or known.on_item


def _known(code: int | None) -> ApiCode | None:
    return None if code is None else API_CODES.get(code)
