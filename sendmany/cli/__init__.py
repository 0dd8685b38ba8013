"""The command `sendmany`: what a person types, in groups, one module each.

Its imports take half a second, during which Ctrl-C must not end in a traceback; so they are done here.
"""

import signal
import sys
from importlib import import_module

INTERRUPTED = 128 + signal.SIGINT


def main() -> int:
    """Run the command line. Returns the exit code: 0, 1 for a failure that was told, 2 for usage."""
    try:
        code: int = import_module("sendmany.cli.application").run()
    except BaseException as error:
        if not was_interrupted(error):
            raise
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the rest is a matter of milliseconds
        print("Stopped.", file=sys.stderr)
        return INTERRUPTED
    return code


def was_interrupted(error: BaseException) -> bool:
    """Whether a command ended by Ctrl-C without a word about it.

    typer turns Ctrl-C into an exit. pydantic puts it, as text, into an error of its own when it comes
    while a model is put together, which is done when one is first used.
    """
    if isinstance(error, KeyboardInterrupt):
        return True
    if isinstance(error, SystemExit):
        left = error.__context__
        return error.code == INTERRUPTED and isinstance(left and left.__cause__, KeyboardInterrupt)
    return str(error).rstrip(": \n").endswith(KeyboardInterrupt.__name__)
