"""python -m lottery.fetch [NAME ...]: datasets, fetched and verified."""

from typing import NoReturn

from lottery.core.entry import run


def main() -> NoReturn:
    """The command lottery-fetch."""
    run("lottery.data.command")


if __name__ == "__main__":
    main()
