"""Suites: named tables and figures, each a list of lines, with what the paper prints for each."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from benchmarks.plan.block import Block, Line
from benchmarks.plan.cell import Cell
from benchmarks.plan.presets import Preset
from benchmarks.plan.printed import Printed
from benchmarks.plan.suites.base_size import base_size
from benchmarks.plan.suites.lambda_grid import lambda_grid
from benchmarks.plan.suites.layerwise import layerwise
from benchmarks.plan.suites.objectives import objectives, saliency_gap
from benchmarks.plan.suites.sanity_checks import sanity_checks
from benchmarks.plan.suites.sparsity_accuracy import sparsity_accuracy
from benchmarks.plan.suites.strong_tickets import strong_tickets
from benchmarks.plan.suites.table1 import table1
from benchmarks.plan.suites.table2 import table2
from benchmarks.plan.suites.table3 import table3
from lottery.core.errors import check_name

__all__ = ["NAMES", "SUITES", "Block", "Line", "Printed", "cells_of", "get_suite"]

SUITES: dict[str, Callable[[Preset], tuple[Block, ...]]] = {
    "table1": table1,
    "table2": table2,
    "table3": table3,
    "sparsity-accuracy": sparsity_accuracy,
    "objectives": objectives,
    "saliency-gap": saliency_gap,
    "sanity-checks": sanity_checks,
    "layerwise": layerwise,
    "base-size": base_size,
    "lambda-grid": lambda_grid,
    "strong-tickets": strong_tickets,
}
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
