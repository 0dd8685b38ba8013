"""Plans a launch: reads the rows like a launch, and writes nothing."""

import math
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from pathlib import Path

from pydantic import BaseModel

from chatapps.preflight import Finding, Severity
from chatapps.rendering.compiled import CompiledContent
from chatapps.service_window import content_needs_window
from config.quiet_hours import check_hours
from config.settings import Settings
from producer.campaigns.agreement import Options, RowsSum, changed, digest_of, too_many_invalid
from producer.campaigns.canary import NO_WARM_UP, canary_size, warmed_up
from producer.campaigns.deduplication import SeenRecipients
from producer.campaigns.launch import Prepared
from producer.campaigns.load import without_forgotten
from producer.campaigns.message_file import CampaignMessage
from producer.campaigns.plans.cost import Cost, CountryShare, cost_of, read_prices
from producer.campaigns.plans.previews import LongestValue, Preview, longest_values, previews_of
from producer.campaigns.preflight import (
    MOST_ROWS,
    Sampler,
    check_rows,
    findings_about,
    pack_sample,
    warn_of_windows,
)
from producer.campaigns.schedule import why_late
from producer.campaigns.upload import Upload, begin
from producer.errors import InputError
from producer.files.csv_reader import Position, Record
from producer.files.invalid_rows import InvalidRow
from producer.files.rows import CHUNK_ROWS, Chunk, RowPacker, cut_chunks
from producer.files.stream import ArrivingFile
from producer.forgotten import ForgottenPeople
from producer.layout import Layout
from producer.policies import campaign_purpose, template_named
from store.client import Store
from store.lanes.lane import SPREAD, WARM_UP, Priority
from store.lanes.open import CampaignPlan, find_repeated
from store.limits.learned import read_learned
from store.limits.rate_limit import Limits
from store.limits.tier import UNLIMITED, Budget, read_tiers, read_used
from store.people.local_time import TELLING_DIGITS, country_of_number
from store.people.marketing_cap import cap_of, find_capped
from store.people.quiet_hours import HoursInForce, Kind, LocalHours, read_live_hours
from store.people.service_windows import find_ineligible, read_rules, united
from store.purposes import Purpose
from store.templates import read_registry

EXAMPLES = 5
"""Example rows per reason."""
REASONS = 50
"""Distinct reasons; the others are summed up."""
DAY = 86_400
_FIGURES = re.compile(r"\d[\d,]*")


class Example(BaseModel):
    """An invalid row."""

    line: int  # of the file, from 1
    number: str | None  # the cell with most of its letters and digits masked


class InvalidReason(BaseModel):
    """Invalid rows with the same reason."""

    reason: str
    rows: int
    examples: list[Example]


class InvalidRows(BaseModel):
    """All invalid rows."""

    total: int
    share: float  # of all rows
    max_share: float  # a launch with more of them needs `accept_invalid`
    too_many: bool  # they are more
    by_reason: list[InvalidReason]  # most frequent first


class Later(BaseModel):
    """Messages that wait for the hours of their people, or for their local time."""

    until: str
    messages: int


class TierPlan(BaseModel):
    """The people of a campaign against the tier of its portfolio."""

    portfolio: str
    tier: int  # people to whom it may write outside service windows in 24 hours
    for_campaigns: int  # of those
    used: int
    days: float  # until the last one finds a place, if all are new and none has an open window
    spread: bool = False  # evenly over that time


class PlanFinding(BaseModel):
    """A finding about message and rows."""

    severity: str  # error: a launch needs `force`
    path: str
    message: str


