"""Fetch and verify datasets: python -m lottery.fetch [--data-root DIR] [names ...]."""

import sys
from dataclasses import dataclass, field
from pathlib import Path

import tyro

from lottery.core.command_line import run_command
from lottery.core.entry import USAGE
from lottery.core.errors import BadInput
from lottery.data.datasets import datasets, default_root, load


@dataclass(frozen=True)
class Options:
    """Fetch the datasets that are missing, and verify them."""

    names: tyro.conf.Positional[tuple[str, ...]] = ("mnist", "fashion_mnist", "cifar10")
    """The datasets."""
    data_root: Path = field(default_factory=default_root)
    """The folder they are kept in; $LOTTERY_DATA if that is set."""


def describe(name: str, root: Path) -> str:
    """One line on a dataset, fetched and verified; DataError if it cannot be had."""
    train, test = load(name, root)
    files = datasets[name].files
    where = files.where(name, root) if files else "read by its own code"
    return f"{name}: {len(train.labels)} train, {len(test.labels)} test, {where}"


def main() -> int:
    """Run the command line; exit status 0, or 2 with a line for each dataset that failed."""
    return run_command(_main, Options, "python -m lottery.fetch")


def _main(options: Options) -> int:
    status = 0
    for name in options.names:
        try:
            print(describe(name, options.data_root), flush=True)
        except BadInput as error:
            print(f"error: {error}", file=sys.stderr)
            status = USAGE
    return status
