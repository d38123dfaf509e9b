"""One row per layer, one column per method."""

from benchmarks.judge.tables.sections import Table
from benchmarks.plan.block import Block
from benchmarks.results.lookup import Results
from lottery.core.summary import removed


def by_layer(block: Block, results: Results) -> Table:
    """What each method removes of every layer."""
    found = {line.label: results.layers(line.cell) for line in block.lines if line.cell}
    sizes = {name: size for layers in found.values() for name, (size, _) in layers.items()}
    lines = [
        [
            name.removesuffix(".weight"),
            f"{size:,}",
            *(removed(layers[name][1]) if name in layers else "" for layers in found.values()),
        ]
        for name, size in sizes.items()
    ]
    return Table(["layer", "weights", *found], lines)
