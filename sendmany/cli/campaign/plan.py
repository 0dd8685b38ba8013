"""`sendmany campaign plan`: a dry run of a launch."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from config.settings import load_settings
from dashboard.explain import several
from producer.campaigns.plans.plan import Plan, plan_file
from sendmany.cli.campaign.launch import launch, prepared_of, tell_findings
from sendmany.cli.options import Json, takes_options_of
from sendmany.console.output import pairs_table, print_json, say, show, show_table

_LONGEST_SHOWN = 60
_MOST_TIMES = 10
Prices = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.csv",
        help="What messages cost: country,category,price,currency. For estimates.",
    ),
]


@takes_options_of(
    launch,
    *("yes", "accept_invalid", "plan", "watch", "force", "invalid_rows", "as_json"),
    "weight",  # a share beside campaigns of which a plan knows nothing
)
def plan(prices: Prices = None, as_json: Json = False, **options: Any) -> None:
    """Show what a launch would do, and store nothing.

    The whole file is read like a launch: recipients, invalid rows with reasons, opted-out people,
    requests, seconds, cost, and previews. The digest identifies rows, message, options and template:
    `launch --plan DIGEST` refuses any other.

    Without --recipients and --message it is the plan of the draft of this name.

    Example: `sendmany campaign plan "Spring sale" --recipients people.csv --message offer.json`
    """
    settings, offline = load_settings(), options.pop("offline")
    store, prepared = prepared_of(settings, options, lists_invalid_rows=False)
    planned = plan_file(store, settings, prepared, offline=offline, prices=prices)
    if as_json:
        print_json(planned.model_dump(mode="json"))
    else:
        _tell(planned)


def _tell(plan: Plan) -> None:
    show(
        f"{plan.messages:,} of {plan.rows:,} people get it, {plan.purpose}; nothing is stored yet."
    )
    show_table(pairs_table(_figures(plan)))
    for one in plan.invalid_rows.by_reason:
        lines = ", ".join(str(example.line) for example in one.examples)
        show(f"  {one.rows:,}: {one.reason} (line {lines}{', …' if one.rows > 5 else ''})")
    for preview in plan.previews:
        show("", f"  to {preview.to}, line {preview.line}:")
        parts = (preview.header, preview.text, preview.footer)
        show(*(f"  │ {line}" for part in parts if part for line in part.splitlines()))
        show(*(f"  │ [{button}]" for button in preview.buttons))
    unseen = any(one.message["type"] == "template" and not one.text for one in plan.previews)
    if unseen and not plan.problems:
        say(
            "Note: The text of the template is not known here: it is shown where the sub-account has"
            " account_id and channel_id."
        )
    tell_findings(plan.problems)
    if plan.read_as:
        say(plan.read_as)
    for warning in plan.warnings:
        say(f"Note: {warning}")
    if why_not := plan.why_not():
        say(f"Note: {why_not}.")
    show("", f"Launch exactly this with --plan {plan.digest}")


def _figures(plan: Plan) -> Iterator[tuple[str, str]]:
    invalid = plan.invalid_rows
    country = f", its country from {plan.country_column}" if plan.country_column else ""
    yield "number", f"{plan.number_column}{country}"
    yield "recipients", f"{plan.recipients:,}"
    for name, n in (
        ("canary, first", plan.canary),
        ("opted out", plan.opted_out),
        ("window closed", plan.window_closed),
        ("could not be reached lately", plan.unreachable),
        ("over the cap", plan.over_cap),
        ("duplicates", plan.duplicates),
        ("excluded", plan.excluded),
    ):
        if n:
            yield name, f"{n:,}"
    if invalid.total:
        yield "cannot be used", f"{several(invalid.total, 'row')} ({invalid.share:.0%})"
    yield "requests", f"{plan.requests:,} in {plan.seconds:,.0f} s, until {plan.ends_at}"
    for wait in plan.later[:_MOST_TIMES]:
        yield f"wait until {wait.until}", f"{wait.messages:,}"
    if more := sum(one.messages for one in plan.later[_MOST_TIMES:]):
        yield "wait longer", f"{more:,}"
    yield "countries", ", ".join(f"{c.country or '?'} {c.messages:,}" for c in plan.countries[:10])
    if plan.cost:
        amounts = [f"{one.amount:,.2f} {one.currency}" for one in plan.cost.amounts]
        missing = [f"{plan.cost.unpriced:,} without a price"] if plan.cost.unpriced else []
        yield "cost, about", ", ".join([*amounts, *missing])
    for one in plan.longest:
        value = one.value if one.length <= _LONGEST_SHOWN else f"{one.value[:_LONGEST_SHOWN]}…"
        yield f"longest {one.column}", f"{value} ({one.length} characters, line {one.line})"
