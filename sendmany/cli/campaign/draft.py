"""`sendmany campaign create|edit|delete|clone`: drafts."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from config.settings import Settings, load_settings
from dashboard.explain import called
from producer.campaigns.draft import clone as clone_draft
from producer.campaigns.draft import create, draft_out, edit
from producer.campaigns.form import CampaignForm
from producer.campaigns.message_file import load_message_file
from producer.errors import InputError
from producer.files.convert import TextFile
from producer.layout import read_map
from sendmany.cli.campaign.launch import OF_THE_COMMAND, launch
from sendmany.cli.options import Json, Name, Whose, lane_called, listed, takes_options_of
from sendmany.console.connection import connect
from sendmany.console.output import at_terminal, print_json, show
from store.client import Store
from store.lanes.drafts import delete_draft
from store.lanes.lane import Lane

_POLICIES = ("hold", "on_unconfirmed", "on_server_error", "settle_after", "window")
_MEMBERS = {"names": "map", "region": "default_region", "at": "send_at"}
"""Members of the form that have another name than the option's."""
_Recipients = typer.Option(
    metavar="FILE", help="A header row, then a row for each person: CSV or a workbook."
)
_Message = typer.Option(
    metavar="FILE.json", help="The message without `user`; {{column}} is filled in."
)


@takes_options_of(launch, *OF_THE_COMMAND)
def create_campaign(
    recipients: Annotated[Path, _Recipients],
    message: Annotated[Path, _Message],
    as_json: Json = False,
    **options: Any,
) -> None:
    """Keep a campaign as a draft: its recipients are stored, and nothing is sent.

    Message, columns and options can be corrected with `campaign edit`; `campaign plan`, `test` and
    `launch` take the draft by its name. A draft that is not touched for 7 days is removed.

    Example: `sendmany campaign create "Spring sale" --recipients people.csv --message offer.json`
    """
    settings = load_settings()
    account = settings.sub_account_id(options.pop("sub_account"))
    text = TextFile.open(recipients, options.pop("encoding"), options.pop("sheet"))
    members = _form_of({**options, "message": message})
    with _option_errors():
        form = CampaignForm.model_validate({**members, "name": options["name"]})
    store = connect(settings)
    with text.opened() as stream:
        lane = create(store, settings, form, account, stream)
    _tell(store, settings, lane, "is a draft", as_json=as_json)


@takes_options_of(launch, *OF_THE_COMMAND, "recipients", "message", "name")
def edit_campaign(
    name: Name,
    sub_account: Whose = None,
    rename: Annotated[str | None, typer.Option(metavar="NEW", help="Another name.")] = None,
    recipients: Annotated[Path | None, _Recipients] = None,
    message: Annotated[Path | None, _Message] = None,
    unset: Annotated[
        list[str] | None,
        typer.Option(metavar="MEMBER", help="Back to the default: a name in its options."),
    ] = None,
    as_json: Json = False,
    **options: Any,
) -> None:
    """Change the message, the columns, the options or the recipients of a draft.

    Example: `sendmany campaign edit "Spring sale" --message offer.json --region GB`
    """
    settings = load_settings()
    encoding, sheet = options.pop("encoding"), options.pop("sheet")
    if (encoding or sheet) and recipients is None:
        raise InputError("--encoding and --sheet are for a file: give it with --recipients")
    text = TextFile.open(recipients, encoding, sheet) if recipients else None
    changes = {**_form_of({**options, "message": message}), **dict.fromkeys(unset or ())}
    store = connect(settings)
    lane = lane_called(store, name, sub_account)
    with _option_errors():
        if rename:
            changes["name"] = rename
        with text.opened() if text else nullcontext() as stream:
            lane = edit(store, settings, lane, changes, stream)
    _tell(store, settings, lane, "is changed", as_json=as_json)


def delete(
    name: Name,
    sub_account: Whose = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask, at a terminal.")] = False,
    as_json: Json = False,
) -> None:
    """Delete a draft and its recipients; its name is free then.

    Example: `sendmany campaign delete "Spring sale" --yes`
    """
    store = connect(load_settings())
    lane = lane_called(store, name, sub_account)
    if not yes and at_terminal():
        typer.confirm(f'Delete "{lane.name}"?', abort=True, err=True)
    delete_draft(store, lane)
    if as_json:
        print_json({"name": lane.name, "id": lane.id, "deleted": True})
        return
    show(f'"{lane.name}" is deleted.')


def clone(
    name: Name,
    new_name: Annotated[str, typer.Option("--as", metavar="NAME", help="Of the new draft.")],
    missed: Annotated[
        bool,
        typer.Option(
            "--missed", help="Without those whom it and its retries have reached, or may have."
        ),
    ] = False,
    sub_account: Whose = None,
    as_json: Json = False,
) -> None:
    """Make a draft with the message, options and recipients of a draft, or of a campaign that has ended.

    Example: `sendmany campaign clone "Spring sale" --as "Summer sale"`
    """
    settings = load_settings()
    store = connect(settings)
    lane = lane_called(store, name, sub_account)
    with _option_errors():
        lane = clone_draft(store, settings, lane, new_name, missed=missed)
    _tell(store, settings, lane, "is a draft", as_json=as_json)


@contextmanager
def _option_errors() -> Iterator[None]:
    """Turns a validation error into a sentence."""
    try:
        yield
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise InputError(f"{place}: {first['msg'].removeprefix('Value error, ')}") from error


def _form_of(options: dict[str, Any]) -> dict[str, Any]:
    """The members of the form that options of the command give."""
    given = {
        name: value for name, value in options.items() if value is not None and value is not False
    }
    policies = {name: given.pop(name) for name in _POLICIES if name in given}
    if message := given.get("message"):
        given["message"] = load_message_file(message)
    if "names" in given:
        given["names"] = read_map(given["names"])
    if "keep" in given:
        given["keep"] = listed(given["keep"])
    if any(one.startswith("file:") for one in given.get("exclude", ())):
        raise InputError(
            "a draft excludes campaigns only: import the file with `sendmany suppress import`"
        )
    given.pop("name", None)
    members = {_MEMBERS.get(name, name): value for name, value in given.items()}
    return {**members, **({"policies": policies} if policies else {})}


def _tell(store: Store, settings: Settings, lane: Lane, done: str, *, as_json: bool) -> None:
    draft = draft_out(store, settings, lane)
    if as_json:
        print_json(draft.model_dump(mode="json"))
        return
    show(f'"{lane.name}" {done}; nothing is sent.')
    if draft.problem:
        show(f"It cannot be launched yet: {draft.problem}.")
        return
    show(f'What a launch would do: sendmany campaign plan "{called(lane)}"')
