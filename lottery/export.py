"""python -m lottery.export TICKET: a ticket file for other tools."""

from typing import NoReturn

from lottery.core.entry import run


def main() -> NoReturn:
    """The command lottery-export."""
    run("lottery.tools.export")


if __name__ == "__main__":
    main()
