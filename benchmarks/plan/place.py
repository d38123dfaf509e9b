"""Where cells are printed, and the cells of two kinds."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.plan.cell import Cell
from benchmarks.plan.presets import Preset
from benchmarks.plan.printed import Printed, printed_values
from lottery.core.initialisation import Initialisation
from lottery.training.recipe import Recipe

# Of options that suites set for a whole figure. They stand in the methods' signatures, whose import
# takes torch.
DEFAULTS: dict[str, dict[str, Any]] = {
    "crbg": {"lam": 0.05, "epochs": 50},
    "edge_popup": {"epochs": 100},
    "gem_miner": {"epochs": 150},
}


def stated(method: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options without those at their default, which take no part in a cell's key."""
    defaults = DEFAULTS.get(method, {})
    return {name: value for name, value in options.items() if defaults.get(name) != value}


# Of a network that is never trained: norms neither scale nor shift, and there are no biases.
FROZEN = Initialisation(norm_scale="one", bias="zero")


@dataclass(frozen=True)
class Place:
    """Where cells are printed, what they run on and how they are judged.

    Model and dataset are those that the paper names.
    """

    suite: str
    paper: str
    table: str
    preset: Preset
    model: str
    dataset: str
    judged: str | None = None

    def cell(
        self,
        method: str,
        density: float | None,
        pruned_at: str,
        variant: str = "",
        **options: Any,
    ) -> Cell:
        """A cell on weights as CTS initialises them, trained by the preset's recipe if at all."""
        return Cell(
            suite=self.suite,
            paper=self.paper,
            table=self.table,
            preset=self.preset.name,
            method=method,
            model=self.preset.model(self.model),
            dataset=self.preset.dataset(self.dataset),
            density=density,
            pruned_at=pruned_at,
            options={**self.preset.options(method, self.model), **options},
            recipe=self.preset.recipe(self.model),
            judged=self.judged,
            variant=variant,
        )

    def frozen_cell(self, method: str, density: float | None, **more: Any) -> Cell:
        """A cell whose weights stay as they were initialised, norms included.

        `more` are fields of Cell. The training recipe plays no part.
        """
        cell = self.cell(method, density, "init")
        return replace(cell, **{"initialisation": FROZEN, "recipe": Recipe(), **more})

    def edge_popup(self, density: float, method: str = "edge_popup") -> Cell:
        """Edge-popup on the weights its paper found best: signed constants, scaled by density."""
        scaled = replace(FROZEN, weights="signed_constant", kept=density)
        return self.frozen_cell(method, density, initialisation=scaled)

    def printed(self, method: str, sparsity: str) -> Printed:
        return printed_values()[self.paper, self.table, method, self.model, self.dataset, sparsity]
