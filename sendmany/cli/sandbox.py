"""`sendmany sandbox`: the stand-in for the provider."""

import os
from typing import Annotated

import typer

from chatapps.sandbox import SandboxConfig, serve
from sendmany.cli.options import Faults
from sendmany.local import SANDBOX_ID


def sandbox(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 is any free one.")] = 8088,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    latency_ms: Annotated[
        float, typer.Option(min=0, help="Mean time to answer, in milliseconds.")
    ] = 0,
    faults: Annotated[
        Faults, typer.Option(help="How it fails; only `ambiguous` fails after taking messages.")
    ] = "none",
    seed: Annotated[int, typer.Option(help="Decides which requests fail.")] = 1,
    sub_account: Annotated[
        list[str] | None,
        typer.Option("--sub-account", metavar="ID", help="May be repeated. Default: sandbox."),
    ] = None,
) -> None:
    """Run a stand-in for the provider, to develop and test against without an account.

    It speaks the provider's send, send-many and message details, checks the key and the
    sub-account, fails as it is told to, and keeps a ledger: `GET /sandbox/ledger` and
    `GET /sandbox/ledger/messages?lane=…`. The key is `sandbox-key`, or what SANDBOX_API_KEY says.
    When it listens it prints its address as one line of JSON. To send to it, give a sub-account
    `base_url = "http://127.0.0.1:8088"` and that key in sendmany.toml.

    For templates and webhooks also give it `account_id = "5a4d0b0a-0000-4000-8000-000000000000"` and
    `channel_id = "5a4d0b0c-0000-4000-8000-000000000000"`. A template is approved two seconds later.

    Example: `sendmany sandbox --faults wild --latency-ms 50`
    """
    config = SandboxConfig(
        api_key=os.environ.get("SANDBOX_API_KEY") or SandboxConfig().api_key,
        sub_accounts=tuple(sub_account or (SANDBOX_ID,)),
        latency_ms=latency_ms,
        faults=faults,
        seed=seed,
    )
    raise typer.Exit(serve(config, host, port))
