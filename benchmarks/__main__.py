"""python -m benchmarks SUITE: run what is missing of a table, then print it; and other commands."""

import sys
from typing import NoReturn

from lottery.core.entry import run

COMMANDS = ("check-submission", "compare", "leaderboard", "merge", "report")


def main() -> NoReturn:
    """The command lottery-bench: a suite, or one of COMMANDS."""
    if sys.argv[1:2] and sys.argv[1] in COMMANDS:
        name = sys.argv[1]
        sys.argv[:2] = [f"{sys.argv[0]} {name}"]
        run(f"benchmarks.cli.{name.replace('-', '_')}")
    run("benchmarks.cli.suite")


if __name__ == "__main__":
    main()
