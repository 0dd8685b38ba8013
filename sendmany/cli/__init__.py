"""The command `sendmany`, one module per group of commands.

Importing them takes tenths of a second, during which Ctrl-C must not end in a traceback; so `main`
imports them.
"""

import gc
import signal
import sys
from importlib import import_module
from threading import current_thread, main_thread
from typing import Any

INTERRUPTED = 128 + signal.SIGINT


def main() -> int:
    """Run the command line. Returns the exit code: 0, 1 for a reported failure, 2 for wrong usage."""
    try:
        code: int = load("sendmany.cli.application").run()
    except BaseException as error:
        if not was_interrupted(error):
            raise
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the rest takes milliseconds
        print("Stopped.", file=sys.stderr)
        return INTERRUPTED
    return code


def load(module: str) -> Any:
    """Import a module. Ctrl-C meanwhile ends the command, also where a library swallows the exception,
    such as one that comes in a finalizer. The garbage collector is off meanwhile: it would search what
    stays anyway."""
    before, came = signal.getsignal(signal.SIGINT), False

    def interrupt(*_: object) -> None:
        nonlocal came
        came = True
        raise KeyboardInterrupt

    if before is not signal.default_int_handler or current_thread() is not main_thread():
        return import_module(module)
    signal.signal(signal.SIGINT, interrupt)
    gc.disable()
    try:
        found = import_module(module)
    finally:
        gc.enable()
        gc.freeze()
        signal.signal(signal.SIGINT, before)
    if came:
        raise KeyboardInterrupt
    return found


def was_interrupted(error: BaseException) -> bool:
    """True when a command was ended by Ctrl-C without a message.

    typer turns Ctrl-C into an exit. pydantic wraps it as text in an error of its own when it comes while
    a model is built, at its first use.
    """
    if isinstance(error, KeyboardInterrupt):
        return True
    if isinstance(error, SystemExit):
        left = error.__context__
        return error.code == INTERRUPTED and isinstance(left and left.__cause__, KeyboardInterrupt)
    return str(error).rstrip(": \n").endswith(KeyboardInterrupt.__name__)
