"""A campaign without its recipients: what a launch over HTTP describes, and a draft keeps."""

from itertools import islice
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from config.sections import SubAccountId
from config.settings import Settings
from producer.campaigns.canary import read_canary
from producer.campaigns.exclusions import MOST_EXCLUSIONS
from producer.campaigns.message_file import LONGEST_NAME, RULE, is_name
from producer.campaigns.schedule import read_finish, read_rate, read_start
from producer.campaigns.upload import Upload
from producer.layout import ReadOptions
from producer.policies import campaign_policies
from store.lanes.lane import Priority
from store.purposes import Purpose

MOST_SURPLUS: Final = 3
"""Most unknown members that are reported; all of them could take a second."""


def _printable(name: str) -> str:
    if not is_name(name):
        raise ValueError(RULE)
    return name


CampaignName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_NAME),
    AfterValidator(_printable),
]


ColumnName = Annotated[str, Field(min_length=1, max_length=1000)]


class _Exact(BaseModel):
    """A model without unknown members."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _few_unknown(cls, given: Any) -> Any:
        if not isinstance(given, dict) or len(given) <= len(cls.model_fields) + MOST_SURPLUS:
            return given
        known = {name: given[name] for name in cls.model_fields if name in given}
        return known | dict(
            islice(((k, v) for k, v in given.items() if k not in known), MOST_SURPLUS)
        )


class CampaignPolicies(_Exact):
    """Policies for messages in doubt and closed windows; defaults are the settings'."""

    hold: Annotated[
        bool,
        Field(
            description="No recipient gets two: same as on_unconfirmed and on_server_error = hold."
        ),
    ] = False
    on_unconfirmed: Literal["hold", "resend"] | None = None
    on_server_error: Literal["retry", "hold"] | None = None
    settle_after: Annotated[float, Field(ge=0, le=86400, allow_inf_nan=False)] | None = None
    window: Literal["auto", "skip", "send"] | None = None

    @model_validator(mode="after")
    def _means_one_thing(self) -> "CampaignPolicies":
        if self.hold and (self.on_unconfirmed == "resend" or self.on_server_error == "retry"):
            raise ValueError(
                "hold is on_unconfirmed = hold and on_server_error = hold: say one of both"
            )
        return self


class CampaignForm(_Exact):
    """The part `campaign`."""

    name: CampaignName
    message: Annotated[
        dict[str, Any],
        Field(description="The provider's message without `user`; {{column}} is filled in."),
    ]
    sub_account: SubAccountId | None = None
    map: Annotated[
        dict[ColumnName, ColumnName],
        Field(
            description="Which column `phone` is, or a {{name}} of the message.", max_length=1000
        ),
    ] = {}
    country_column: ColumnName | None = None
    language_column: Annotated[
        ColumnName | None, Field(description="Of the language in which the template goes out.")
    ] = None
    timezone_column: Annotated[
        ColumnName | None,
        Field(description="Of the zone of each person, `Europe/London`; else by the number."),
    ] = None
    encoding: Annotated[
        ColumnName | None, Field(description="Of a text that is not UTF-8: windows-1252, …")
    ] = None
    sheet: Annotated[
        ColumnName | None, Field(description="Of a workbook in which several hold rows.")
    ] = None
    where: Annotated[
        list[ColumnName],
        Field(description="`COLUMN=value`: only rows with this value.", max_length=100),
    ] = []
    limit: Annotated[int, Field(ge=1, description="Only the first of these rows.")] | None = None
    default_region: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = None
    priority: Literal["urgent", "normal", "bulk"] = "bulk"
    policies: CampaignPolicies = CampaignPolicies()
    purpose: Annotated[
        Literal["marketing", "utility", "authentication"] | None,
        Field(
            description="What it is for: opt-outs are held against it. Without it the registered "
            "category of its template, else marketing. That category cannot be lowered."
        ),
    ] = None
    send_at: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=100,
            description="When it starts: RFC 3339 with an offset, or `2026-12-24 09:00 Europe/London`.",
        ),
    ] = None
    at_local: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=100,
            description="Instead: `10:00`, by each person's local time. With a zone, `10:00 "
            "Europe/London`, people whose own is unknown count as there.",
        ),
    ] = None
    on: Annotated[
        str | None, Field(pattern=r"^\d{4}-\d\d-\d\d$", description="The day of `at_local`.")
    ] = None
    rate: Annotated[
        float, Field(ge=0, le=10_000, description="Messages/s at most; 0: as its sub-account.")
    ] = 0
    spread: Annotated[
        bool,
        Field(description="Instead of `rate`: evenly over what its tier lets it send in a day."),
    ] = False
    weight: Annotated[int, Field(ge=1, le=10, description="Its share beside other campaigns.")] = 1
    finish_by: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=100,
            description="When it is to be finished, as `send_at`, or `18:00 Europe/London`; not with "
            "`rate`, which follows from it.",
        ),
    ] = None
    canary: Annotated[
        str | None,
        Field(
            max_length=20,
            description="`500`, `5%` or `warm-up`: so many of the people first; the others when these "
            "fared well.",
        ),
    ] = None
    send_while_loading: bool = False
    keep: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=1000)]],
        Field(max_length=50, description="Further columns to keep for exports and retries."),
    ] = []
    force: Annotated[bool, Field(description="Launch even if messages would be refused.")] = False
    accept_invalid: Annotated[
        bool,
        Field(
            description="Launch although more rows cannot be used than campaigns.max_invalid_share "
            "allows."
        ),
    ] = False
    exclude: Annotated[
        list[Annotated[str, Field(pattern=r"^campaign:.", max_length=200)]],
        Field(
            max_length=MOST_EXCLUSIONS,
            description="Who is left out: `campaign:NAME` (who got its message, may have, or still "
            "waits), or `campaign:NAME:all`.",
        ),
    ] = []
    plan: Annotated[
        str, Field(description="Digest of a plan: what differs from it is not launched.")
    ] = ""
    launch: Annotated[bool, Field(description="False: keep it as a draft, and send nothing.")] = (
        True
    )


def upload_of(form: CampaignForm, settings: Settings, sub_account: str) -> Upload:
    """The upload's options, with defaults from the settings."""
    start = read_start(form.send_at, form.at_local, form.on)
    rate = read_rate(settings, sub_account, form.rate, spread=form.spread) or 0
    return Upload(
        name=form.name,
        sub_account=sub_account,
        message=form.message,
        reading=ReadOptions(
            names=form.map,
            country_column=form.country_column,
            language_column=form.language_column,
            timezone_column=form.timezone_column,
            region=form.default_region or settings.default_region,
            encoding=form.encoding,
            sheet=form.sheet,
            where=form.where,
            limit=form.limit,
        ),
        priority=Priority(form.priority),
        policies=campaign_policies(settings, **form.policies.model_dump()),
        purpose=Purpose(form.purpose) if form.purpose else None,
        send_while_loading=form.send_while_loading,
        rate=rate,
        weight=form.weight,
        max_invalid_share=1 if form.accept_invalid else settings.campaigns.max_invalid_share,
        plan=form.plan,
        start=start,
        finish=read_finish(form.finish_by, rate=rate, start=start),
        keep=tuple(form.keep),
        canary=read_canary(settings, form.canary, early=form.send_while_loading),
    )
