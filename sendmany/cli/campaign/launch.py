"""`sendmany campaign launch`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from chatapps.preflight import Finding, Severity
from config.celery_app import hint_drain
from config.sections import SettingsError
from config.settings import Settings, load_settings
from dashboard.explain import iso, several, starts_at
from producer.campaigns.launch import Launch, Launched, Loading, Prepared, check, run
from producer.campaigns.preflight import stops, warn_of_windows
from producer.campaigns.schedule import read_time
from producer.files.recipient_file import RecipientFile
from producer.policies import campaign_policies
from sendmany.cli.campaign.show import tell_stops, watch_lane
from sendmany.cli.options import (
    CountryColumn,
    Encoding,
    Json,
    Map,
    Rate,
    Region,
    Sheet,
    SubAccount,
    Weight,
    listed,
    read_options,
)
from sendmany.console.connection import connect
from sendmany.console.fit import findings_of
from sendmany.console.output import print_json, say, show
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
    for finding in findings:
        say(_line(finding))
    if not stopped:
        return
    faults = sum(finding.severity is Severity.ERROR for finding in findings)
    say(f"{several(faults, 'fault')}. Mend the message, or launch all the same with --force.")
    if as_json:
        print_json({"launched": False, "findings": [_as_json(finding) for finding in findings]})
    raise typer.Exit(1)


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


def launch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the campaign.")],
    recipients: Annotated[
        Path,
        typer.Option(
            metavar="FILE", help="A header row, then a row for each person: CSV or a workbook."
        ),
    ],
    message: Annotated[
        Path,
        typer.Option(
            metavar="FILE.json", help="The message without `user`; {{column}} is filled in."
        ),
    ],
    sub_account: SubAccount = None,
    names: Map = None,
    country_column: CountryColumn = None,
    language_column: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN", help="Column of the language in which the template goes out."
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
    rate: Rate = None,
    weight: Weight = None,
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

    Example: `sendmany campaign launch "Spring sale" --recipients people.csv --message offer.json
    --region GB --watch`
    """
    settings = load_settings()
    prepared = check(
        Launch(
            name=name,
            recipients=recipients,
            message=message,
            sub_account=settings.sub_account_id(sub_account),
            reading=read_options(
                settings,
                names,
                country_column=country_column,
                language_column=language_column,
                region=region,
                encoding=encoding,
                sheet=sheet,
                where=tuple(where or ()),
                limit=limit,
            ),
            policies=campaign_policies(
                settings,
                hold=hold,
                on_unconfirmed=on_unconfirmed,
                on_server_error=on_server_error,
                settle_after=settle_after,
                window=window,
            ),
            purpose=purpose,
            send_while_loading=send_while_loading,
            start=read_time(at, past=True) if at else None,
            rate=rate or 0,
            weight=weight or 1,
            invalid_rows=invalid_rows,
            keep=tuple(listed(keep)),
        )
    )
    store = connect(settings)
    if not offline:
        _ask_provider(settings, prepared.launch.sub_account)
    report(findings_of(settings, prepared, offline=offline), force=force, as_json=as_json)
    launch = prepared.launch
    for warning in warn_of_windows(
        store, prepared.message.content, launch.sub_account, launch.policies
    ):
        say(warning)
    if repeated := find_repeated(store, prepared.plan):
        say(
            f'Note: this file and this message were launched as "{repeated}" already: everybody in it '
            "gets a second message."
        )
    launched = _load(store, prepared)
    if as_json:
        print_json(_launched_as_json(launched, prepared.file))
    else:
        _tell_launched(launched, prepared, hint=not watch)
        tell_stops(store, launched.lane)
    if watch:
        watch_lane(store, launched.lane.id, as_json=as_json)


def _ask_provider(settings: Settings, sub_account: str) -> None:
    """Refuse a launch that cannot be sent; print doubts."""
    finding = probe(settings, sub_account)
    if finding.hopeless:
        raise SettingsError(
            f"Nothing was launched: {finding.words}; {finding.remedy} (or use --offline)."
        )
    if not finding.good:
        say(f"Note: {finding.words}; it is launched all the same. See `sendmany doctor`.")


def _load(store: Store, prepared: Prepared) -> Launched:
    rows = prepared.file.estimated_rows()
    try:
        with Meter("Loading") as meter:

            def progress(loading: Loading) -> None:
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
        "invalid_rows": launched.invalid_rows,
        "invalid_rows_file": None if listed is None else str(listed),
        "number_column": layout.number_column,
        "country_column": layout.country_column,
        "folded": launched.folded,
        "resumed": launched.resumed,
        "read_as": file.text.sentence,
        "send_at": iso(lane.send_at / 1000),
        "zone": lane.zone,
    }


def _tell_launched(launched: Launched, prepared: Prepared, *, hint: bool) -> None:
    lane = launched.lane
    how = _AGAIN.get(lane.status, "is complete") if launched.resumed else "is launched"
    show(f'"{lane.name}" {how}: {several(launched.recipients, "recipient")}.')
    if prepared.file.text.sentence:
        show(prepared.file.text.sentence)
    show(prepared.file.layout.sentence)
    if lane.purpose not in (None, Purpose.MARKETING):
        show(f"Its purpose is {lane.purpose}: people who want no marketing get it, too.")
    if launched.duplicates:
        show(f"{several(launched.duplicates, 'duplicate number')} left out.")
    if launched.invalid_rows:
        where = f": see {launched.invalid_rows_file}" if launched.invalid_rows_file else ""
        show(f"{several(launched.invalid_rows, 'row')} cannot be used{where}.")
    if launched.folded:
        values = several(launched.folded, "value")
        show(
            f"In {values}, line ends, tabs or more than 4 blanks became one blank: templates take none."
        )
    if lane.status is LaneStatus.SCHEDULED:
        told = prepared.launch.start.sentence if prepared.launch.start else ""
        show(f"It starts at {starts_at(lane)}. {told}".rstrip())
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
