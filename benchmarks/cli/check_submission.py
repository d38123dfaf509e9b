"""python -m benchmarks check-submission DIR: whether a submission is what it says."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from benchmarks.judge.submission import problems
from lottery.core.command_line import run_command
from lottery.core.entry import USAGE
from lottery.core.errors import BadInput


@dataclass(frozen=True)
class Options:
    """Verify a submission: the method file's hash, the rows, and the verdict made from them anew.

    Nothing of it is run, and nothing is written.
    """

    folder: tyro.conf.Positional[Path]
    """The folder that python -m benchmarks compare METHOD --submission DIR has written."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; exit status 0, or 2 with a line for each thing that is wrong."""
    return run_command(_main, Options, "python -m benchmarks check-submission", arguments)


def _main(options: Options) -> int:
    if not options.folder.is_dir():
        raise BadInput(f"there is no folder {options.folder}")
    found = problems(options.folder)
    for problem in found:
        print(f"error: {problem}", file=sys.stderr)
    if found:
        return USAGE
    print(f"{options.folder}: the method file, the rows and the verdict agree")
    return 0
