"""A suite as tables: measured values beside the printed ones."""

from collections.abc import Callable, Sequence

from benchmarks.presets import Preset
from benchmarks.suites import Block
from benchmarks.tables.densities import by_density
from benchmarks.tables.layers import by_layer
from benchmarks.tables.lines import by_line
from benchmarks.tables.notes import notes_of
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
        found.append(Section(heading, tuple(tables), notes_of(block, preset, results)))
    return found
