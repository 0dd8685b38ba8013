"""`sendmany token …`: tokens of the HTTP API."""

import re
from typing import Annotated, Any

import typer

from config.settings import load_settings
from dashboard.explain import iso, moment
from producer.errors import InputError
from sendmany.cli.options import Json
from sendmany.console.connection import connect
from sendmany.console.output import print_json, say, show, show_table, table_of
from store.access.audit import audited
from store.access.tokens import (
    KeptToken,
    Limit,
    Scope,
    Token,
    add_token,
    draw_token,
    list_tokens,
    read_limit,
    revoke_token,
    token_text,
)

app = typer.Typer(help="Create, list and revoke tokens for the HTTP API.", no_args_is_help=True)

_SECONDS = {"h": 3600, "d": 86_400, "w": 7 * 86_400}


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its owner, for the list.")],
    scope: Annotated[
        list[Scope],
        typer.Option("--scope", help="Permission; may be repeated. None contains another."),
    ],
    sub_account: Annotated[
        list[str] | None,
        typer.Option(
            "--sub-account", metavar="ID", help="For this one only; may be repeated. Default: all."
        ),
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option(metavar="90d", help="Lifetime: 12h, 90d, 52w. Default: until revoked."),
    ] = None,
    limit: Annotated[
        str | None,
        typer.Option(
            metavar="100/s",
            help="Messages that it may hand in: 100/s, 500/min, 9000/h, 50000/d. Default: any.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Create a token and show it, once: only its digest is kept.

    Example: `sendmany token create shop --scope enqueue --scope read --expires 90d`
    """
    settings = load_settings()
    id, secret = draw_token()
    for_these = frozenset(settings.sub_account_id(one) for one in sub_account or ())
    token = Token(id, _name(name), frozenset(scope), for_these, _limit(limit, scope))
    lives = 0 if expires is None else _seconds(expires)
    store = connect(settings)
    try:
        call = add_token(token, secret, lives=lives)
        facts = (sorted(token.scopes), sorted(for_these), str(token.limit or ""))
        kept = store.run(audited(call, "token.create", f"{token.name} ({id})", "", lambda _: facts))
    finally:
        store.close()
    _show_once(kept, token_text(id, secret), as_json=as_json)


@app.command("list")
def list_all(as_json: Json = False) -> None:
    """List all tokens, without their secrets, expired ones included.

    Example: `sendmany token list`
    """
    store = connect(load_settings())
    try:
        found = store.run(list_tokens())
    finally:
        store.close()
    if as_json:
        print_json([_json(one) for one in found])
    elif found:
        columns = ("id", "name", "scopes", "for", "limit", "made", "expires", "last used")
        show_table(table_of(columns, map(_line, found)))
    else:
        show("There are no tokens: the HTTP API cannot be used. See `sendmany token create -h`.")


@app.command("revoke")
def revoke(
    id: Annotated[str, typer.Argument(metavar="ID", help="As `sendmany token list` shows it.")],
) -> None:
    """Revoke a token, within seconds.

    Example: `sendmany token revoke 4k2p9xw1`
    """
    store = connect(load_settings())
    try:
        there = store.run(audited(revoke_token(id), "token.revoke", id))
    finally:
        store.close()
    if not there:
        raise InputError("There is no token with this id: see `sendmany token list`.")
    show("Revoked; it stops working within 3 seconds.")


def _name(name: str) -> str:
    if not 1 <= len(name.strip()) <= 100 or not name.isprintable():
        raise InputError("A token's name is 1 to 100 printable characters.")
    return name.strip()


def _seconds(text: str) -> int:
    found = re.fullmatch(r"([1-9]\d{0,4})([hdw])", text)
    if not found:
        raise InputError("--expires takes a number of hours, days or weeks, such as 12h, 90d, 52w.")
    return int(found[1]) * _SECONDS[found[2]]


def _limit(text: str | None, scopes: list[Scope]) -> Limit | None:
    limit = read_limit(text or "")
    if text is not None and limit is None:
        raise InputError("--limit takes messages a time, such as 100/s, 500/min, 9000/h, 50000/d.")
    if limit and Scope.ENQUEUE not in scopes:
        raise InputError("--limit is about handing in messages: it needs --scope enqueue.")
    return limit


def _show_once(kept: KeptToken, text: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"token": text, **_json(kept)})
        return
    show(text)
    until = f"until {moment(kept.expires_at)}" if kept.expires_at else "until it is revoked"
    say(f"Keep it: it is not shown again. It is good {until}. Send it as Authorization: Bearer …")


def _json(kept: KeptToken) -> dict[str, Any]:
    return {
        "id": kept.token.id,
        "name": kept.token.name,
        "scopes": sorted(kept.token.scopes),
        "sub_accounts": sorted(kept.token.sub_accounts),
        "limit": str(kept.token.limit) if kept.token.limit else None,
        "made_at": iso(kept.made_at),
        "expires_at": iso(kept.expires_at),
        "used_at": iso(kept.used_at),
    }


def _line(kept: KeptToken) -> tuple[str, ...]:
    token = kept.token
    return (
        token.id,
        token.name,
        ", ".join(sorted(token.scopes)),
        ", ".join(sorted(token.sub_accounts)) or "all",
        str(token.limit or ""),
        _day(kept.made_at),
        _day(kept.expires_at),
        _day(kept.used_at),
    )


def _day(at: int) -> str:
    return moment(at)[:10] or "never"
