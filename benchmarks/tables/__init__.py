"""A suite as tables: measured values beside the printed ones."""

from collections.abc import Callable, Sequence

from benchmarks.presets import Preset
from benchmarks.suites import Block
from benchmarks.tables.densities import by_density
from benchmarks.tables.layers import by_layer
from benchmarks.tables.lines import by_line
from benchmarks.tables.results import Results
from benchmarks.tables.sanity import sanity_table
from benchmarks.tables.sections import Section, Table, markdown

__all__ = ["Results", "Section", "Table", "markdown", "render", "sections"]

KINDS: dict[str, Callable[[Block, Results], Table]] = {
    "lines": by_line,
    "densities": by_density,
    "layers": by_layer,
}


def render(blocks: Sequence[Block], results: Results, preset: Preset) -> str:
    """The blocks as Markdown."""
    return markdown(sections(blocks, results, preset))


def sections(blocks: Sequence[Block], results: Results, preset: Preset) -> list[Section]:
    """The blocks, one section each."""
    found = []
    for block in blocks:
        heading = f"{block.paper.upper()} {block.table}: {block.title}"
        tables = [KINDS[block.shown](block, results)]
        if (checks := sanity_table(block, results)).lines:
            tables.append(checks)
        found.append(Section(heading, tuple(tables), (stand_in_note(block, preset),)))
    return found


def stand_in_note(block: Block, preset: Preset) -> str:
    """Says plainly where a preset runs something else than the paper did."""
    swaps = {}
    for line in block.lines:
        if line.cell and line.printed:
            swaps[line.printed.dataset] = line.cell.dataset
            swaps[line.printed.model] = line.cell.model
        elif line.cell:
            swaps[block.dataset] = line.cell.dataset
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
