"""`sendmany campaign launch`."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from chatapps.preflight import Finding, Severity
from config.celery_app import hint_drain
from config.sections import SettingsError
from config.settings import Settings, load_settings
from dashboard.explain import (
    explain_canary,
    iso,
    local_start,
    pace_of,
    pace_words,
    several,
    starts_at,
)
from producer.campaigns.canary import read_canary
from producer.campaigns.draft import prepared_draft
from producer.campaigns.exclusions import read_exclusions
from producer.campaigns.launch import Launch, Launched, Prepared, check, run
from producer.campaigns.load import Loaded
from producer.campaigns.plans.plan import Plan, plan_file, repeated_sentence
from producer.campaigns.preflight import findings_of, stops, warn_of_windows
from producer.campaigns.schedule import read_finish, read_rate, read_start, why_late
from producer.errors import InputError, NotAgreed
from producer.files.invalid_rows import see_that_writable
from producer.files.recipient_file import RecipientFile
from producer.policies import campaign_policies
from sendmany.cli.campaign.show import tell_stops, watch_lane
from sendmany.cli.options import (
    CountryColumn,
    Encoding,
    FinishBy,
    Json,
    Map,
    Rate,
    Region,
    Sheet,
    Spread,
    SubAccount,
    Weight,
    lane_called,
    listed,
    read_options,
)
from sendmany.console.connection import connect
from sendmany.console.output import at_terminal, print_json, say, show
from sendmany.console.progress import Meter, loading_note
from sendmany.doctor.provider_probe import probe
from store.client import Store
from store.errors import StoreUnavailable
from store.lanes.lane import Lane, LaneStatus
from store.lanes.open import find_repeated
from store.purposes import Purpose


def report(findings: Sequence[Finding], *, force: bool, as_json: bool) -> None:
    """Print the findings, and exit with code 1 if they stop the launch."""
    stopped = stops(findings) and not force
    if stopped:
        say("sendmany: Nothing was launched: the provider would refuse messages.")
    tell_findings(findings)
    if not stopped:
        return
    faults = sum(finding.severity is Severity.ERROR for finding in findings)
    say(f"{several(faults, 'fault')}. Correct the message, or launch anyway with --force.")
    if as_json:
        print_json({"launched": False, "findings": [_as_json(finding) for finding in findings]})
    raise typer.Exit(1)


def tell_findings(findings: Sequence[Finding]) -> None:
    for finding in findings:
        say(_line(finding))


def _line(finding: Finding) -> str:
    mark = "✗" if finding.severity is Severity.ERROR else "Note:"
    place = f"\n    at {finding.path}" if finding.path else ""
    return f"  {mark} {finding.text}{place}"


def _as_json(finding: Finding) -> dict[str, str]:
    return {
        "severity": str(finding.severity),
        "path": finding.path,
        "text": finding.text,
    }


_AGAIN = {
    LaneStatus.SCHEDULED: "is scheduled",
    LaneStatus.PAUSED: "is paused",
    LaneStatus.STOPPED: "has stopped",
    LaneStatus.HALTED: "is halted",
    LaneStatus.CANCELLING: "is cancelled",
    LaneStatus.CANCELLED: "is cancelled",
}
"""Texts about a campaign that exists and is not being sent."""


OF_THE_COMMAND = (
    "yes", "accept_invalid", "plan", "watch", "offline", "force", "invalid_rows", "as_json",
)  # fmt: skip
"""Options of the command itself; the others are of the campaign, and other commands take them, too."""


def launch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the campaign.")],
    recipients: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A header row, then a row for each person: CSV or a workbook."
        ),
    ] = None,
    message: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.json", help="The message without `user`; {{column}} is filled in."
        ),
    ] = None,
    sub_account: SubAccount = None,
    names: Map = None,
    country_column: CountryColumn = None,
    language_column: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN", help="Column of the language in which the template goes out."
        ),
    ] = None,
    timezone_column: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Column of each person's zone, Europe/London; else by the number.",
        ),
    ] = None,
    region: Region = None,
    encoding: Encoding = None,
    sheet: Sheet = None,
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN=VALUE", help="Only rows with this value; may be given again."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Only the first N of these rows.")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help='When it starts, such as "2026-12-24 09:00 Europe/London".'
        ),
    ] = None,
    at_local: Annotated[
        str | None,
        typer.Option(
            metavar="10:00", help="Instead: at this time where each person is, on the day of --on."
        ),
    ] = None,
    on: Annotated[str | None, typer.Option(metavar="DAY", help="Such as 2026-12-06.")] = None,
    rate: Rate = None,
    spread: Spread = False,
    weight: Weight = None,
    finish_by: FinishBy = None,
    canary: Annotated[
        str | None,
        typer.Option(
            metavar="500|5%|warm-up",
            help="So many of the people first; the others when these fared well.",
        ),
    ] = None,
    send_while_loading: Annotated[
        bool, typer.Option("--send-while-loading", help="Do not wait for the end of the file.")
    ] = False,
    hold: Annotated[
        bool,
        typer.Option(
            "--hold",
            help="No recipient gets two: hold what may have been accepted, also after a server error.",
        ),
    ] = False,
    on_unconfirmed: Annotated[
        Literal["hold", "resend"] | None,
        typer.Option(
            help="When it is not known whether a message was accepted: hold it, or risk two."
        ),
    ] = None,
    on_server_error: Annotated[
        Literal["retry", "hold"] | None,
        typer.Option(help="When the provider answers with an internal error."),
    ] = None,
    settle_after: Annotated[
        float | None,
        typer.Option(
            min=0, max=86400, metavar="SECONDS", help="Wait so long for a receipt before that."
        ),
    ] = None,
    window: Annotated[
        Literal["auto", "skip", "send"] | None,
        typer.Option(
            help="Not a template, and the person has not written for 24 hours: skip, or send anyway."
        ),
    ] = None,
    purpose: Annotated[
        Purpose | None,
        typer.Option(
            help="What it is for; who wants no marketing still gets the rest. Default: the registered "
            "category of its template, else marketing; that category cannot be lowered."
        ),
    ] = None,
    invalid_rows: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="List of unusable rows. Default: beside the recipients."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask, at a terminal.")] = False,
    accept_invalid: Annotated[
        bool,
        typer.Option(
            "--accept-invalid",
            help="Launch although more rows cannot be used than campaigns.max_invalid_share allows.",
        ),
    ] = False,
    plan: Annotated[
        str | None,
        typer.Option(metavar="DIGEST", help="Launch only what was planned: see `campaign plan`."),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WHO",
            help="Leave out people: campaign:NAME (who got it, may have, or still waits), "
            "campaign:NAME:all, or file:PEOPLE.csv. May be repeated.",
        ),
    ] = None,
    keep: Annotated[
        str | None,
        typer.Option(metavar="COLUMN,…", help="Further columns to keep for exports and retries."),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Stay and watch the progress.")] = False,
    offline: Annotated[
        bool,
        typer.Option("--offline", help="Do not check key and template with the provider first."),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Launch even if messages would be refused.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Send one message to every recipient in a file.

    Both files are checked before anything is stored, and so is the message: with the longest values of
    the file, and against the registered template (if account_id and channel_id are configured). Nothing
    is sent before the whole file is stored. Invalid rows are listed with line and reason, and the others
    are used. A repeated number gets one message. If the launch is interrupted, launch the same again: it
    continues, and no recipient gets two.

    At a terminal it prints the number of recipients and asks; for some seconds Ctrl-C still undoes it.
    With more than 5 % invalid rows (campaigns.max_invalid_share), it requires --accept-invalid.

    Without --recipients and --message the draft of this name is launched, as it is.

    Example: `sendmany campaign launch "Spring sale" --recipients people.csv --message offer.json
    --region GB --watch`
    """
    options = {key: value for key, value in dict(locals()).items() if key not in OF_THE_COMMAND}
    settings = load_settings()
    most_invalid = 1.0 if accept_invalid else settings.campaigns.max_invalid_share
    store, prepared = prepared_of(
        settings, options, invalid_rows=invalid_rows, max_invalid_share=most_invalid
    )
    if not offline:
        _ask_provider(settings, prepared.launch.sub_account)
    asks = not yes and at_terminal()
    if prepared.draft and prepared.draft.status is not LaneStatus.DRAFT:
        pass  # its launch was interrupted, and goes on
    elif asks or plan or prepared.draft or (send_while_loading and not accept_invalid):
        planned = plan_file(store, settings, prepared, offline=offline)
        report(planned.problems, force=force, as_json=as_json)
        agree(settings, planned, plan, accept_invalid=accept_invalid, ask=asks)
        prepared = replace(prepared, digest=planned.digest)
    else:
        findings, template = findings_of(settings, prepared, offline=offline)
        report(findings, force=force, as_json=as_json)
        warn(store, prepared)
        prepared = replace(prepared, template=template)
    launched = _load(store, prepared)
    if as_json:
        print_json(_launched_as_json(launched, prepared.file))
    else:
        _tell_launched(launched, prepared, hint=not watch)
        tell_stops(store, launched.lane)
    if watch:
        watch_lane(store, launched.lane.id, as_json=as_json)


