"""Sanity checks (CTS Figs. 4 and 5; Frankle et al. 2021): a ticket against its own ablations."""

from dataclasses import replace

from benchmarks.cells import Cell
from benchmarks.presets import Preset
from benchmarks.suites.parts import Block, Line, Place

SHOWN = {
    "none": "",
    "shuffle_layerwise": ", shuffled",
    "reinitialise": ", reinitialised",
    "invert": ", inverted",
}


def sanity_checks(preset: Preset) -> tuple[Block, ...]:
    return tuple(
        _panel(preset, model, powers, figure)
        for (model, powers), figure in zip(preset.grid.items(), ("Fig. 4", "Fig. 5"), strict=False)
    )


def _panel(preset: Preset, model: str, powers: list[int], figure: str) -> Block:
    place = Place("sanity-checks", "cts", figure, preset, model, "cifar10")
    lines: list[Line] = []
    for density in (0.8**power for power in powers):
        # Weights that are trained already cannot be drawn anew: at the rewind point two ablations.
        lines += _checked("CTS-KL", place.cell("cts", density, "rewind"), again=False)
        lines += _checked("CTS-loss", place.cell("cts", density, "init", objective="loss"))
        lines += _checked("SNIP", place.cell("snip", density, "init"))
        lines += _checked("GraSP", place.cell("grasp", density, "init"))
        lines += _checked("SynFlow", place.cell("synflow", density, "init"))
        lines += _checked("Magnitude", place.cell("magnitude", density, "init"))
    return Block("cts", figure, f"sanity checks, {model}", tuple(lines), by_density=True)


def _checked(label: str, cell: Cell, *, again: bool = True) -> list[Line]:
    """A ticket and its ablations; `again` adds new initial weights."""
    names = [name for name in SHOWN if again or name != "reinitialise"]
    return [Line(label + SHOWN[name], replace(cell, ablation=name)) for name in names]
