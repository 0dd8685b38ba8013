"""Why a call to the provider did not do what it was asked, as few classes as decisions are taken.

    ProviderError               base; `status`, `code` and `error_id` as far as the provider told them
    ├── ProviderUnavailable     no answer to be trusted, or a 5xx: ask again later
    ├── WrongKey                401: the key is missing or wrong
    ├── NotAllowed              403: the key is right, and may not do this
    ├── UnknownAccount          code 1001: account, sub-account or channel are not ours
    ├── NotFound                404: no such message
    ├── TooFast                 429: wait `retry_after` seconds
    ├── TemplateNameBlocked     409 or code 3060: deleted lately, the name rests for about 30 days
    └── CallRefused             any other 4xx: the request is at fault

Their texts are written for people, and hold neither keys nor numbers.
"""

from typing import Final

from chatapps.codes import is_redirect, meaning
from chatapps.responses import NoAnswer, NotSent, Received, Refused
from config.errors import ReportedError


class ProviderError(ReportedError):
    """A call to the provider that did not do what it was asked."""

    def __init__(self, text: str, refused: Refused | None = None) -> None:
        super().__init__(text)
        self.status = refused.status if refused else None
        self.code = refused.code if refused else None
        self.error_id = refused.error_id if refused else None  # for enquiries at the provider


class ProviderUnavailable(ProviderError):
    """There is no answer to be trusted."""

    def __init__(
        self, text: str, refused: Refused | None = None, *, not_processed: bool = False
    ) -> None:
        super().__init__(text, refused)
        self.not_processed = not_processed  # confirmed; else it may have been done all the same


class WrongKey(ProviderError):
    """The API key is missing or wrong."""


class NotAllowed(ProviderError):
    """The API key is known, and may not do this."""


class UnknownAccount(ProviderError):
    """The account, sub-account or channel does not exist or belongs to somebody else."""


class NotFound(ProviderError):
    """There is no such thing."""


class TooFast(ProviderError):
    """Asked more often than the provider allows."""

    def __init__(self, text: str, refused: Refused) -> None:
        super().__init__(text, refused)
        self.retry_after = refused.retry_after  # seconds, if it was told


class TemplateNameBlocked(ProviderError):
    """The name was deleted lately and cannot be used again yet."""


class CallRefused(ProviderError):
    """The provider refused the request for what it holds."""


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
    """The body of a good answer.

    Raises:
        ProviderError: the answer is none, or not a good one.
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
    """The error of a good answer with a body that makes no sense."""
    return ProviderUnavailable(f"The provider's answer cannot be read: {what}")


def error_of(refused: Refused) -> ProviderError:
    """The error that a refusal asks for. The status says more than a code that is under every one."""
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
