"""Accuracy against sparsity: every method of the suite (CTS Fig. 2), every objective (Fig. 3)."""

from benchmarks.plan.block import Block, Line
from benchmarks.plan.place import Place, on_grid
from benchmarks.plan.presets import Preset
from benchmarks.plan.suite import suite
from lottery.core.catalogue import OBJECTIVES

SUITE = "sparsity-accuracy"


@suite
def sparsity_accuracy(preset: Preset) -> tuple[Block, ...]:
    """CTS Figs. 2, 3: every method and every objective over densities."""
    return tuple(
        panel(preset, model, powers)
        for panel in (_methods, _objectives)
        for model, powers in preset.grid.items()
    )


def _methods(preset: Preset, model: str, powers: list[int]) -> Block:
    place = Place(SUITE, "cts", "Fig. 2", preset, model, "cifar10")
    densities = [on_grid(power) for power in powers]
    lines = [
        place.line("dense", 1.0, "rewind"),
        Line("CRBG (frozen)", place.frozen_cell("crbg", None)),
    ]
    for density in densities:
        lines += [
            Line("CTS-KL", place.cell("cts", density, "rewind")),
            Line("CTS-loss", place.cell("cts", density, "rewind", objective="loss")),
            place.line("ltr", density, "rewind"),
            place.line("imp", density, "init"),
            place.line("continuous_sparsification", density, "rewind"),
            place.line("l0_hard_concrete", density, "rewind"),
            place.line("gem_miner", density, "init"),
            place.line("sparse_vd", density, "init"),
            Line("Saliency of KL", place.cell("saliency", density, "rewind")),
            place.line("snip", density, "init"),
            place.line("grasp", density, "init"),
            place.line("synflow", density, "init"),
            place.line("magnitude", density, "init"),
            place.line("random", density, "init"),
            place.line("random", density, "init", "ERK", layers="erk"),
            Line("Edge-popup (frozen)", place.edge_popup(density)),
            Line("Edge-popup, epsilon", place.edge_popup(density, "edge_popup_epsilon")),
        ]
    title = f"accuracy against sparsity, {model}"
    return Block("cts", "Fig. 2", title, tuple(lines), shown="densities")


def _objectives(preset: Preset, model: str, powers: list[int]) -> Block:
    place = Place(SUITE, "cts", "Fig. 3", preset, model, "cifar10")
    lines = []
    for density in map(on_grid, powers):
        lines.append(Line("CTS-kl", place.cell("cts", density, "rewind")))
        for name in (name for name in OBJECTIVES if name != "kl"):
            cell = place.cell("cts", density, "rewind", objective=name)
            lines.append(Line(f"CTS-{name}", cell))
    title = f"accuracy against sparsity by objective, {model}"
    return Block("cts", "Fig. 3", title, tuple(lines), shown="densities")
