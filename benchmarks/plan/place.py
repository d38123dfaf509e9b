"""Where cells are printed, and the cells and lines of two kinds."""

from dataclasses import dataclass, replace
from typing import Any

from benchmarks.plan.block import Line
from benchmarks.plan.cell import Cell, Judged
from benchmarks.plan.presets import Preset
from benchmarks.plan.printed import Printed, printed_values
from lottery.core.catalogue import known
from lottery.core.choices import PrunedAt
from lottery.core.errors import BadInput
from lottery.core.initialisation import Initialisation
from lottery.training.recipe import Recipe


def on_grid(power: int) -> float:
    """A density of the grid that the CTS paper prunes along: a power of 0.8."""
    return 0.8**power


def dataset_of(model: str) -> str:
    """The dataset that the CRBG paper runs a model on."""
    return "mnist" if model.startswith("lenet") else "cifar10"


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
    judged: Judged | None = None

    def cell(
        self,
        method: str,
        density: float | None,
        pruned_at: PrunedAt,
        variant: str = "",
        **options: Any,
    ) -> Cell:
        """A cell on weights as CTS initialises them, trained by the preset's recipe if at all.

        Raises:
            BadInput: the preset has no recipe for the model.
        """
        recipe = self.preset.resolve(method, self.model, self.dataset).recipe
        if recipe is None:
            raise BadInput(
                f"preset {self.preset.name} has no recipe for {self.model}, which {self.suite} "
                f"trains; it has those of {', '.join(self.preset.recipe) or 'no model'}"
            )
        return self._cell(method, density, pruned_at, recipe, variant, **options)

    def line(
        self,
        method: str,
        density: float | None,
        pruned_at: PrunedAt,
        variant: str = "",
        **options: Any,
    ) -> Line:
        """A line of such a cell, called as the method is, and its variant after a comma."""
        label = known(method).label
        cell = self.cell(method, density, pruned_at, variant, **options)
        return Line(f"{label}, {variant}" if variant else label, cell)

    def frozen_cell(self, method: str, density: float | None, **more: Any) -> Cell:
        """A cell whose weights stay as they were initialised, norms included.

        `more` are fields of Cell. The training recipe plays no part.
        """
        cell = self._cell(method, density, "init", Recipe())
        return replace(cell, **{"initialisation": FROZEN, **more})

    def _cell(
        self,
        method: str,
        density: float | None,
        pruned_at: PrunedAt,
        recipe: Recipe,
        variant: str = "",
        **options: Any,
    ) -> Cell:
        settings = self.preset.resolve(method, self.model, self.dataset)
        return Cell(
            suite=self.suite,
            paper=self.paper,
            table=self.table,
            preset=self.preset.name,
            method=method,
            model=settings.model,
            dataset=settings.dataset,
            density=density,
            pruned_at=pruned_at,
            options={**settings.options, **options},
            recipe=recipe,
            judged=self.judged,
            variant=variant,
            source=self.preset.source("method", method),
            model_source=self.preset.source("model", settings.model),
            dataset_source=self.preset.source("dataset", settings.dataset),
        )

    def edge_popup(self, density: float, method: str = "edge_popup") -> Cell:
        """Edge-popup on the weights its paper found best: signed constants, scaled by density."""
        scaled = replace(FROZEN, weights="signed_constant", kept=density)
        return self.frozen_cell(method, density, initialisation=scaled)

    def printed(self, method: str, sparsity: str) -> Printed:
        return printed_values()[self.paper, self.table, method, self.model, self.dataset, sparsity]
