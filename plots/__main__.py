"""python -m plots SUITE: draw a suite's figures from its results, where they are newer."""

from typing import NoReturn

from lottery.core.entry import run


def main() -> NoReturn:
    """The command lottery-plots."""
    run("plots.command", extra="plots")


if __name__ == "__main__":
    main()
