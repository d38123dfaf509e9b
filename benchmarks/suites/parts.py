"""What suites are made of: lines, blocks, the values that papers print, and cells of two kinds."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

from benchmarks.cells import Cell
from benchmarks.presets import Preset
from lottery.recipe import Recipe


@dataclass(frozen=True)
class Printed:
    """A value as a paper prints it.

    Attributes:
        value: percent of the test set.
        metric: "accuracy", "accuracy_top3" or "accuracy_top5".
        sparsity: percent of weights removed, as printed; None where the paper prints none.
        minutes, epochs: search plus training; None where the paper prints none.
        passes: "yes" or "no", whether the paper says that it passes the sanity checks; else empty.
        architecture: inputs that are left of every layer, where the paper prints them; else empty.
    """

    model: str
    dataset: str
    value: float
    metric: str
    sparsity: float | None
    minutes: float | None
    epochs: float | None
    passes: str
    note: str
    architecture: str = ""


@dataclass(frozen=True)
class Line:
    """One line of a table.

    Attributes:
        label: the method as the table names it.
        cell: the cell for seed 0; None for a line that is only printed beside the others.
        printed: what the paper prints here; None where it prints nothing.
    """

    label: str
    cell: Cell | None
    printed: Printed | None = None


@dataclass(frozen=True)
class Block:
    """The lines of one paper's table, or of one panel of its figure.

    Attributes:
        table: number of the table or figure, e.g. "II" or "Fig. 2".
        shown: "lines", one per cell; "densities", one column each; or "layers", one row each.
        objective: shown by density in place of accuracy; empty for accuracy.
        dataset: as the paper names it.
        model: likewise, where the figure is of one alone that the preset may leave out.
    """

    paper: str
    table: str
    title: str
    lines: tuple[Line, ...]
    shown: str = "lines"
    objective: str = ""
    dataset: str = "cifar10"
    model: str = ""

    @property
    def tickets(self) -> list[Line]:
        """The lines without those of ablations, which only serve to judge them."""
        return [line for line in self.lines if line.cell is None or line.cell.ablation == "none"]


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


@cache
def printed_values() -> dict[tuple[str, ...], Printed]:
    """Every number the papers print, by (paper, table, method, model, dataset, sparsity)."""
    text = files("benchmarks").joinpath("paper_values.csv").read_text()
    names = ("paper", "table", "method", "model", "dataset", "sparsity_percent")
    return {
        tuple(row[name] for name in names): Printed(
            model=row["model"],
            dataset=row["dataset"],
            value=float(row["value_percent"]),
            metric=row["metric"],
            sparsity=_number(row["sparsity_percent"]),
            minutes=_number(row["time_minutes"]),
            epochs=_number(row["epochs"]),
            passes=row["passes_sanity_checks"],
            note=row["note"],
            architecture=row["architecture"],
        )
        for row in csv.DictReader(text.splitlines())
    }


def _number(text: str) -> float | None:
    return float(text) if text else None


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

    def cell(self, method: str, density: float | None, pruned_at: str, **options: Any) -> Cell:
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
        )

    def frozen_cell(self, method: str, density: float | None, **more: Any) -> Cell:
        """A cell whose weights stay as they were initialised, norms included.

        `more` are fields of Cell. The training recipe plays no part.
        """
        cell = self.cell(method, density, "init")
        return replace(cell, norm_scale="one", recipe=Recipe(), **more)

    def edge_popup(self, density: float, method: str = "edge_popup") -> Cell:
        """Edge-popup on the weights its paper found best: signed constants, scaled by density."""
        return self.frozen_cell(method, density, weights="signed_constant", kept=density)

    def printed(self, method: str, sparsity: str) -> Printed:
        return printed_values()[self.paper, self.table, method, self.model, self.dataset, sparsity]
