"""`python -m chatapps.sandbox`: runs a sandbox on this machine.

The API key is read from SANDBOX_API_KEY, the secret of the webhook from SANDBOX_WEBHOOK_AUTHORIZATION.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import get_args

from chatapps.sandbox.config import ACCOUNT_ID, CHANNEL_ID, SandboxConfig
from chatapps.sandbox.faults import FAULT_MODES
from chatapps.sandbox.phone_number import Capacity, NumberMode
from chatapps.sandbox.server import serve
from chatapps.sandbox.webhooks.receipts import RECEIPT_MODES


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    config = SandboxConfig(
        api_key=os.environ.get("SANDBOX_API_KEY") or SandboxConfig().api_key,
        sub_accounts=tuple(options.sub_account or SandboxConfig().sub_accounts),
        latency_ms=options.latency_ms,
        faults=options.faults,
        seed=options.seed,
        account_id=options.account_id,
        channel_id=options.channel_id,
        approve_after=options.approve_after,
        templates=options.templates,
        check_templates=options.check_templates,
        receipts=options.receipts or ("plain" if options.webhook_url else "none"),
        receipt_version=options.receipt_version,
        reply_share=options.reply_share,
        capacity=Capacity(options.capacity, options.capacity_mode) if options.capacity else None,
        webhook_url=options.webhook_url,
        webhook_authorization=options.webhook_authorization
        or os.environ.get("SANDBOX_WEBHOOK_AUTHORIZATION"),
        webhook_patience=options.webhook_patience,
    )
    return serve(config, options.host, options.port)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m chatapps.sandbox", description="A stand-in for the 8x8 Chat Apps API."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 (default) means any free port")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="mean time to answer")
    parser.add_argument("--faults", choices=FAULT_MODES, default="none")
    parser.add_argument("--seed", type=int, default=0, help="decides which requests fail")
    parser.add_argument(
        "--sub-account", action="append", metavar="ID", help="may be repeated; default: sandbox"
    )
    _add_receipts(parser)
    templates = parser.add_argument_group(
        "templates and webhooks",
        "A template is APPROVED after a moment, but for names that begin with rejected_, paused_ or "
        "disabled_.",
    )
    templates.add_argument(
        "--account-id", default=ACCOUNT_ID, metavar="UUID", help="default: %(default)s"
    )
    templates.add_argument(
        "--channel-id", default=CHANNEL_ID, metavar="UUID", help="default: %(default)s"
    )
    templates.add_argument(
        "--approve-after",
        type=float,
        default=SandboxConfig().approve_after,
        metavar="SECONDS",
        help="time from PENDING to APPROVED; default: %(default)g",
    )
    templates.add_argument(
        "--templates", action="store_true", help="begin with three approved templates"
    )
    templates.add_argument(
        "--check-templates",
        action="store_true",
        help="once a template is registered, refuse messages whose template is not, or does not fit",
    )
    return parser


def _add_receipts(parser: argparse.ArgumentParser) -> None:
    receipts = parser.add_argument_group(
        "receipts and replies", "Posted to the webhook that is set over the API, else to this one."
    )
    receipts.add_argument("--webhook-url", metavar="URL")
    receipts.add_argument(
        "--webhook-authorization",
        metavar="VALUE",
        help="the Authorization header, whole; better in SANDBOX_WEBHOOK_AUTHORIZATION",
    )
    receipts.add_argument(
        "--receipts",
        choices=RECEIPT_MODES,
        help="wild: late, doubled, reordered, dropped, forged, without ids; "
        "default: plain with --webhook-url, else none",
    )
    receipts.add_argument(
        "--capacity",
        type=float,
        default=0.0,
        metavar="N",
        help="messages a second that the number sends; receipts come 3 s late or more; default: any",
    )
    receipts.add_argument(
        "--capacity-mode",
        choices=get_args(NumberMode),
        default="reject",
        help="what exceeds it is refused with 1009 by receipt, or waits; default: reject",
    )
    receipts.add_argument("--receipt-version", type=int, choices=(8, 9), default=9)
    receipts.add_argument(
        "--reply-share", type=float, default=0.0, help="of the people who get the message; 0 to 1"
    )
    receipts.add_argument(
        "--webhook-patience",
        type=float,
        default=1.0,
        metavar="FACTOR",
        help="of all waiting: of a message's life, of lateness, of repeats; default: 1",
    )


if __name__ == "__main__":
    sys.exit(main())
