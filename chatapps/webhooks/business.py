"""Business management events: templates, numbers and the account (provider docs, CABM)."""

from collections.abc import Callable
from typing import Any, ClassVar, Final, TypeAlias

import msgspec

from chatapps.webhooks.base_event import WebhookEvent
from chatapps.webhooks.json_fields import Members
from chatapps.webhooks.person import digits

APPROVED: Final = "APPROVED"
RED: Final = "RED"

_TIERS: Final = {
    "TIER_50": 50,
    "TIER_250": 250,
    "TIER_1K": 1_000,
    "TIER_2K": 2_000,
    "TIER_10K": 10_000,
    "TIER_100K": 100_000,
}


class BusinessEvent(WebhookEvent, frozen=True, gc=False, kw_only=True):
    """Members of all business events."""

    event_type: str
    event_id: str | None = None
    account_id: str | None = None
    business_account_id: str | None = None  # Meta's, of the WhatsApp business account
    provider: str | None = None

    @property
    def kind(self) -> str:
        return "business"


class TemplateChange(BusinessEvent, frozen=True, gc=False, kw_only=True):
    """A template was approved, paused, rated or moved; only changed members are set, in capitals."""

    shown: ClassVar[tuple[str, ...]] = ("name", "language", "status", "quality", "category")

    template_id: str | None = None
    name: str | None = None
    language: str | None = None
    status: str | None = None  # APPROVED, REJECTED, FLAGGED, PAUSED, PENDING_DELETION, DISABLED, …
    reason: str | None = None  # NONE, INCORRECT_CATEGORY, …
    title: str | None = None  # FIRST_PAUSE, SECOND_PAUSE, RATE_LIMITING_PAUSE, UNPAUSE, DISABLED
    description: str | None = None
    disable_date: str | None = None  # as received: its form is not documented
    quality: str | None = None  # GREEN, YELLOW, RED, UNKNOWN
    previous_quality: str | None = None
    category: str | None = None
    previous_category: str | None = None
    advised_category: str | None = None  # Meta's suggestion; nothing has changed yet

    @property
    def may_be_sent(self) -> bool | None:
        """True: sending may start; False: it must stop; None: the event does not say.

        Any status but APPROVED stops this name and language, and so does a RED quality; a better quality
        does not lift a pause.
        """
        if self.status is not None:
            return self.status == APPROVED
        return False if self.quality == RED else None


class NumberChange(BusinessEvent, frozen=True, gc=False, kw_only=True):
    """The quality or the daily limit of a sender number changed."""

    shown: ClassVar[tuple[str, ...]] = ("event", "tier")

    number: str | None = None  # ours; digits without +
    event: str | None = (
        None  # DOWNGRADE, FLAGGED, ONBOARDING, THROUGHPUT_UPGRADE, UNFLAGGED, UPGRADE
    )
    reason: str | None = None
    tier: str | None = None  # TIER_250, …, TIER_UNLIMITED, TIER_NOT_SET
    previous_tier: str | None = None

    @property
    def daily_limit(self) -> int | None:
        """People per 24 h to whom conversations may be opened; None: unlimited or unknown (`tier`)."""
        return _TIERS.get(self.tier or "")


