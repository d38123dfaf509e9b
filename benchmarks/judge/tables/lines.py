"""One line per cell, with what the paper prints beside what was measured."""

from collections.abc import Sequence
from statistics import mean

from benchmarks.judge.agreement import agreement
from benchmarks.judge.tables.sanity import sanity_check
from benchmarks.judge.tables.sections import Table
from benchmarks.judge.tables.text import NONE, average, minutes, sparsity
from benchmarks.plan.block import Block, Line
from benchmarks.results.lookup import Results
from benchmarks.results.store import Row
from lottery.core.catalogue import DATASETS, dataset_label

METRICS = {"accuracy": "", "accuracy_top3": " top-3", "accuracy_top5": " top-5"}


def by_line(block: Block, results: Results) -> Table:
    """The block's tickets; a column that no line fills is left out."""
    lines = [_line(line, block, results) for line in block.tickets]
    headers = [name for name in lines[0] if any(line[name] != NONE for line in lines)]
    return Table(headers, [[line[name] for name in headers] for line in lines])


def _line(line: Line, block: Block, results: Results) -> dict[str, str]:
    cell, printed, rows = line.cell, line.printed, results.rows(line.cell)
    metric = printed.metric if printed else "accuracy"
    names = ("sparsity", "architecture", "drawn", "accuracy", "passes", "epochs", "time")
    measured = dict.fromkeys(names, NONE)
    if rows:
        measured["sparsity"] = sparsity(100 * (1 - mean(float(row["density"]) for row in rows)))
        measured["accuracy"] = average([float(row[metric]) for row in rows])
        if block.drawn:
            before = [float(row["accuracy_before_training"]) for row in rows]
            measured["drawn"] = average(before)
        measured["epochs"] = f"{mean(_total(row, 'epochs') for row in rows):.0f}"
        measured["time"] = minutes(mean(_total(row, "seconds") for row in rows) / 60)
    elif cell:
        data = DATASETS.get(cell.dataset)
        there = data is None or data.fetched
        measured["accuracy"] = "not yet run" if there else f"needs {dataset_label(cell.dataset)}"
        if cell.density is not None:
            measured["sparsity"] = sparsity(100 * (1 - cell.density))
    else:
        cited = printed and printed.note.startswith("cited")
        measured["accuracy"] = "cited" if cited else "not run"
        measured["sparsity"] = sparsity(printed.sparsity) if printed else NONE
    if rows and cell and (found := sanity_check(cell, block, results)):
        measured["passes"] = found.passes
    if printed and printed.architecture:
        measured["architecture"] = average_architecture(rows) or NONE
    if rows and printed and cell and cell.density is None:
        measured["sparsity"] += f" (paper: {sparsity(printed.sparsity)})"
        if printed.architecture:
            measured["architecture"] += f" (paper: {printed.architecture})"
    agrees = agreement(line, results)
    return {
        "method": line.label,
        "model": cell.model if cell else printed.model if printed else NONE,
        "dataset": cell.dataset if cell else printed.dataset if printed else NONE,
        "sparsity": measured["sparsity"],
        "inputs left": measured["architecture"],
        "as drawn %": measured["drawn"],
        "accuracy %": measured["accuracy"],
        "paper %": f"{printed.value:.1f}{METRICS[metric]}" if printed else NONE,
        "difference": f"{agrees.difference:+.1f}" if agrees else NONE,
        "outcome": (agrees and agrees.outcome) or NONE,
        "passes sanity checks": measured["passes"],
        "paper passes": (printed and printed.passes) or NONE,
        "epochs": measured["epochs"],
        "paper epochs": f"{printed.epochs:.0f}" if printed and printed.epochs else NONE,
        "time": measured["time"],
        "paper time": minutes(printed.minutes) if printed else NONE,
        "seeds": str(len(rows)),
    }


def average_architecture(rows: Sequence[Row]) -> str:
    """The mean number of inputs of every layer, rounded, of rows of one model."""
    counts = [map(int, row["architecture"].split("-")) for row in rows if row["architecture"]]
    return "-".join(f"{mean(of_layer):.0f}" for of_layer in zip(*counts, strict=True))


def _total(row: dict[str, str], unit: str) -> float:
    """Search and training together, in epochs or seconds."""
    return float(row[f"search_{unit}"]) + float(row[f"train_{unit}"])