class Plan(BaseModel):
    """A planned launch at this moment."""

    digest: str  # of rows, message, options and template: a launch may require it
    sub_account: str
    purpose: Purpose
    rows: int
    recipients: int
    duplicates: int
    excluded: int
    invalid_rows: InvalidRows
    opted_out: int  # recipients who opted out of such messages
    unreachable: int  # further recipients who could not be reached lately, if it is marketing
    window_closed: int  # further ones with a closed service window, if the message needs one
    over_cap: int  # further ones who have had enough marketing in these days
    messages: int  # messages to send: recipients without those four
    canary: int  # of the recipients, who go first; 0: all at once
    requests: int
    seconds: float  # at the sub-account's limits and the campaign's rate, without other sending
    ends_at: str  # if launched now
    later: list[Later]  # in order of time; the others go when it starts
    tier: TierPlan | None  # null: none is configured, or it is unlimited
    read_as: str  # encoding or sheet of a file that is not UTF-8 text, in words
    number_column: str
    country_column: str | None
    columns: list[str]  # columns of the message
    countries: list[CountryShare]
    cost: Cost | None  # null: there are no prices
    longest: list[LongestValue]
    previews: list[Preview]
    findings: list[PlanFinding]
    warnings: list[str]

    @property
    def problems(self) -> list[Finding]:
        return [Finding(Severity(one.severity), one.path, one.message) for one in self.findings]

    def why_not(self, agreed: str = "", *, accept_invalid: bool = False) -> str:
        """Why this must not be launched as it is; empty: it may.

        Args:
            agreed: digest of the plan that was agreed to, if any.
        """
        bad = self.invalid_rows
        most = 1 if accept_invalid else bad.max_share
        return changed(agreed, self.digest) or too_many_invalid(bad.total, self.rows, most)


def plan_file(
    store: Store,
    settings: Settings,
    prepared: Prepared,
    *,
    offline: bool = False,
    prices: Path | None = None,
) -> Plan:
    """The plan of a launch with checked files; raises InputError."""
    message, file = prepared.message, prepared.file
    return plan_rows(
        store, settings, prepared.launch, message, file.layout, file.records(),
        prepared.keep, read_as=file.text.sentence, source=prepared.source, offline=offline,
        prices=prices,
    )  # fmt: skip


def plan_upload(store: Store, settings: Settings, upload: Upload, file: ArrivingFile) -> Plan:
    """The plan of a launch whose rows are arriving; raises InputError."""
    rows, message = begin(upload, file)
    records = chain(rows.first, rows.rest)
    plan = plan_rows(
        store, settings, upload, message, rows.layout, records, rows.keep, read_as=rows.sentence
    )
    file.read_rest()
    return plan


