"""Accuracy against sparsity: every method of the suite (CTS Fig. 2), every objective (Fig. 3)."""

from benchmarks.plan.block import Block, Line
from benchmarks.plan.place import Place
from benchmarks.plan.presets import Preset
from benchmarks.plan.suite import suite

SUITE = "sparsity-accuracy"


@suite
def sparsity_accuracy(preset: Preset) -> tuple[Block, ...]:
    return tuple(
        panel(preset, model, powers)
        for panel in (_methods, _objectives)
        for model, powers in preset.grid.items()
    )


def _methods(preset: Preset, model: str, powers: list[int]) -> Block:
    place = Place(SUITE, "cts", "Fig. 2", preset, model, "cifar10")
    densities = [0.8**power for power in powers]
    lines = [
        Line("Dense", place.cell("dense", 1.0, "rewind")),
        Line("CRBG (frozen)", place.frozen_cell("crbg", None)),
    ]
    for density in densities:
        lines += [
            Line("CTS-KL", place.cell("cts", density, "rewind")),
            Line("CTS-loss", place.cell("cts", density, "rewind", objective="loss")),
            Line("LTR", place.cell("ltr", density, "rewind")),
            Line("IMP", place.cell("imp", density, "init")),
            Line(
                "Cont. sparsification", place.cell("continuous_sparsification", density, "rewind")
            ),
            Line("L0 hard concrete", place.cell("l0_hard_concrete", density, "rewind")),
            Line("Gem-Miner", place.cell("gem_miner", density, "init")),
            Line("Sparse VD", place.cell("sparse_vd", density, "init")),
            Line("Saliency of KL", place.cell("saliency", density, "rewind")),
            Line("SNIP", place.cell("snip", density, "init")),
            Line("GraSP", place.cell("grasp", density, "init")),
            Line("SynFlow", place.cell("synflow", density, "init")),
            Line("Magnitude", place.cell("magnitude", density, "init")),
            Line("Random", place.cell("random", density, "init")),
            Line("Random, ERK", place.cell("random", density, "init", "ERK", layers="erk")),
            Line("Edge-popup (frozen)", place.edge_popup(density)),
            Line("Edge-popup, epsilon", place.edge_popup(density, "edge_popup_epsilon")),
        ]
    title = f"accuracy against sparsity, {model}"
    return Block("cts", "Fig. 2", title, tuple(lines), shown="densities")


def _objectives(preset: Preset, model: str, powers: list[int]) -> Block:
    place = Place(SUITE, "cts", "Fig. 3", preset, model, "cifar10")
    lines = []
    for density in (0.8**power for power in powers):
        lines.append(Line("CTS-kl", place.cell("cts", density, "rewind")))
        for name in ("loss", "delta_loss", "grad_norm", "feature", "grad_match"):
            cell = place.cell("cts", density, "rewind", objective=name)
            lines.append(Line(f"CTS-{name}", cell))
    title = f"accuracy against sparsity by objective, {model}"
    return Block("cts", "Fig. 3", title, tuple(lines), shown="densities")
