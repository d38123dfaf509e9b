"""Whether tickets pass their sanity checks."""

from dataclasses import replace

from benchmarks.judge.sanity import SanityCheck, check
from benchmarks.judge.tables.sections import Table
from benchmarks.plan.block import Block
from benchmarks.plan.cell import Cell
from benchmarks.results.lookup import Results
from lottery.core.catalogue import ABLATIONS
from lottery.core.summary import removed


def sanity_check(cell: Cell, block: Block, results: Results) -> SanityCheck | None:
    """A ticket against those of its ablations that the block has; None where it has none."""
    others = [line.cell for line in block.lines if line.cell and line.cell.ablation != "none"]
    mine = [other for other in others if replace(other, ablation="none").key == cell.key]
    if not mine:
        return None
    return check(
        results.accuracies(cell), {other.ablation: results.accuracies(other) for other in mine}
    )


def sanity_table(block: Block, results: Results) -> Table:
    """The outcomes and what they rest on; no lines where no ablation has been run."""
    lines = []
    for line in block.tickets:
        found = sanity_check(line.cell, block, results) if line.cell else None
        if line.cell is None or line.cell.density is None or not (found and found.gains):
            continue
        gains = ", ".join(
            f"{ABLATIONS[name].word} {gain:+.1f}"
            + (f" (p {p:.2g})" if (p := found.p_values.get(name)) is not None else "")
            for name, gain in found.gains.items()
        )
        lines.append([line.label, removed(line.cell.density), found.passes, gains])
    headers = ["method", "sparsity", "passes", "ticket minus ablation, points (p)"]
    return Table(headers, lines)