def plan_rows(
    store: Store,
    settings: Settings,
    options: Options,
    message: CampaignMessage,
    layout: Layout,
    records: Iterable[Record],
    keep: Sequence[str] = (),
    *,
    read_as: str = "",
    source: str = "",
    offline: bool = False,
    prices: Path | None = None,
) -> Plan:
    """The plan of a launch with these rows; `source` identifies a file that can be read again.

    Raises:
        InputError: the purpose contradicts the template, or the prices cannot be read.
        SettingsError: the API key cannot be read.
    """
    content, account = message.content, options.sub_account
    price_list = read_prices(prices or settings.campaigns.prices)
    registry, template_name = store.run(read_registry(account)), template_named(content)
    purpose = campaign_purpose(registry, template_name, options.purpose) or Purpose.MARKETING
    packer = RowPacker(layout, content.columns, message.rules, keep)
    sampler = Sampler([layout.place(column) for column in content.columns], MOST_ROWS)
    hours = _hours(store, settings, options, purpose, message.zone_place)
    tally = _Tally(_Screen(store, settings, options, content, purpose), hours)
    start = Position(layout.header.offset, layout.header.line, 0)
    for chunk in cut_chunks(sampler.watch(records), packer, start, CHUNK_ROWS, limit=layout.limit):
        tally.add(chunk)
    plain = RowPacker(layout, content.columns, message.rules)
    sample = list(pack_sample(sampler.rows(), plain))
    findings, template = findings_about(
        settings, account, message.document, partial(check_rows, content, sample), offline=offline
    )
    messages = tally.recipients - tally.ineligible.total()
    learned = store.run(read_learned(account)).learned
    rate = learned.rate if learned and learned.in_force else 0
    budget, own = store.run(read_tiers()).budget(settings, account), options.rate
    if own == SPREAD:
        own = budget.even_rate if budget else 0
    requests, seconds = _pace(settings, options, messages, rate, own)
    each = seconds / max(1, messages)
    canary = warmed_up(store, account, options.canary, template_name, purpose)
    if canary == WARM_UP and tally.recipients <= NO_WARM_UP:
        canary = ""
    seconds += settings.campaigns.canary_seconds * {"": 0, WARM_UP: 2}.get(canary, 1)
    if options.finish:
        seconds = max(seconds, round(options.finish.ms / 1000 - _starts_at(options), 1))
    countries, starts = list(_countries(tally)), _starts_at(options)
    later, tier = list(_later(tally, starts)), _tier(store, budget, options, messages, starts)
    if tier and options.rate == SPREAD:
        tier.spread, tier.days = True, max(tier.days, round(seconds / DAY, 2))
    last = starts + tier.days * DAY if tier else starts
    return Plan(
        digest=digest_of(tally.sum.value, content, options, template),
        sub_account=account,
        purpose=purpose,
        rows=tally.rows,
        recipients=tally.recipients,
        duplicates=tally.duplicates,
        excluded=tally.excluded,
        invalid_rows=tally.invalid_rows(),
        opted_out=tally.ineligible["opted_out"],
        window_closed=tally.ineligible["window_closed"],
        unreachable=tally.ineligible["unreachable"],
        over_cap=tally.ineligible["over_cap"],
        messages=messages,
        canary=canary_size(canary, tally.recipients) if canary else 0,
        requests=requests,
        seconds=seconds,
        ends_at=_iso(max(starts + seconds, last, _last_of(tally, starts, each))),
        later=later,
        tier=tier,
        read_as=read_as,
        number_column=layout.number_column,
        country_column=layout.country_column,
        columns=list(content.columns),
        countries=countries,
        cost=price_list and cost_of(price_list, countries, purpose),
        longest=list(longest_values(content, sample)),
        previews=list(previews_of(content, sample, template)),
        findings=[PlanFinding(severity=f.severity, path=f.path, message=f.text) for f in findings],
        warnings=[
            *_warnings(store, settings, options, content, source, tally),
            *([_tier_sentence(tier)] if tier and tier.days else []),
        ],
    )


@dataclass(slots=True)
class _Screen:
    """Finds recipients whom the workers would leave out now."""

    store: Store
    settings: Settings
    options: Options
    content: CompiledContent
    purpose: Purpose
    forgotten: ForgottenPeople = field(init=False)
    _rules: int = field(init=False)

    def __post_init__(self) -> None:
        self.forgotten = ForgottenPeople(self.settings)
        window = self.options.policies.window
        counts = content_needs_window(self.content) and window != "send"
        rules = read_rules(self.options.sub_account, window if counts else "")
        self._rules = self.store.run(rules)

    def ineligible(self, people: Sequence[bytes]) -> dict[int, str]:
        """Positions of those left out, each with the first reason."""
        calls = find_ineligible(self.options.sub_account, people, (self.purpose,), self._rules)
        found = united(map(self.store.run, calls))
        cap = cap_of(self.settings.campaigns, self.purpose)
        looks = find_capped(self.options.sub_account, cap, people) if cap else []
        places = [self.store.run(look) for look in looks]
        return (
            dict.fromkeys(chain.from_iterable(places), "over_cap")
            | dict.fromkeys(found.closed, "window_closed")
            | dict.fromkeys(found.unreachable, "unreachable")
            | dict.fromkeys(found.suppressed, "opted_out")
        )


