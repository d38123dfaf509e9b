"""One column per density."""

from collections.abc import Sequence
from statistics import mean

from benchmarks.judge.tables.sections import Table
from benchmarks.judge.tables.text import average
from benchmarks.plan.block import Block
from benchmarks.plan.cell import Cell
from benchmarks.results.lookup import Results
from lottery.core.summary import removed


def by_density(block: Block, results: Results) -> Table:
    """Accuracy, or the block's objective, by method and sparsity.

    A method without a target has its sparsity in the cell.
    """
    cells = {(line.label, line.cell.density): line.cell for line in block.lines if line.cell}
    densities = sorted({d for _, d in cells if d is not None}, reverse=True)
    columns: list[float | None] = [
        *densities,
        *([None] if any(d is None for _, d in cells) else []),
    ]
    lines = [
        [label, *(_value(cells.get((label, density)), block, results) for density in columns)]
        for label in dict.fromkeys(label for label, _ in cells)
    ]
    headers = ["method", *("its own" if d is None else removed(d) for d in columns)]
    return Table(headers, lines)


def _value(cell: Cell | None, block: Block, results: Results) -> str:
    if cell is None:
        return ""
    if block.objective:
        return _average(results.objectives(cell, block.objective), ".3g")
    text = _average([float(row["accuracy"]) for row in results.rows(cell)], ".1f")
    if cell.density is None and text:
        density = mean(float(row["density"]) for row in results.rows(cell))
        return f"{text} at {removed(density)}"
    return text


def _average(values: Sequence[float], digits: str) -> str:
    return average(values, digits) if values else ""
