"""`python -m chatapps.sandbox`: a stand-in for the provider on this machine.

The API key is read from SANDBOX_API_KEY.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from chatapps.sandbox.config import ACCOUNT_ID, CHANNEL_ID, SandboxConfig
from chatapps.sandbox.faults import FAULT_MODES
from chatapps.sandbox.server import serve


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
        check_templates=options.check_templates,
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
        "--check-templates",
        action="store_true",
        help="once a template is registered, refuse messages whose template is not, or does not fit",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
