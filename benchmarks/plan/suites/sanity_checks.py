"""Sanity checks (CTS Figs. 4 and 5; Frankle et al. 2021): a ticket against its own ablations."""

from dataclasses import replace

from benchmarks.plan.block import Block, Line
from benchmarks.plan.cell import Cell
from benchmarks.plan.place import Place, on_grid
from benchmarks.plan.presets import Preset
from benchmarks.plan.printed import Printed
from benchmarks.plan.suite import suite
from lottery.core.catalogue import ABLATIONS, ablations_of


@suite
def sanity_checks(preset: Preset) -> tuple[Block, ...]:
    """CTS Figs. 4, 5: tickets against shuffled, reinitialised and inverted ones."""
    return tuple(
        _panel(preset, model, powers, figure)
        for (model, powers), figure in zip(preset.grid.items(), ("Fig. 4", "Fig. 5"), strict=False)
    )


def _panel(preset: Preset, model: str, powers: list[int], figure: str) -> Block:
    place = Place("sanity-checks", "cts", figure, preset, model, "cifar10")
    lines: list[Line] = []
    for density in map(on_grid, powers):
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
    return [
        Line(ablated(label, name), replace(cell, ablation=name), printed, explained)
        for name in ablations_of(cell.method, cell.pruned_at)
    ]


def ablated(label: str, ablation: str) -> str:
    """The label of a ticket's line, or of an ablation's below it."""
    return label if ablation == "none" else f"{label}, {ABLATIONS[ablation].word}"
