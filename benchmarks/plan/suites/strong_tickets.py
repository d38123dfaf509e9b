"""Strong tickets at equal density on the same frozen weights, a comparison CRBG's paper lacks."""

from dataclasses import replace
from typing import Any

from benchmarks.plan.block import Block, Line
from benchmarks.plan.cell import Cell
from benchmarks.plan.place import Place, dataset_of
from benchmarks.plan.presets import Preset
from benchmarks.plan.suite import suite
from lottery.core.catalogue import known, stated
from lottery.training.recipe import Recipe

SUITE = "strong-tickets"


@suite
def strong_tickets(preset: Preset) -> tuple[Block, ...]:
    """CRBG, edge-popup, Gem-Miner and L0 on the same frozen weights."""
    return tuple(_panel(preset, model, found) for model, found in preset.densities.items())


def _panel(preset: Preset, model: str, densities: list[float]) -> Block:
    dataset = dataset_of(model)
    place = Place(SUITE, "crbg", "strong tickets", preset, model, dataset, judged="drawn")
    own = place.frozen_cell("crbg", None, judged=None)
    # Every search is as long as CRBG's.
    epochs = own.options.get("epochs", known("crbg").defaults["epochs"])

    def cell(method: str, density: float, variant: str = "", **options: Any) -> Cell:
        found = place.frozen_cell(method, density, variant=variant)
        merged = stated(method, {**found.options, "epochs": epochs, **options})
        return replace(found, options=merged, judged=None if method == "crbg" else "drawn")

    lines = [Line("CRBG", own)]
    for density in densities:
        recipe = Recipe(epochs=epochs, rewind_epochs=0, batch_size=128)  # the length of L0's search
        l0 = place.frozen_cell("l0_hard_concrete", density)
        lines += [
            Line("CRBG, GradBalance", cell("crbg", density, "GradBalance", pressure="gradbalance")),
            Line("CRBG, Lagrange", cell("crbg", density, "Lagrange", pressure="lagrange")),
            Line("Edge-popup", cell("edge_popup", density)),
            Line("Edge-popup, global", cell("edge_popup", density, "global", scope="global")),
            Line("Gem-Miner", cell("gem_miner", density)),
            Line("L0 hard concrete", replace(l0, recipe=recipe)),
        ]
    title = f"frozen weights of {model} at equal density, every search {epochs} epochs"
    return Block("crbg", "strong tickets", title, tuple(lines), "densities", dataset=dataset)
