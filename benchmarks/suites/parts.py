"""What suites are made of: lines, blocks, the values that papers print, and cells of two kinds."""

import csv
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
        minutes: search plus training; None where the paper prints none.
    """

    model: str
    dataset: str
    value: float
    metric: str
    sparsity: float | None
    minutes: float | None
    note: str


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
        by_density: shown with one column per density instead of one line per cell.
    """

    paper: str
    table: str
    title: str
    lines: tuple[Line, ...]
    by_density: bool = False


@cache
def printed_values() -> dict[tuple[str, ...], Printed]:
    """Every number the papers print, by (paper, table, method, model, dataset, sparsity)."""
    text = files("benchmarks").joinpath("paper_values.csv").read_text()
    values = {}
    for row in csv.DictReader(text.splitlines()):
        sparsity, minutes = row["sparsity_percent"], row["time_minutes"]
        key = (*(row[name] for name in ("paper", "table", "method", "model", "dataset")), sparsity)
        values[key] = Printed(
            row["model"],
            row["dataset"],
            float(row["value_percent"]),
            row["metric"],
            float(sparsity) if sparsity else None,
            float(minutes) if minutes else None,
            row["note"],
        )
    return values


@dataclass(frozen=True)
class Place:
    """Where cells are printed and what they run on; model and dataset as the paper names them."""

    suite: str
    paper: str
    table: str
    preset: Preset
    model: str
    dataset: str

    def cell(self, method: str, density: float | None, pruned_at: str, **options: Any) -> Cell:
        """A cell whose ticket is trained after it is drawn, by the preset's recipe."""
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
