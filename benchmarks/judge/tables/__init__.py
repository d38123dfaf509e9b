"""A suite as tables: measured values beside the printed ones."""

from collections.abc import Callable, Sequence

from benchmarks.judge.tables.densities import by_density
from benchmarks.judge.tables.layers import by_layer
from benchmarks.judge.tables.lines import by_line
from benchmarks.judge.tables.notes import notes_of
from benchmarks.judge.tables.sanity import sanity_table
from benchmarks.judge.tables.sections import Section, Table, markdown
from benchmarks.plan.block import Block
from benchmarks.plan.presets import Preset
from benchmarks.results.lookup import Results

__all__ = ["Section", "Table", "markdown", "render", "sections"]

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
