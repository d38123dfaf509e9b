"""How much each layer keeps (CTS Fig. 6). The tickets are drawn and not trained."""

from benchmarks.plan.block import Block, Line
from benchmarks.plan.place import Place, on_grid
from benchmarks.plan.presets import Preset
from benchmarks.plan.suite import suite


@suite
def layerwise(preset: Preset) -> tuple[Block, ...]:
    """CTS Fig. 6: what each layer keeps."""
    return tuple(
        _panel(preset, model, on_grid(power))
        for model, powers in preset.grid.items()
        for power in powers
    )


def _panel(preset: Preset, model: str, density: float) -> Block:
    place = Place("layerwise", "cts", "Fig. 6", preset, model, "cifar10", judged="drawn")
    lines = (
        place.line("random", density, "init"),
        place.line("ltr", density, "rewind"),
        place.line("synflow", density, "init"),
        Line("CTS-KL", place.cell("cts", density, "rewind")),
        Line("CTS-loss", place.cell("cts", density, "rewind", objective="loss")),
    )
    title = f"weights removed from each layer, {model} at {100 * (1 - density):.3g}% sparsity"
    return Block("cts", "Fig. 6", title, lines, shown="layers")
