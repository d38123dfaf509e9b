"""What is said under a table: where its rows are not what the paper ran, or not alike."""

from collections import defaultdict
from collections.abc import Sequence

from benchmarks.judge.agreement import REPRODUCED, agreement
from benchmarks.plan.block import Block
from benchmarks.plan.presets import Preset
from benchmarks.results.lookup import Results
from benchmarks.results.store import Row


def notes_of(block: Block, preset: Preset, results: Results) -> tuple[str, ...]:
    """Everything that is to be said under a block's tables, a paragraph each."""
    rows = [row for line in block.lines for row in results.rows(line.cell)]
    about = [stand_ins(block, preset)]
    if preset.name != "paper" and (changes := settings(block, preset)):
        about.append(f"Set here: {'; '.join(changes)}.")
    return (" ".join(about), *explained(block, results), *unlike(rows))


def explained(block: Block, results: Results) -> list[str]:
    """Why a printed value is of something else than the line it stands beside, where it is off."""
    return [
        f"{line.label}, printed {line.printed.value:.1f}: {line.explained}."
        for line in block.tickets
        if line.printed and line.explained and (agrees := agreement(line, results))
        if agrees.outcome != REPRODUCED
    ]


def stand_ins(block: Block, preset: Preset) -> str:
    """Says plainly where a preset runs something else than the paper did."""
    swaps = {}
    for line in block.lines:
        if line.cell and (printed := line.printed):  # variants of a model stand in for nothing
            swaps[printed.dataset] = preset.dataset_for(printed.dataset)
            swaps[printed.model] = preset.model_for(printed.model)
        elif line.cell:
            swaps[block.dataset] = line.cell.dataset
            if block.model:
                swaps[block.model] = line.cell.model
    parts = [f"Preset {preset.name}: {preset.description}."]
    swapped = [f"{mine} stands in for {name}" for name, mine in swaps.items() if mine != name]
    if swapped:
        parts.append(
            f"Here {', '.join(swapped)}: the paper's numbers are of another task, to be compared "
            "in their order, not their height."
        )
    elif preset.name != "paper":
        parts.append("The paper's numbers are of the full length.")
    return " ".join(parts)


def settings(block: Block, preset: Preset) -> list[str]:
    """The options of methods that a preset sets, "ltr pruning_rate=0.5358"; those that differ
    among a method's own lines are in the lines' labels."""
    values = defaultdict[tuple[str, str], set[str]](set)
    for line in block.tickets:
        if line.cell:
            for name in line.cell.options.keys() & preset.options_named(line.cell.method):
                values[line.cell.method, name].add(str(line.cell.options[name]))
    by_method = defaultdict[str, list[str]](list)
    for (method, name), found in sorted(values.items()):
        if len(found) == 1:
            by_method[method].append(f"{name}={found.pop()}")
    return [f"{method} {' '.join(options)}" for method, options in by_method.items()]


def unlike(rows: Sequence[Row]) -> list[str]:
    """In what rows differ that are compared: machine, number format, version of torch."""
    differences = []
    for name in ("device", "precision", "torch"):
        values = sorted({value for row in rows for value in row[name].split(" + ")})
        if len(values) > 1:
            differences.append(f"Rows differ in {name}: {'; '.join(values)}.")
    return differences
