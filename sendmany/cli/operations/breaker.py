"""`sendmany breaker list|open|close`: open breakers, and breakers opened by hand."""

from dataclasses import asdict
from typing import Annotated

import typer

from config.settings import load_settings
from dashboard.explain import explain_breaker
from producer.errors import InputError
from sendmany.cli.options import Json, SubAccount
from sendmany.console.connection import connect
from sendmany.console.output import print_json, show
from store.access.audit import audited
from store.limits.breakers import (
    ACCOUNT,
    BULK,
    WHOLE,
    close_breaker,
    open_breaker,
    read_breakers,
    template_scope,
)

app = typer.Typer(
    help="List open breakers; open and close breakers of a sub-account or a template by hand.",
    no_args_is_help=True,
)
Template = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Only what uses this template. Default: everything."),
]
Language = Annotated[
    str | None, typer.Option(metavar="LANG", help="The template's language, such as en_US.")
]

Bulk = Annotated[bool, typer.Option("--bulk", help="Only what has priority bulk.")]


@app.command("list")
def list_breakers(sub_account: SubAccount = None, as_json: Json = False) -> None:
    """List open breakers with start, reason and end; of all sub-accounts unless one is named.

    Example: `sendmany breaker list`
    """
    settings = load_settings()
    store = connect(settings)
    names = [settings.sub_account_id(sub_account)] if sub_account else list(settings.sub_accounts)
    found = [one for name in names for one in store.run(read_breakers(name))]
    if as_json:
        print_json([asdict(one) for one in found])
    elif found:
        show(*(f"{one.sub_account}, {one.scope}: {explain_breaker(one)}" for one in found))
    else:
        show("Nothing is held up.")


@app.command("open")
def open_(
    sub_account: SubAccount = None,
    template: Template = None,
    language: Language = None,
    bulk: Bulk = False,
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Shown where people ask why messages wait.")
    ] = "an operator decided so",
    as_json: Json = False,
) -> None:
    """Hold up a sub-account, one template, or bulk messages, until it is closed.

    Campaigns and messages wait; single messages with the template end as `failed` and can be sent again.

    Example: `sendmany breaker open --sub-account Shop --reason "the number is being moved"`
    """
    settings = load_settings()
    name, scope = settings.sub_account_id(sub_account), _scope(template, language, bulk)
    if not reason.strip(" ."):
        raise InputError("Say why with --reason: it is shown where people ask why messages wait")
    call = open_breaker(name, scope, reason.strip().rstrip("."), by="operator")
    about = f"{scope} of {name}"
    changed = connect(settings).run(audited(call, "breaker.open", about, "", lambda _: reason))
    if as_json:
        print_json({"sub_account": name, "scope": scope, "changed": changed})
    else:
        show(f"{_named(name, scope)} is held up{'' if changed else ' already'}.")


@app.command("close")
def close(
    sub_account: SubAccount = None,
    template: Template = None,
    language: Language = None,
    bulk: Bulk = False,
    as_json: Json = False,
) -> None:
    """Resume a sub-account, one template, or bulk messages at once, whatever opened the breaker.

    Example: `sendmany breaker close --sub-account Shop`
    """
    settings = load_settings()
    name, scope = settings.sub_account_id(sub_account), _scope(template, language, bulk)
    store = connect(settings)
    scopes = WHOLE if scope == ACCOUNT else (scope,)
    closed = [
        one
        for one in scopes
        if store.run(audited(close_breaker(name, one), "breaker.close", f"{one} of {name}"))
    ]
    if as_json:
        print_json({"sub_account": name, "scope": scope, "changed": bool(closed)})
    else:
        show(f"{_named(name, scope)} {'goes on' if closed else 'was not held up'}.")


def _scope(template: str | None, language: str | None, bulk: bool) -> str:
    if bulk and (template or language):
        raise InputError("Hold up bulk, or a template: give --bulk, or --template and --language")
    if bulk:
        return BULK
    if (template is None) != (language is None):
        raise InputError("A template is named by both --template and --language")
    return template_scope(template, language) if template and language else ACCOUNT


def _named(sub_account: str, scope: str) -> str:
    if scope == ACCOUNT:
        return sub_account
    if scope == BULK:
        return f"What is bulk of {sub_account}"
    _, name, language = scope.split(":", 2)
    return f"The template {name} ({language}) of {sub_account}"
