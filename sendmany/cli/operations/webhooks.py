"""`sendmany webhooks …`: the webhook settings of the account at the provider."""

import json
import os
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from chatapps.management import ConfiguredWebhook, Webhook, read_webhooks
from chatapps.management.from_settings import ask, webhook_account
from config.settings import load_settings
from dashboard.explain import several
from producer.errors import InputError
from sendmany.cli.options import Json, SubAccount
from sendmany.console.output import print_json, show, show_table, table_of

app = typer.Typer(
    help="Show and set the webhooks for receipts, replies and news about templates.",
    no_args_is_help=True,
)


class Kind(StrEnum):
    """Types of webhooks, by the provider's names."""

    CADR = "CADR"  # delivery receipts
    MSG = "MSG"  # inbound messages
    CABM = "CABM"  # business management


_KINDS = {Kind.CADR: "receipts", Kind.MSG: "replies", Kind.CABM: "templates and numbers"}
_PROOFS = {"header": "Authorization header", "oauth": "OAuth", "": "none"}


@app.command("show")
def show_webhooks(sub_account: SubAccount = None, as_json: Json = False) -> None:
    """Show the webhooks of the account, without secrets.

    Example: `sendmany webhooks show`
    """
    settings = load_settings()
    account = webhook_account(settings, settings.sub_account_id(sub_account))
    found = ask(settings, account, lambda calls: calls.list_webhooks())
    if as_json:
        print_json([dict(one.members) for one in found])
    elif found:
        columns = ("sub-account", "posts", "to", "proof", "on")
        show_table(table_of(columns, map(_line, found)))
    else:
        show("No webhooks are set: no receipts or replies arrive. See `sendmany webhooks set -h`.")


@app.command("set")
def set_webhooks(
    url: Annotated[
        str | None, typer.Argument(metavar="URL", help="Where to post; or give --file.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(metavar="FILE.json", help="The provider's list of webhooks, instead of URL."),
    ] = None,
    kind: Annotated[
        list[Kind] | None,
        typer.Option(
            "--type",
            help="Receipts, replies, business events; may be repeated. Default: all three.",
        ),
    ] = None,
    authorization_env: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Environment variable with the Authorization header that the provider shall send.",
        ),
    ] = None,
    every: Annotated[
        bool, typer.Option("--every-sub-account", help="For all sub-accounts of the account.")
    ] = False,
    sub_account: SubAccount = None,
    as_json: Json = False,
) -> None:
    """Set webhooks at the provider; those of the same sub-account and type are replaced.

    Example: `sendmany webhooks set https://hooks.example.com/8x8 --authorization-env HOOK_SECRET`
    """
    settings = load_settings()
    name = settings.sub_account_id(sub_account)
    account = webhook_account(settings, name)
    if (url is None) == (file is None):
        raise InputError("Give the URL to post to, or --file with the provider's list of webhooks.")
    if file is not None:
        webhooks = _from_file(file)
    else:
        proof = _from_environment(authorization_env)
        webhooks = _of_url(str(url), "*" if every else name, kind or list(Kind), proof)
    ask(settings, account, lambda calls: calls.set_webhooks(webhooks))
    if as_json:
        print_json([webhook.shown() for webhook in webhooks])
    else:
        show(f"{several(len(webhooks), 'webhook')} set. See `sendmany webhooks show`.")


def _from_file(file: Path) -> tuple[Webhook, ...]:
    try:
        return read_webhooks(file.read_bytes())
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}") from error


def _from_environment(name: str | None) -> str | None:
    if name is None:
        return None
    value = os.environ.get(name)
    if not value:
        raise InputError(f"The environment variable {name} is not set.")
    return value


def _of_url(
    url: str, sub_account: str, kinds: Sequence[str], authorization: str | None
) -> tuple[Webhook, ...]:
    """One webhook for each type of event, by the same rules as those of a file."""
    entries = [
        {"subAccountId": sub_account, "url": url, "type": kind, "httpAuthorization": authorization}
        for kind in kinds
    ]
    return read_webhooks(json.dumps(entries))


def _line(webhook: ConfiguredWebhook) -> tuple[str, ...]:
    return (
        webhook.sub_account_id,
        _KINDS[Kind(webhook.type)] if webhook.type in set(Kind) else webhook.type,
        webhook.url,
        _PROOFS[webhook.proof],
        "yes" if webhook.enabled else "no",
    )
