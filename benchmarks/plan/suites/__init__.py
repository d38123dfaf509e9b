"""The suites, one file for each table or figure; importing this package registers them.

Each is a list of lines, with what the paper prints for each.
"""

from collections.abc import Iterable
from dataclasses import replace
from importlib import import_module
from pkgutil import iter_modules

from benchmarks.plan.block import Block
from benchmarks.plan.cell import Cell
from benchmarks.plan.presets import Preset
from benchmarks.plan.suite import SUITES
from lottery.core.errors import check_name

__all__ = ["NAMES", "SUITES", "cells_of", "get_suite"]

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

# What the command line takes: throughput measures steps, not cells.
NAMES = [*SUITES, "throughput"]


def get_suite(name: str, preset: Preset) -> tuple[Block, ...]:
    """The blocks of a suite, at a preset that is already the suite's own.

    Raises:
        UnknownName: no such suite.
    """
    return SUITES[check_name("suite", name, NAMES)](preset)


def cells_of(blocks: Iterable[Block], seeds: Iterable[int]) -> list[Cell]:
    """All cells, each once, where it is printed first: seed by seed, so that one whole table comes
    before the next seed starts, and tickets before ablations."""
    found = [line.cell for block in blocks for line in block.lines if line.cell]
    found.sort(key=lambda cell: cell.ablation != "none")
    cells = [replace(cell, seed=seed) for seed in seeds for cell in found]
    once: dict[str, Cell] = {}
    for cell in cells:
        once.setdefault(cell.key, cell)
    return list(once.values())
