"""Suites by name."""

from collections.abc import Callable

from benchmarks.plan.block import Block
from benchmarks.plan.presets import Preset

Suite = Callable[[Preset], tuple[Block, ...]]
SUITES: dict[str, Suite] = {}


def suite(blocks: Suite) -> Suite:
    """Register a function as the suite of its name, with dashes for underscores.

    It takes a preset that is already the suite's own, and returns what the suite shows. `make help`
    prints the one line of its docstring.

    Raises:
        ValueError: the name is taken.
    """
    name = blocks.__name__.replace("_", "-")
    if name in SUITES:
        raise ValueError(f"suite {name!r} is registered already")
    SUITES[name] = blocks
    return blocks
