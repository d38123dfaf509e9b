"""python -m lottery.inspect TICKET: what a ticket file holds."""

from typing import NoReturn

from lottery.core.entry import run


def main() -> NoReturn:
    """The command lottery-inspect."""
    run("lottery.tools.inspect")


if __name__ == "__main__":
    main()
