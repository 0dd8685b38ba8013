"""Reactions to codes of delivery receipts, as data: code → action, threshold and duration.

`REACTIONS` are the defaults; `[[reactions]]` of the settings replaces the row of a code, or adds one.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, PositiveInt, model_validator

from config.sections import Section

_HOUR, _DAY = 3600.0, 86_400.0
CODES = (range(1, 62), range(1000, 1055), range(2001, 2026))
"""Codes of delivery receipts: of all channels and SMS, of WhatsApp, of Viber."""
SOONEST_RETRY = 7200.0
"""Seconds from the end of a campaign in which the next one is scheduled at the latest: receipts are
awaited for an hour."""
Seconds = Annotated[float, Field(ge=1, le=90 * _DAY, allow_inf_nan=False)]


class Reaction(StrEnum):
    """What a code leads to."""

    NONE = "none"
    PAUSE_BULK = "pause_bulk"  # priority bulk of the sub-account waits for `seconds`
    SKIP_MARKETING = "skip_marketing"  # marketing to the person is skipped for `seconds`
    OPT_OUT_MARKETING = "opt_out_marketing"  # the person gets no marketing any more
    OPT_OUT = "opt_out"  # the person gets nothing any more
    RETRY_CAMPAIGN = (
        "retry_campaign"  # a campaign of those people, `seconds` after the end of theirs
    )


PERSONAL = (Reaction.SKIP_MARKETING, Reaction.OPT_OUT_MARKETING, Reaction.OPT_OUT)
"""Reactions that concern the person of the receipt."""
_SECONDS = {
    Reaction.PAUSE_BULK: _HOUR,
    Reaction.SKIP_MARKETING: 30 * _DAY,
    Reaction.RETRY_CAMPAIGN: _DAY,
}
_WITHIN = {Reaction.PAUSE_BULK: _HOUR, Reaction.RETRY_CAMPAIGN: 8 * _DAY}


class ReactionRule(Section):
    """One row of the table."""

    code: int
    action: Reaction
    threshold: PositiveInt | None = None
    """Receipts with the code that it takes; None: one."""
    within: Seconds | None = None
    """Seconds in which `threshold` receipts come (pause_bulk), or from the end of a campaign to the last
    one that sends again (retry_campaign); None: an hour, 8 days."""
    seconds: Seconds | None = None
    """Duration; None: an hour (pause_bulk), 30 days (skip_marketing), a day (retry_campaign), which
    doubles with every campaign that sends again."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if not any(self.code in codes for codes in CODES):
            told = ", ".join(f"{codes[0]} to {codes[-1]}" for codes in CODES)
            raise ValueError(f"{self.code} is no code of delivery receipts: give one of {told}")
        limits = {"threshold": _WITHIN, "within": _WITHIN, "seconds": _SECONDS}
        unused = [
            name
            for name, used in limits.items()
            if getattr(self, name) is not None and self.action not in used
        ]
        if unused:
            raise ValueError(f"{self.action} has no {unused[0]}: leave it out")
        begins = max(self.lasts, SOONEST_RETRY)
        if self.action is Reaction.RETRY_CAMPAIGN and self.window < begins:
            raise ValueError(
                f"{self.code} would never lead to a campaign: it begins {begins:g} seconds after the "
                f"end of the first one, and within is {self.window:g}: give a longer within"
            )
        return self

    @property
    def least(self) -> int:
        """Receipts that it takes."""
        return self.threshold or 1

    @property
    def lasts(self) -> float:
        """Duration in seconds; 0 = for good."""
        return self.seconds or _SECONDS.get(self.action, 0.0)

    @property
    def window(self) -> float:
        """`within`, or its default."""
        return self.within or _WITHIN.get(self.action, 0.0)


REACTIONS = (
    ReactionRule(code=1018, action=Reaction.SKIP_MARKETING),
    ReactionRule(code=1023, action=Reaction.PAUSE_BULK),
    ReactionRule(code=1024, action=Reaction.NONE),
    ReactionRule(code=1051, action=Reaction.OPT_OUT_MARKETING),
    ReactionRule(code=2007, action=Reaction.OPT_OUT),
)


def reactions_by_code(given: Iterable[ReactionRule]) -> Mapping[int, ReactionRule]:
    """The rows in force; `given` wins over the defaults."""
    rows = {rule.code: rule for rule in (*REACTIONS, *given)}
    return {code: rule for code, rule in rows.items() if rule.action is not Reaction.NONE}