@dataclass(slots=True)
class _Tally:
    """Counts rows."""

    screen: _Screen
    hours: LocalHours | None
    sum: RowsSum = field(default_factory=RowsSum)
    seen: SeenRecipients = field(default_factory=SeenRecipients)
    rows: int = 0
    recipients: int = 0
    duplicates: int = 0
    excluded: int = 0
    ineligible: Counter[str] = field(default_factory=Counter)  # by member of the plan
    reasons: dict[str, InvalidReason] = field(default_factory=dict)
    numbers: dict[bytes, bytes] = field(default_factory=dict)  # first digits → one such number
    countries: Counter[bytes] = field(default_factory=Counter)  # by first digits: recipients …
    left_out: Counter[bytes] = field(default_factory=Counter)  # … and those left out
    kinds: Counter[Kind] = field(default_factory=Counter)  # messages that wait for the same hours

    @property
    def unknown(self) -> tuple[str, ...]:
        """The zone of people whose own is unknown."""
        return self.hours.unknown if self.hours else ()

    def add(self, chunk: Chunk) -> None:
        """Count the rows of a chunk."""
        self.sum.add(chunk)
        self.rows += chunk.rows
        wanted, invalid_rows = without_forgotten(self.screen.store, self.screen.forgotten, chunk)
        for invalid in invalid_rows:
            self._count_invalid(invalid)
        others = self.screen.options.exclusions.kept(wanted)
        self.excluded += len(wanted) - len(others)
        lines = self.seen.drop_duplicates(others)
        self.duplicates += len(others) - len(lines)
        self.recipients += len(lines)
        people = [line.partition(b"\t")[0] for line in lines]
        starts = [person[:TELLING_DIGITS] for person in people]
        self.numbers.update(zip(starts, people, strict=True))
        self.countries.update(starts)
        left_out = self.screen.ineligible(people)
        self.ineligible.update(left_out.values())
        self.left_out.update(starts[place] for place in left_out)
        if self.hours is not None:
            self.kinds.update(
                self.hours.kind_of(line)
                for place, line in enumerate(lines)
                if place not in left_out
            )

    def invalid_rows(self) -> InvalidRows:
        """The counted invalid rows."""
        by_reason = sorted(self.reasons.values(), key=lambda one: -one.rows)
        total = sum(one.rows for one in by_reason)
        share = round(total / self.rows, 4) if self.rows else 0.0
        most = self.screen.settings.campaigns.max_invalid_share
        return InvalidRows(
            total=total,
            share=share,
            max_share=most,
            too_many=bool(too_many_invalid(total, self.rows, most)),
            by_reason=by_reason,
        )

    def _count_invalid(self, invalid: InvalidRow) -> None:
        shown = invalid.reason.partition(": ")[0]
        reason = _FIGURES.sub("…", shown)
        if reason not in self.reasons and len(self.reasons) >= REASONS:
            reason = shown = "other reasons"
        one = self.reasons.setdefault(reason, InvalidReason(reason=shown, rows=0, examples=[]))
        one.rows += 1
        if one.reason != shown:
            one.reason = reason
        if len(one.examples) < EXAMPLES:
            one.examples.append(Example(line=invalid.line, number=invalid.number))


def _pace(
    settings: Settings, options: Options, messages: int, learned: float, own: float
) -> tuple[int, float]:
    """Requests, and their seconds at the limits.

    Args:
        learned, own: rate of the sub-account and of the campaign, messages/s; 0: none.
    """
    account = settings.sub_accounts[options.sub_account]
    limits = Limits(
        account.messages_per_second, account.burst_messages, account.urgent_reserve,
        account.requests_per_second,
    ).learned(learned)  # fmt: skip
    urgent = options.priority is Priority.URGENT
    cap = settings.batch.max_messages
    size = limits.largest_batch(urgent=urgent, cap=max(1, min(cap, int(own / 2))) if own else cap)
    requests = math.ceil(messages / size)
    rates = [rate for rate in (limits.messages_per_second, own) if rate]
    of_messages = messages / min(rates) if rates else 0
    of_requests = requests / account.requests_per_second if account.requests_per_second else 0
    return requests, round(max(of_messages, of_requests), 1)


