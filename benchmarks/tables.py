"""A suite as a table: measured values beside the printed ones."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from statistics import mean, stdev

from tabulate import tabulate

from benchmarks.cells import Cell
from benchmarks.presets import Preset
from benchmarks.sanity import judge
from benchmarks.store import Row
from benchmarks.suites import Block, Line

HEADERS = (
    "method", "model", "dataset", "sparsity", "accuracy %", "paper %", "time", "paper time", "seeds"
)  # fmt: skip
METRICS = {"accuracy": "", "accuracy_top3": " top-3", "accuracy_top5": " top-5"}


def render(
    blocks: Sequence[Block], rows: Iterable[Row], preset: Preset, seeds: Sequence[int]
) -> str:
    """The blocks as Markdown."""
    by_key = {row["cell_key"]: row for row in rows}
    parts = []
    for block in blocks:
        heading = f"## {block.paper.upper()} {block.table}: {block.title}"
        parts += [heading, (_by_density if block.by_density else _by_line)(block, by_key, seeds)]
        if verdicts := _verdicts(block, by_key, seeds):
            parts.append(verdicts)
        if note := stand_in_note(block, preset):
            parts.append(note)
    return "\n\n".join(parts) + "\n"


def stand_in_note(block: Block, preset: Preset) -> str:
    """Says plainly where a preset runs something else than the paper did."""
    swaps = {}
    for line in block.lines:
        if line.cell and line.printed:
            swaps[line.printed.dataset] = line.cell.dataset
            swaps[line.printed.model] = line.cell.model
        elif line.cell:
            original = next((k for k, v in preset.datasets.items() if v == line.cell.dataset), "")
            swaps[original or line.cell.dataset] = line.cell.dataset
    parts = [f"Preset {preset.name}: {preset.description}."]
    said = [f"{mine} stands in for {name}" for name, mine in swaps.items() if mine != name]
    if said:
        parts.append(
            f"Here {', '.join(said)}: the paper's numbers are of another task, to be compared in "
            "their order, not their height."
        )
    elif preset.name != "paper":
        parts.append("The paper's numbers are of the full length.")
    return " ".join(parts)


def _by_line(block: Block, by_key: dict[str, Row], seeds: Sequence[int]) -> str:
    lines = [_line(line, by_key, seeds) for line in block.lines]
    return tabulate(lines, HEADERS, "github", disable_numparse=True)


def _by_density(block: Block, by_key: dict[str, Row], seeds: Sequence[int]) -> str:
    """Accuracy by method and sparsity; a method without a target has its sparsity in the cell."""
    cells = {(line.label, line.cell.density): line.cell for line in block.lines if line.cell}
    densities = sorted({d for _, d in cells if d is not None}, reverse=True)
    free = any(d is None for _, d in cells)
    lines = []
    for label in dict.fromkeys(label for label, _ in cells):
        columns: list[float | None] = [*densities, *([None] if free else [])]
        found = [_rows(cells.get((label, density)), by_key, seeds) for density in columns]
        lines.append(
            [label, *(_accuracy(rows, c is None) for rows, c in zip(found, columns, strict=True))]
        )
    headers = [
        "method",
        *(_sparsity(100 * (1 - d)) for d in densities),
        *(["its own"] if free else []),
    ]
    return tabulate(lines, headers, "github", disable_numparse=True)


def _verdicts(block: Block, by_key: dict[str, Row], seeds: Sequence[int]) -> str:
    """Whether each ticket passes its sanity checks, where the block has ablations."""
    tickets: dict[str, Line] = {}
    accuracies: dict[str, dict[str, dict[int, float]]] = {}
    for line in block.lines:
        if line.cell is None:
            continue
        ticket = replace(line.cell, ablation="none").key
        rows = _rows(line.cell, by_key, seeds)
        found = {int(row["seed"]): float(row["accuracy"]) for row in rows}
        accuracies.setdefault(ticket, {})[line.cell.ablation] = found
        if line.cell.ablation == "none":
            tickets[ticket] = line
    lines = []
    for key, line in tickets.items():
        ablations = {name: found for name, found in accuracies[key].items() if name != "none"}
        if not ablations or line.cell is None or line.cell.density is None:
            continue
        verdict = judge(accuracies[key]["none"], ablations)
        words = {True: "yes", False: "no", None: "not enough seeds to tell"}
        gains = ", ".join(
            f"{name} {gain:+.1f}"
            + (f" (p {p:.2g})" if (p := verdict.p_values.get(name)) is not None else "")
            for name, gain in verdict.gains.items()
        )
        sparsity = _sparsity(100 * (1 - line.cell.density))
        lines.append([line.label, sparsity, words[verdict.passes], gains])
    headers = ["method", "sparsity", "passes", "ticket minus ablation, points (corrected p)"]
    return tabulate(lines, headers, "github", disable_numparse=True) if lines else ""


def _rows(cell: Cell | None, by_key: dict[str, Row], seeds: Sequence[int]) -> list[Row]:
    """The finished rows of a cell, one per seed."""
    keys = [replace(cell, seed=seed).key for seed in seeds] if cell else []
    return [by_key[key] for key in keys if key in by_key]


def _accuracy(rows: Sequence[Row], with_sparsity: bool) -> str:
    if not rows:
        return ""
    text = _mean([float(row["accuracy"]) for row in rows])
    sparsity = 100 * (1 - mean(float(row["density"]) for row in rows))
    return f"{text} at {_sparsity(sparsity)}" if with_sparsity else text


def _line(line: Line, by_key: dict[str, Row], seeds: Sequence[int]) -> list[str]:
    printed = line.printed
    paper = f"{printed.value:.1f}{METRICS[printed.metric]}" if printed else "-"
    paper_time = _minutes(printed.minutes) if printed and printed.minutes else "-"
    if line.cell is None:
        assert printed is not None
        return [
            line.label, printed.model, printed.dataset, _sparsity(printed.sparsity),
            "not run", paper, "-", paper_time, "0",
        ]  # fmt: skip
    cell, rows = line.cell, _rows(line.cell, by_key, seeds)
    if rows:
        sparsity = _sparsity(100 * (1 - mean(float(row["density"]) for row in rows)))
        if cell.density is None and printed:
            sparsity += f" (paper: {_sparsity(printed.sparsity)})"
        accuracy = _mean([float(row[printed.metric if printed else "accuracy"]) for row in rows])
        seconds = mean(float(r["search_seconds"]) + float(r["train_seconds"]) for r in rows)
        time = _minutes(seconds / 60)
    else:
        sparsity = "-" if cell.density is None else _sparsity(100 * (1 - cell.density))
        accuracy, time = "not yet run", "-"
    return [
        line.label, cell.model, cell.dataset, sparsity, accuracy, paper, time, paper_time,
        str(len(rows)),
    ]  # fmt: skip


def _sparsity(percent: float | None) -> str:
    return "-" if percent is None else f"{percent:.1f}%"


def _mean(values: Sequence[float]) -> str:
    text = f"{mean(values):.1f}"
    return f"{text} ± {stdev(values):.1f}" if len(values) > 1 else text


def _minutes(minutes: float) -> str:
    if minutes < 1:
        return f"{60 * minutes:.0f} s"
    return f"{minutes:.1f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
