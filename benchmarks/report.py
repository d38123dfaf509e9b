"""python -m benchmarks.report: every result as one page."""

from typing import NoReturn

from lottery.core.entry import run


def main() -> NoReturn:
    """The command lottery-report."""
    run("benchmarks.cli.report")


if __name__ == "__main__":
    main()
