"""The command `sendmany`: what a person types, in groups, one module each.

Its imports take half a second, during which Ctrl-C must not end in a traceback; so they are done here.
"""

import signal
import sys
from importlib import import_module


def main() -> int:
    """Run the command line. Returns the exit code: 0, 1 for a failure that was told, 2 for usage."""
    try:
        code: int = import_module("sendmany.cli.application").run()
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the rest is a matter of milliseconds
        print("Stopped.", file=sys.stderr)
        return 130
    return code