class Restriction(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A restriction of the account."""

    type: str | None = None
    expires: int | None = None  # ms since 1970
    remedy: str | None = None


class AccountChange(BusinessEvent, frozen=True, gc=False, kw_only=True):
    """The business account was verified, warned, restricted or freed."""

    shown: ClassVar[tuple[str, ...]] = ("event", "violation", "verification")

    event: str | None = (
        None  # BUSINESS_VERIFICATION_STATUS_UPDATE, ACCOUNT_VIOLATION, ACCOUNT_RESTRICTION
    )
    number: str | None = None  # ours; digits without +
    violation: str | None = None  # DIRECT_SEND_UTILITY_CATEGORY_ABUSE_STRIKE_1, …
    remedy: str | None = None
    restrictions: tuple[Restriction, ...] = ()
    business_id: str | None = None  # Meta's, of the business that was verified
    verification: str | None = None  # APPROVED, FAILED, …
    rejection_reasons: tuple[str, ...] = ()


def _template(details: Members) -> dict[str, Any]:
    return {
        "template_id": details.number_or_word("templateId"),
        "name": details.word("templateName"),
        "language": details.word("templateLanguage"),
    }


def _template_status(details: Members) -> dict[str, Any]:
    meta = details.inside("meta")
    more = meta.inside("otherInfo")
    return _template(details) | {
        "status": meta.upper("status"),
        "reason": meta.upper("reason"),
        "title": more.upper("title"),
        "description": more.text("description"),
        "disable_date": meta.inside("disableInfo").number_or_word("disableDate"),
    }


def _template_quality(details: Members) -> dict[str, Any]:
    meta = details.inside("meta")
    return _template(details) | {
        "quality": meta.upper("newQualityScore"),
        "previous_quality": meta.upper("previousQualityScore"),
    }


def _template_category(details: Members) -> dict[str, Any]:
    meta = details.inside("meta")
    return _template(details) | {
        "category": meta.upper("newCategory"),
        "previous_category": meta.upper("previousCategory"),
    }


def _template_advice(details: Members) -> dict[str, Any]:
    meta = details.inside("meta")
    return _template(details) | {
        "category": meta.upper("category"),
        "advised_category": meta.upper("correctCategory"),
    }


def _number(details: Members, name: str) -> str | None:
    written = details.word(name)
    if written is None:
        return None
    number = digits("".join(written.split()))
    if number is None:
        details.give_back(name, written)
    return number


def _number_quality(details: Members) -> dict[str, Any]:
    meta = details.inside("meta")
    older = meta.upper("currentLimit") or details.upper("currentLimit")
    return {
        "number": _number(details, "displayPhoneNumber"),
        "event": meta.upper("event") or details.upper("event"),
        "reason": meta.upper("reason"),
        "tier": meta.upper("maxDailyConversationsPerBusiness") or older,
        "previous_tier": meta.upper("oldLimit") or details.upper("oldLimit"),
    }


def _account(details: Members) -> dict[str, Any]:
    violation = details.inside("violationInfo")
    verification = details.inside("businessVerificationInfo")
    return {
        "event": details.upper("event"),
        "number": _number(details, "phoneNumber"),
        "violation": violation.upper("violationType"),
        "remedy": violation.text("remediation"),
        "restrictions": tuple(map(_restriction, details.each_inside("restrictionInfo"))),
        "business_id": verification.number_or_word("businessId"),
        "verification": verification.upper("verificationStatus"),
        "rejection_reasons": tuple(verification.words("rejectionReasons")),
    }


def _restriction(item: Members) -> Restriction:
    return Restriction(
        item.upper("restrictionType"), item.moment("expiration"), item.text("remediation")
    )


BusinessChange: TypeAlias = TemplateChange | NumberChange | AccountChange

_Record = type[TemplateChange] | type[NumberChange] | type[AccountChange]
_Reader = tuple[_Record, Callable[[Members], dict[str, Any]]]

_READERS: Final[dict[str, _Reader]] = {
    "template_status_update": (TemplateChange, _template_status),
    "template_quality_update": (TemplateChange, _template_quality),
    "template_category_update": (TemplateChange, _template_category),
    "template_correct_category_detection": (TemplateChange, _template_advice),
    "phone_number_quality_update": (NumberChange, _number_quality),
    "account_update": (AccountChange, _account),
}


def is_business(event_type: str) -> bool:
    """True when this module reads events of this type."""
    return event_type in _READERS


def read_business(event: Members, event_type: str) -> BusinessChange:
    """Read an event whose type `is_business`.

    Raises:
        MessageError: `eventDetails` is missing, or no object.
    """
    record, read_details = _READERS[event_type]
    fields = read_details(event.needed_inside("eventDetails"))
    return record(
        event_type=event_type,
        event_id=event.word("eventId"),
        timestamp=event.moment("timestamp"),
        account_id=event.word("accountId"),
        business_account_id=event.number_or_word("businessAccountId"),
        provider=event.lower("provider"),
        **fields,
        extra=event.leftovers(),
    )
