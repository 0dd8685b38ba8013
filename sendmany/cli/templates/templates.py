"""`sendmany templates …`: the WhatsApp templates of a sub-account's number."""

from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

import typer

from chatapps.management.from_settings import ask, template_account
from chatapps.messages import MessageError
from chatapps.templates import (
    RegisteredTemplate,
    TemplateDraft,
    advice,
    read_registered,
    read_template,
)
from config.settings import Settings, load_settings
from dashboard.explain import several
from producer.errors import InputError
from sendmany.cli.options import Json, SubAccount
from sendmany.cli.templates.preview import print_preview
from sendmany.console.output import at_terminal, print_json, say, show, show_table, table_of

app = typer.Typer(
    help="Submit WhatsApp templates for review, preview them and show their status.",
    no_args_is_help=True,
)

TemplateName = Annotated[str, typer.Argument(metavar="NAME", help="The template's name.")]
Language = Annotated[str | None, typer.Option(metavar="en_GB", help="Only those in this language.")]


@app.command("add")
def add(
    file: Annotated[
        Path, typer.Argument(metavar="FILE.json", help="The template as the provider takes it.")
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check and show it; do not submit it.")
    ] = False,
    sub_account: SubAccount = None,
    as_json: Json = False,
) -> None:
    """Check a template, show a preview, and submit it for review.

    The review takes minutes to a day: see `sendmany templates list`. A template cannot be changed
    afterwards, and the name of a deleted one is blocked for about 30 days.

    Example: `sendmany templates add spring_offer.json --dry-run`
    """
    draft = _read(file)
    draft.emit()  # reports labels that are too long before anything is shown
    if not as_json:
        _show_draft(draft)
    if not dry_run:
        settings = load_settings()
        account = template_account(settings, settings.sub_account_id(sub_account))
        ask(settings, account, lambda calls: calls.add_template(draft))
    if as_json:
        hints = [str(hint) for hint in advice(draft)]
        print_json({"template": draft.emit(), "added": not dry_run, "advice": hints})
    elif not dry_run:
        show(f'"{draft.name}" ({draft.language}) is submitted for review. Its status:')
        show(f"  sendmany templates show {draft.name}")


@app.command("list")
def list_templates(
    language: Language = None, sub_account: SubAccount = None, as_json: Json = False
) -> None:
    """List all templates and their status; only APPROVED ones can be sent.

    Example: `sendmany templates list --language en_GB`
    """
    found = [one for one in _registered(sub_account) if language in (None, one.language)]
    if as_json:
        print_json([dict(one.members) for one in found])
    elif found:
        columns = ("name", "language", "category", "status", "updated")
        show_table(table_of(columns, map(_line, found)))
    else:
        show("There are no templates yet: hand one in with `sendmany templates add`.")


@app.command("show")
def show_template(
    name: TemplateName,
    language: Language = None,
    sub_account: SubAccount = None,
    as_json: Json = False,
) -> None:
    """Show a preview of a template, in each of its languages.

    Example: `sendmany templates show spring_offer`
    """
    registered = _registered(sub_account)
    found = [one for one in registered if one.name == name and language in (None, one.language)]
    if not found:
        raise InputError(_nothing_there(name, language, registered))
    if as_json:
        print_json([dict(one.members) for one in found])
        return
    for one in found:
        print_preview(one)


@app.command("delete")
def delete(
    name: TemplateName,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask, at a terminal.")] = False,
    sub_account: SubAccount = None,
    as_json: Json = False,
) -> None:
    """Delete a template in all its languages. Its name cannot be used again for about 30 days.

    Campaigns that use it are refused from then on.

    Example: `sendmany templates delete spring_offer --yes`
    """
    if not yes and at_terminal():
        question = f'Delete "{name}"? Its name cannot be used again for about 30 days'
        typer.confirm(question, abort=True, err=True)
    settings = load_settings()
    account = template_account(settings, settings.sub_account_id(sub_account))
    ask(settings, account, lambda calls: calls.delete_template(name))
    if as_json:
        print_json({"name": name, "deleted": True})
    else:
        show(f'"{name}" is deleted.')


def _read(file: Path) -> TemplateDraft:
    try:
        return read_template(file.read_bytes())
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}") from error
    except MessageError as error:
        faults = "".join(f"\n  {problem}" for problem in error.problems)
        say(f"sendmany: {file}: the provider would refuse this template.{faults}")
        raise typer.Exit(1) from error


def _show_draft(draft: TemplateDraft) -> None:
    print_preview(read_registered(draft.emit()))
    for hint in advice(draft):
        say(f"Note: {hint}.")


def _registered(sub_account: str | None) -> tuple[RegisteredTemplate, ...]:
    settings: Settings = load_settings()
    account = template_account(settings, settings.sub_account_id(sub_account))
    return ask(settings, account, lambda calls: calls.list_templates())


def _line(template: RegisteredTemplate) -> tuple[str, ...]:
    updated = template.updated_at[:16].replace("T", " ")
    return (template.name, template.language, template.category, template.status, updated)


def _nothing_there(
    name: str, language: str | None, registered: tuple[RegisteredTemplate, ...]
) -> str:
    languages = [one.language for one in registered if one.name == name]
    if languages:
        return f'"{name}" is not registered in {language}, but in {", ".join(languages)}'
    near = get_close_matches(name, {one.name for one in registered}, n=1)
    hint = f' Did you mean "{near[0]}"?' if near else ""
    return f'There is no template "{name}" among {several(len(registered), "template")}.{hint}'