def launch_of(settings: Settings, **options: Any) -> Launch:
    """The launch of a command's options, with defaults from the settings."""
    policies = ("hold", "on_unconfirmed", "on_server_error", "settle_after", "window")
    columns = ("country_column", "language_column", "timezone_column")
    reading = (*columns, "region", "encoding", "sheet", "limit")
    account = settings.sub_account_id(options.pop("sub_account"))
    rate = options.pop("rate", None)
    rate = read_rate(settings, account, rate, spread=options.pop("spread", False)) or 0
    start = read_start(*(options.pop(name, None) for name in ("at", "at_local", "on")))
    return Launch(
        sub_account=account,
        start=start,
        finish=read_finish(options.pop("finish_by", None), rate=rate, start=start),
        reading=read_options(
            settings,
            options.pop("names"),
            where=tuple(options.pop("where") or ()),
            **{name: options.pop(name) for name in reading},
        ),
        policies=campaign_policies(settings, **{name: options.pop(name) for name in policies}),
        keep=tuple(listed(options.pop("keep"))),
        rate=rate,
        weight=options.pop("weight", None) or 1,
        canary=read_canary(
            settings, options.pop("canary", None), early=options.get("send_while_loading", False)
        ),
        **options,
    )


def prepared_of(
    settings: Settings,
    options: dict[str, Any],
    *,
    lists_invalid_rows: bool = True,
    **launch_options: Any,
) -> tuple[Store, Prepared]:
    """The launch of files, or of the draft of this name; raises InputError."""
    if options["recipients"] is None and options["message"] is None:
        return _prepared_draft(settings, options, lists_invalid_rows, **launch_options)
    if options["recipients"] is None or options["message"] is None:
        raise InputError("Give both --recipients and --message; a draft is launched without them")
    exclude = options.pop("exclude", None)
    launch = replace(launch_of(settings, **options), **launch_options)
    prepared = check(launch, lists_invalid_rows=lists_invalid_rows)
    store = connect(settings)
    exclusions = read_exclusions(store, exclude or (), launch.sub_account, launch.reading)
    return store, replace(prepared, launch=replace(prepared.launch, exclusions=exclusions))


