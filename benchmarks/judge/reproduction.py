"""What reproduces: every printed number of the papers' tables beside the measured one."""

from collections import Counter
from collections.abc import Iterable

from benchmarks.judge.agreement import WITHIN, agreement
from benchmarks.judge.tables.sections import Section, Table
from benchmarks.judge.tables.text import NONE, average
from benchmarks.plan.block import Block, Line
from benchmarks.results.lookup import Results

HEADERS = ("table", "method", "model", "sparsity", "paper %", "here %", "difference", "outcome")


def reproduction(tables: Iterable[tuple[Block, Results]]) -> Section:
    """Every line that has a printed value and is run, at the paper's scale."""
    lines = [
        _line(block, line, results)
        for block, results in tables
        for line in block.tickets
        if line.printed and line.cell
    ]
    outcomes = Counter(line[-1] for line in lines if line[-1] != NONE)
    counts = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
    run = sum(outcomes.values())
    lead = f"{run} of {len(lines)} printed numbers were measured at the papers' scale"
    note = (
        f"Reproduced: within {WITHIN:g} point of the printed value, or two standard deviations "
        "over seeds where that is more; and so the sparsity of a method that decides it. "
        "Explained: the printed value is of another method or setting, as the table's notes say."
    )
    lead += f": {counts}." if counts else "."
    return Section("Printed numbers, measured", (Table(HEADERS, lines),), (note,), lead)


def _line(block: Block, line: Line, results: Results) -> list[str]:
    assert line.printed
    agrees, rows = agreement(line, results), results.rows(line.cell)
    values = [float(row[line.printed.metric]) for row in rows]
    printed = line.printed.sparsity
    return [
        f"{block.paper.upper()} {block.table}",
        line.label,
        line.printed.model,
        NONE if printed is None else f"{printed:g}%",
        f"{line.printed.value:.2f}",
        average(values, ".2f") if values else "not yet run",
        f"{agrees.difference:+.2f}" if agrees else NONE,
        (agrees and agrees.outcome) or NONE,
    ]
