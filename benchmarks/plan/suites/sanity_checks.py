"""Sanity checks (CTS Figs. 4 and 5; Frankle et al. 2021): a ticket against its own ablations."""

from dataclasses import replace

from benchmarks.plan.block import Block, Line
from benchmarks.plan.cell import Cell
from benchmarks.plan.place import Place
from benchmarks.plan.presets import Preset
from benchmarks.plan.printed import Printed
from benchmarks.plan.suite import suite

SHOWN = {
    "none": "",
    "shuffle_layerwise": ", shuffled",
    "reinitialise": ", reinitialised",
    "invert": ", inverted",
}


@suite
def sanity_checks(preset: Preset) -> tuple[Block, ...]:
    return tuple(
        _panel(preset, model, powers, figure)
        for (model, powers), figure in zip(preset.grid.items(), ("Fig. 4", "Fig. 5"), strict=False)
    )


def _panel(preset: Preset, model: str, powers: list[int], figure: str) -> Block:
    place = Place("sanity-checks", "cts", figure, preset, model, "cifar10")
    lines: list[Line] = []
    for density in (0.8**power for power in powers):
        lines += checked("CTS-KL", place.cell("cts", density, "rewind"))
        lines += checked("CTS-loss", place.cell("cts", density, "init", objective="loss"))
        lines += checked("SNIP", place.cell("snip", density, "init"))
        lines += checked("GraSP", place.cell("grasp", density, "init"))
        lines += checked("SynFlow", place.cell("synflow", density, "init"))
        lines += checked("Magnitude", place.cell("magnitude", density, "init"))
    return Block("cts", figure, f"sanity checks, {model}", tuple(lines), shown="densities")


def checked(
    label: str, cell: Cell, printed: Printed | None = None, explained: str = ""
) -> list[Line]:
    """A ticket and its ablations, as far as they mean something."""
    left_out = set()
    if cell.pruned_at == "rewind":  # weights that are trained already cannot be drawn anew
        left_out.add("reinitialise")
    if cell.method in ("ltr", "imp"):  # what earlier levels pruned has no order
        left_out.add("invert")
    names = [name for name in SHOWN if name not in left_out]
    return [
        Line(label + SHOWN[name], replace(cell, ablation=name), printed, explained)
        for name in names
    ]