def _prepared_draft(
    settings: Settings,
    options: dict[str, Any],
    lists_invalid_rows: bool,
    invalid_rows: Path | None = None,
    **_: Any,
) -> tuple[Store, Prepared]:
    others = {"name", "sub_account", "at"}
    if said := [
        one for one, value in options.items() if value not in (None, False) and one not in others
    ]:
        option = {"names": "map"}.get(said[0], said[0]).replace("_", "-")
        raise InputError(
            f"--{option} is kept in the draft: change it with `sendmany campaign edit`"
        )
    store = connect(settings)
    lane = lane_called(store, options["name"], options["sub_account"])
    prepared = prepared_draft(store, settings, lane, options.get("at"))
    launch = replace(prepared.launch, invalid_rows=invalid_rows)
    if lists_invalid_rows:
        see_that_writable(launch.invalid_rows_file)
    return store, replace(prepared, launch=launch)


def warn(store: Store, prepared: Prepared) -> None:
    """Print warnings of a launch without a plan."""
    launch, content = prepared.launch, prepared.message.content
    for warning in warn_of_windows(store, content, launch.sub_account, launch.policies):
        say(warning)
    if launch.finish:
        account = load_settings().sub_accounts[launch.sub_account]
        start = launch.start.ms if launch.start else 0
        if late := why_late(account, prepared.file.estimated_rows(), launch.finish.ms, start):
            say(f"Note: about {late}")
    if repeated := find_repeated(store, prepared.plan):
        say(f"Note: {repeated_sentence(repeated)}")


def agree(
    settings: Settings, planned: Plan, digest: str | None, *, accept_invalid: bool, ask: bool
) -> None:
    """Check a plan against the options; at a terminal the user confirms it.

    Raises:
        NotAgreed: it does not match; nothing is stored.
    """
    for warning in planned.warnings:
        say(f"Note: {warning}")
    if why_not := planned.why_not(digest or "", accept_invalid=accept_invalid):
        raise NotAgreed(f"Nothing was launched: {why_not}")
    if not ask:
        return
    if planned.read_as:
        say(planned.read_as)
    typer.confirm(f"{_who_gets_it(planned)} Launch?", abort=True, err=True)
    if delay := settings.campaigns.launch_delay:
        say(f"It is launched in {delay:g} seconds; Ctrl-C undoes it.")
        try:
            time.sleep(delay)
        except KeyboardInterrupt:
            say("Undone: nothing was launched.")
            raise typer.Exit(130) from None


