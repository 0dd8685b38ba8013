"""`sendmany sandbox`: a sandbox of the provider."""

import os
from typing import Annotated

import typer

from chatapps.sandbox import SandboxConfig, serve
from chatapps.sandbox.phone_number import Capacity, NumberMode
from sendmany.cli.options import Faults, Receipts
from sendmany.local.stack import SANDBOX_ID


def sandbox(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 is any free one.")] = 8088,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    latency_ms: Annotated[
        float, typer.Option(min=0, help="Mean time to answer, in milliseconds.")
    ] = 0,
    faults: Annotated[
        Faults, typer.Option(help="How it fails; only `ambiguous` fails after accepting messages.")
    ] = "none",
    seed: Annotated[int, typer.Option(help="Decides which requests fail.")] = 1,
    sub_account: Annotated[
        list[str] | None,
        typer.Option("--sub-account", metavar="ID", help="May be repeated. Default: sandbox."),
    ] = None,
    webhook_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Where to post receipts and replies.")
    ] = None,
    webhook_authorization: Annotated[
        str | None,
        typer.Option(
            metavar="VALUE",
            envvar="SANDBOX_WEBHOOK_AUTHORIZATION",
            help="Its Authorization header; better in the environment.",
        ),
    ] = None,
    receipts: Annotated[
        Receipts | None,
        typer.Option(help="How they are posted. Default: `plain` with --webhook-url."),
    ] = None,
    receipt_version: Annotated[int, typer.Option(min=8, max=9, help="8 or 9.")] = 9,
    reply_share: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the recipients who reply.")
    ] = 0,
    capacity: Annotated[
        float,
        typer.Option(
            min=0,
            help="Messages a second that its number sends; then receipts come 3 seconds late or more. "
            "0 is any.",
        ),
    ] = 0,
    capacity_mode: Annotated[
        NumberMode,
        typer.Option(help="What exceeds it is refused with 1009 by receipt, or waits."),
    ] = "reject",
    webhook_patience: Annotated[
        float, typer.Option(min=0, help="Factor of all delays between posts.")
    ] = 1,
) -> None:
    """Run a sandbox, to develop and test against without an account.

    It implements the provider's send, send-many and message details, checks the key and the sub-account,
    fails as configured, and keeps a ledger: `GET /sandbox/ledger` and `GET
    /sandbox/ledger/messages?lane=…`. The key is `sandbox-key`, or that of SANDBOX_API_KEY. When it
    listens it prints its address as one line of JSON. To send to it, give a sub-account `base_url =
    "http://127.0.0.1:8088"` and that key in sendmany.toml.

    For templates and webhooks also give it `account_id = "5a4d0b0a-0000-4000-8000-000000000000"` and
    `channel_id = "5a4d0b0c-0000-4000-8000-000000000000"`. A template is approved two seconds later.

    With `--webhook-url` it posts receipts, and replies for a `--reply-share`, to that URL, or to the one
    of `sendmany webhooks set`. `--receipts wild` posts them late, twice, reordered, without ids, some
    never, and adds forged ones.

    Example: `sendmany sandbox --faults wild --latency-ms 50`
    """
    config = SandboxConfig(
        api_key=os.environ.get("SANDBOX_API_KEY") or SandboxConfig().api_key,
        sub_accounts=tuple(sub_account or (SANDBOX_ID,)),
        latency_ms=latency_ms,
        faults=faults,
        seed=seed,
        receipts=receipts or ("plain" if webhook_url else "none"),
        receipt_version=8 if receipt_version == 8 else 9,
        reply_share=reply_share,
        capacity=Capacity(capacity, capacity_mode) if capacity else None,
        webhook_url=webhook_url,
        webhook_authorization=webhook_authorization,
        webhook_patience=webhook_patience,
    )
    raise typer.Exit(serve(config, host, port))
