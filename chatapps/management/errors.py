"""Errors of calls to the provider: one class per decision a caller can take.

    ProviderError               base; `status`, `code` and `error_id` where the provider sent them
    ├── ProviderUnavailable     no usable answer, or a 5xx: try again later
    ├── WrongKey                401: the key is missing or wrong
    ├── NotAllowed              403: the key is valid but lacks the permission
    ├── UnknownAccount          code 1001: account, sub-account or channel are not ours
    ├── NotFound                404: no such message
    ├── TooFast                 429: wait `retry_after` seconds
    ├── TemplateNameBlocked     409 or code 3060: the name was deleted less than about 30 days ago
    └── CallRefused             any other 4xx: the request is at fault

Their texts are meant for users and contain neither keys nor phone numbers.
"""

from typing import Final

from chatapps.codes import is_redirect, meaning
from chatapps.responses import NoAnswer, NotSent, Received, Refused
from config.errors import ReportedError


class ProviderError(ReportedError):
    """A call to the provider failed."""

    def __init__(self, text: str, refused: Refused | None = None) -> None:
        super().__init__(text)
        self.status = refused.status if refused else None
        self.code = refused.code if refused else None
        self.error_id = refused.error_id if refused else None  # for support requests


class ProviderUnavailable(ProviderError):
    """The provider gave no usable answer."""

    def __init__(
        self, text: str, refused: Refused | None = None, *, not_processed: bool = False
    ) -> None:
        super().__init__(text, refused)
        self.not_processed = not_processed  # False: it may have had an effect


class WrongKey(ProviderError):
    """The API key is missing or wrong."""


class NotAllowed(ProviderError):
    """The API key is valid but lacks the permission."""


class UnknownAccount(ProviderError):
    """The account, sub-account or channel does not exist or belongs to another customer."""


class NotFound(ProviderError):
    """The requested object does not exist."""


class TooFast(ProviderError):
    """More calls than the provider allows."""

    def __init__(self, text: str, refused: Refused) -> None:
        super().__init__(text, refused)
        self.retry_after = refused.retry_after  # seconds, if the provider sent it


class TemplateNameBlocked(ProviderError):
    """The name was deleted less than about 30 days ago and cannot be used yet."""


class CallRefused(ProviderError):
    """The provider refused the request because of its content."""


_BY_CODE: Final[dict[int, tuple[type[ProviderError], str]]] = {
    1001: (UnknownAccount, "The provider does not know this account, sub-account or channel"),
    3060: (
        TemplateNameBlocked,
        "A template of this name was deleted lately: the name rests for about 30 days, use another",
    ),
}
_BY_STATUS: Final[dict[int, tuple[type[ProviderError], str]]] = {
    401: (WrongKey, "The provider does not accept the API key"),
    403: (NotAllowed, "The API key is right, but may not do this, or not from here"),
    404: (NotFound, "The provider knows no such thing"),
    409: _BY_CODE[3060],
}


def body_of(answer: Received | Refused | NotSent | NoAnswer) -> bytes:
    """The body of a successful answer.

    Raises:
        ProviderError: there is no answer, or not a successful one.
    """
    match answer:
        case Received():
            return answer.body
        case Refused():
            raise error_of(answer)
        case NotSent():
            raise ProviderUnavailable(
                f"The provider could not be reached: {answer.reason}", not_processed=True
            )
        case NoAnswer():
            raise ProviderUnavailable(f"The provider gave no usable answer: {answer.reason}")


def unreadable(what: str) -> ProviderUnavailable:
    """The error for a successful answer whose body cannot be parsed."""
    return ProviderUnavailable(f"The provider's answer cannot be read: {what}")


def error_of(refused: Refused) -> ProviderError:
    """The error for a refusal. The status takes precedence: some codes occur under several."""
    told = f"{_told(refused)}."
    if refused.status == 429:
        return TooFast(f"The provider is asked too often{told}", refused)
    if is_redirect(refused.status):
        words = "The provider's address answers with a redirect: check the region or base_url"
        return ProviderUnavailable(words + told, refused)
    if refused.status >= 500:
        return ProviderUnavailable(f"The provider has a fault of its own{told}", refused)
    if refused.status in (400, 422):
        kind, words = _BY_CODE.get(refused.code or 0, (CallRefused, _refusal(refused)))
    else:
        kind, words = _BY_STATUS.get(refused.status, (CallRefused, _refusal(refused)))
    return kind(words + told, refused)


def _refusal(refused: Refused) -> str:
    why = f": {meaning(refused.code)}" if refused.code is not None else ""
    return f"The provider refused this{why}"


def _told(refused: Refused) -> str:
    code = f", code {refused.code}" if refused.code is not None else ""
    error_id = f", error id {refused.error_id}" if refused.error_id else ""
    return f" (HTTP {refused.status}{code}{error_id})"