def _tier(
    store: Store, budget: Budget | None, options: Options, messages: int, starts: float
) -> TierPlan | None:
    """When the last of so many people finds a place; None: there is no tier, or it is urgent."""
    if budget is None or budget.tier == UNLIMITED or options.priority is Priority.URGENT:
        return None
    used = store.run(read_used(budget.portfolio, starts))
    last = used.last_turn(messages, budget.for_campaigns, starts)
    return TierPlan(
        portfolio=budget.portfolio,
        tier=budget.tier,
        for_campaigns=budget.for_campaigns,
        used=used.people,
        days=round((last - starts) / DAY, 2),
    )


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _hours(
    store: Store, settings: Settings, options: Options, purpose: Purpose, zone_place: int
) -> LocalHours | None:
    """The hours that its messages wait for; None: none. Raises InputError for hours that only a newer
    version can read."""
    live = store.run(read_live_hours())
    in_force = HoursInForce(settings.quiet_hours, live)
    marketing = purpose is Purpose.MARKETING and options.priority is not Priority.URGENT
    if in_force.on and marketing:
        for place, said in live.hours.items():
            try:
                check_hours(place, said)
            except ValueError as error:
                raise InputError(
                    f"The quiet hours of {place} have to be changed: {error}"
                ) from error
    start = options.start.local if options.start else None
    return LocalHours.of(in_force, start, zone_place, marketing=marketing)


def _later(tally: _Tally, starts: float) -> Iterator[Later]:
    found = Counter[float]()
    for kind, n in tally.kinds.items():
        assert tally.hours is not None
        found[tally.hours.opening(kind, starts).opens] += n
    for opens, n in sorted(found.items()):
        if opens > starts:
            yield Later(until=_iso(opens), messages=n)


def _last_of(tally: _Tally, starts: float, each: float) -> float:
    """When the last message goes by the hours of its person, one kind of people after the other.

    Args:
        each: seconds a message takes.
    """
    at, hours = starts, tally.hours
    if hours is None:
        return at
    for kind, n in sorted(tally.kinds.items(), key=lambda one: hours.opening(one[0], starts).opens):
        left = n
        while left > 0:
            opens, closes = hours.opening(kind, at)
            at = max(at, opens)
            fit = left if at + left * each <= closes else max(1, int((closes - at) / each))
            at, left = at + fit * each, left - fit
    return at


def _starts_at(options: Options) -> float:
    return max(time.time(), options.start.ms / 1000 if options.start else 0)


def _countries(tally: _Tally) -> Iterator[CountryShare]:
    recipients, left_out = Counter[str](), Counter[str]()
    for start, n in tally.countries.items():
        country = country_of_number(tally.numbers[start].decode()) if start.isdigit() else ""
        recipients[country] += n
        left_out[country] += tally.left_out[start]
    for country, n in recipients.most_common():
        yield CountryShare(country=country, recipients=n, messages=n - left_out[country])


def _warnings(
    store: Store,
    settings: Settings,
    options: Options,
    content: CompiledContent,
    source: str,
    tally: _Tally,
) -> Iterator[str]:
    plan = CampaignPlan(options.name, options.sub_account, b"", content.digest, source)
    if repeated := find_repeated(store, plan, tally.sum.value):
        yield repeated_sentence(repeated)
    if options.finish and (late := why_late(
        settings.sub_accounts[options.sub_account], tally.recipients, options.finish.ms,
        options.start.ms if options.start else 0,
    )):  # fmt: skip
        yield late
    if unknown := sum(n for kind, n in tally.kinds.items() if kind[0] is tally.unknown):
        yield f"People whose zone is unknown count as in {tally.unknown[0]}: {unknown:,}."
    yield from warn_of_windows(store, content, options.sub_account, options.policies)


def _tier_sentence(tier: TierPlan) -> str:
    return (
        f"The tier of {tier.portfolio} lets campaigns write to {tier.for_campaigns:,} people in 24 "
        f"hours, {tier.used:,} are used: this takes up to {tier.days:.1f} days, "
        f"{'evenly' if tier.spread else 'and waits in between: --spread sends it evenly'}."
    )


def repeated_sentence(campaign: str) -> str:
    """Note on a file and a message that were sent before."""
    return (
        f'This file and this message were launched as "{campaign}" already: everybody in it gets a '
        "second message."
    )
