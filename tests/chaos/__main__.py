"""make chaos: kills, crashes, damage and bad input, about fifteen minutes on two cores."""

import sys
import time
from collections.abc import Callable
from dataclasses import astuple
from functools import partial

from tabulate import tabulate

from tests.chaos import inputs, processes
from tests.chaos.tally import Tally

COLUMNS = ("experiment", "tried", "lost", "doubled", "unequal", "tracebacks", "hangs", "seconds")


def experiments(seed: int) -> dict[str, Callable[[], Tally]]:
    return {
        "bad inputs by name": inputs.named,
        "10,000 mutations": partial(inputs.mutations, seed, 10_000),
        "16 processes x 200 appends": partial(processes.appends, 16, 200),
        "SIGKILL at random moments": partial(processes.kills, seed, 12),
        "SIGINT and SIGTERM": partial(processes.signals, seed, 24),
        "a crash within every write": partial(processes.crashes, seed, 60),
        "flipped bits of stages": partial(processes.flips, seed, 6),
        "files that may not grow": partial(processes.full_disk, 12),
    }


def main(seed: int = 0) -> int:
    """Print a table; exit status 1 if anything but `tried` is not zero."""
    lines, clean = [], True
    for name, run in experiments(seed).items():
        begun = time.monotonic()
        tally = run()
        *counts, said = astuple(tally)
        lines.append([name, *counts, round(time.monotonic() - begun)])
        clean = clean and tally.clean
        print(f"{name}: {'as promised' if tally.clean else said}", file=sys.stderr, flush=True)
    print(tabulate(lines, COLUMNS, "github"))
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:2])))