def _who_gets_it(planned: Plan) -> str:
    people = f"{planned.messages:,} of {planned.rows:,} people get it"
    invalid = planned.invalid_rows
    if not invalid.total:
        return f"{people}."
    why = f"most since: {invalid.by_reason[0].reason}"
    return f"{people}; {several(invalid.total, 'row')} ({invalid.share:.0%}) cannot be used, {why}."


def _ask_provider(settings: Settings, sub_account: str) -> None:
    """Refuse a launch that cannot be sent; print doubts."""
    finding = probe(settings, sub_account)
    if finding.hopeless:
        raise SettingsError(
            f"Nothing was launched: {finding.words}; {finding.remedy} (or use --offline)."
        )
    if not finding.good:
        say(f"Note: {finding.words}; it is launched anyway. See `sendmany doctor`.")


def _load(store: Store, prepared: Prepared) -> Launched:
    rows = prepared.file.estimated_rows()
    try:
        with Meter("Loading") as meter:

            def progress(loading: Loaded) -> None:
                note = loading_note(loading.duplicates, loading.invalid_rows)
                meter.show(loading.rows, max(rows, loading.rows), note)

            launched = run(store, prepared, hint_drain, progress)
            lane = launched.lane
            meter.show(lane.row, lane.row, loading_note(lane.duplicates, lane.invalid_rows))
            return launched
    except KeyboardInterrupt:
        say("Interrupted. Launch the same again to continue; no recipient gets two.")
        raise typer.Exit(130) from None
    except StoreUnavailable as error:
        raise StoreUnavailable(
            f"{str(error).rstrip('.?')}. Launch the same again later: it goes on where it was."
        ) from error


def _launched_as_json(launched: Launched, file: RecipientFile) -> dict[str, object]:
    lane, layout, listed = launched.lane, file.layout, launched.invalid_rows_file
    return {
        "name": lane.name,
        "id": lane.id,
        "status": str(lane.status),
        "sub_account": lane.sub_account,
        "purpose": lane.purpose or Purpose.MARKETING,
        "recipients": launched.recipients,
        "duplicates": launched.duplicates,
        "excluded": lane.excluded,
        "invalid_rows": launched.invalid_rows,
        "invalid_rows_file": None if listed is None else str(listed),
        "number_column": layout.number_column,
        "country_column": layout.country_column,
        "folded": launched.folded,
        "resumed": launched.resumed,
        "read_as": file.text.sentence,
        "send_at": iso(lane.send_at / 1000),
        "local_start": local_start(lane),
        "zone": lane.zone,
    }


def _tell_launched(launched: Launched, prepared: Prepared, *, hint: bool) -> None:
    lane = launched.lane
    how = _AGAIN.get(lane.status, "is complete already") if launched.resumed else "is launched"
    show(f'"{lane.name}" {how}: {several(launched.recipients, "recipient")}.')
    if prepared.file.text.sentence:
        show(prepared.file.text.sentence)
    show(prepared.file.layout.sentence)
    if lane.purpose not in (None, Purpose.MARKETING):
        show(f"Its purpose is {lane.purpose}: people who want no marketing get it, too.")
    if launched.duplicates:
        show(f"{several(launched.duplicates, 'duplicate number')} left out.")
    if lane.excluded:
        show(f"{several(lane.excluded, 'row')} left out: excluded.")
    if launched.invalid_rows:
        where = f": see {launched.invalid_rows_file}" if launched.invalid_rows_file else ""
        show(f"{several(launched.invalid_rows, 'row')} cannot be used{where}.")
    if launched.folded:
        values = several(launched.folded, "value")
        show(
            f"In {values}, line ends, tabs or more than 4 blanks became one blank: templates take none."
        )
    if lane.status is LaneStatus.SCHEDULED or lane.local_start:
        told = prepared.launch.start.sentence if prepared.launch.start else ""
        show(f"It starts at {starts_at(lane)}. {told}".rstrip())
    if lane.canary:
        show(explain_canary(lane))
    if prepared.launch.finish and not launched.resumed:
        show(f"It goes {pace_words(pace_of(lane))}.")
    if hint:
        show(_what_next(lane))


def _what_next(lane: Lane) -> str:
    """The next step for a campaign that is not being sent, or how to watch one that is."""
    resume = f'`sendmany campaign resume "{lane.name}"`'
    match lane.status:
        case LaneStatus.PAUSED:
            return f"Nothing is sent until it is resumed: {resume}"
        case LaneStatus.STOPPED:
            return f"Why: {lane.reason}. When that is mended: {resume}"
        case LaneStatus.HALTED:
            return f'What to do: `sendmany campaign show "{lane.name}"`'
        case LaneStatus.CANCELLING | LaneStatus.CANCELLED:
            return "Nothing more goes out. To send it after all, launch it under another name."
        case _:
            return f'Watch it with: sendmany campaign watch "{lane.name}"'
