"""What every command shares: its options, and bad input as one line with exit status 2."""

import contextlib
import io
import os
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

import tyro

from lottery.core.entry import USAGE
from lottery.core.errors import BadInput

Kind = TypeVar("Kind")


def parse(kind: type[Kind], prog: str, arguments: Sequence[str] | None = None) -> Kind:
    """Options of a kind, a dataclass, from the command line of `prog`, as Python runs it.

    Raises:
        BadInput: arguments that do not fit.
    """
    stderr = io.StringIO()
    if any("\0" in each for each in arguments or ()):
        raise BadInput("an argument has a NUL in it")
    try:
        with contextlib.redirect_stderr(stderr):
            return tyro.cli(
                kind,
                prog=_called(prog),
                args=arguments,
                config=(tyro.conf.FlagCreatePairsOff,),
            )
    except SystemExit as end:
        if not end.code:
            raise
        raise BadInput(_one_line(stderr.getvalue())) from None


def run_command(
    command: Callable[[Kind], int],
    kind: type[Kind],
    prog: str,
    arguments: Sequence[str] | None = None,
) -> int:
    """Run a command on its options, see `parse`, for its exit status; bad input is one line and
    status 2."""
    try:
        status = command(parse(kind, prog, arguments))
        sys.stdout.flush()
        return status
    except BadInput as error:
        print(f"error: {error}", file=sys.stderr)
        return USAGE
    except MemoryError:
        print("error: there is not enough memory for it", file=sys.stderr)
        return USAGE
    except BrokenPipeError:  # whoever read the output (head, less) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # no room, no permission, a folder where a file is to be
        path = f"{error.filename}: " if error.filename else ""
        print(f"error: {path[:500]}{error.strerror or error}", file=sys.stderr)
        return USAGE


def _called(prog: str) -> str:
    """A program as it was called: by the name of its script, where it was by one of ours."""
    name = os.path.basename(sys.argv[0])
    return name if name.startswith("lottery-") else prog


def _one_line(box: str) -> str:
    """The message of tyro's error box, without the box and its title."""
    lines = [line.strip("│╰╯─-| ") for line in box.splitlines() if not line.startswith("╭")]
    end = next((i for i, line in enumerate(lines) if line.startswith("For full help")), len(lines))
    return " ".join(line for line in lines[:end] if line) + " (--help lists the options)"
