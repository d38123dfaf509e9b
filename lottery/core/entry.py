"""Where commands begin: nothing heavy is imported before a Ctrl-C is one line."""

import os
import signal
import sys
from importlib import import_module
from types import FrameType
from typing import NoReturn

from lottery.core.errors import BadInput
from lottery.core.extras import needing

USAGE, STOPPED = 2, 3


class Interrupted(KeyboardInterrupt):
    """A signal arrived where nothing is half-done; the text names it."""


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise Interrupted(f"{signal.Signals(number).name} received")


def run(module: str, extra: str = "suites") -> NoReturn:
    """Import a module, run its `main()` and exit with its status.

    Ctrl-C and SIGTERM are status 3 and a line, whenever they come; files are whole or absent.
    Text that the terminal cannot show is shown escaped. Without the packages of its extra there is
    status 2 and a line.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        with needing(extra):
            command = import_module(module)
        status = int(command.main())
    except BadInput as error:
        print(f"error: {error}", file=sys.stderr)
        status = USAGE
    except KeyboardInterrupt as stop:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print(f"stopped: {stop or 'SIGINT received'}; the same command goes on", file=sys.stderr)
        status = STOPPED
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the interpreter is on its way out
    _flush()
    sys.exit(status)


def _flush() -> None:
    """Write what is still to be said, if anybody listens."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
