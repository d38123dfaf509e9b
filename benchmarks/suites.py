"""Suites: named tables, each a list of lines with the value that the paper prints."""

import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

from benchmarks.cells import Cell
from benchmarks.presets import Preset
from lottery.errors import check_name


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
    printed: Printed | None


@dataclass(frozen=True)
class Block:
    """The lines of one paper's table."""

    paper: str
    table: str
    title: str
    lines: tuple[Line, ...]


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


def table2(preset: Preset) -> tuple[Block, ...]:
    """CRBG's Table II (strong tickets in ResNets) and CTS's Table II (CTS against LTR)."""
    return _crbg_table2(preset), _cts_table2(preset)


def _crbg_table2(preset: Preset) -> Block:
    def line(label: str, method: str, model: str, density: float | None, sparsity: str) -> Line:
        signed = method == "edge_popup"
        cell = Cell(
            suite="table2",
            paper="crbg",
            table="II",
            preset=preset.name,
            method=method,
            model=preset.model(model),
            dataset=preset.dataset("cifar10"),
            density=density,
            pruned_at="init",
            options=preset.options(method, model),
            weights="signed_constant" if signed else "kaiming_normal",
            norm_scale="one",
            kept=density if signed and density else 1.0,
        )
        return Line(label, cell, printed_values()["crbg", "II", method, model, "cifar10", sparsity])

    lines = (
        line("Edge-popup", "edge_popup", "wide_resnet50", 0.5, "50"),
        line("CRBG", "crbg", "wide_resnet50", None, "90.5"),
        line("CRBG", "crbg", "resnet50", None, "91.5"),
    )
    return Block("crbg", "II", "strong tickets, weights frozen", lines)


def _cts_table2(preset: Preset) -> Block:
    lines = []
    for power, sparsity in ((18, "98.2"), (22, "99.3"), (26, "99.7")):
        for label, method in (("CTS-KL", "cts"), ("LTR", "ltr")):
            cell = Cell(
                suite="table2",
                paper="cts",
                table="II",
                preset=preset.name,
                method=method,
                model=preset.model("resnet20"),
                dataset=preset.dataset("cifar10"),
                density=0.8**power,
                pruned_at="rewind",
                options=preset.options(method, "resnet20"),
                recipe=preset.recipe("resnet20"),
            )
            printed = printed_values()["cts", "II", method, "resnet20", "cifar10", sparsity]
            lines.append(Line(label, cell, printed))
    for sparsity in ("90.0", "99.0", "99.9"):  # ImageNet is not among the suite's datasets
        for label, method in (("Half CTS-KL", "cts_half"), ("LTR", "ltr")):
            printed = printed_values()["cts", "II", method, "resnet50", "imagenet", sparsity]
            lines.append(Line(label, None, printed))
    return Block("cts", "II", "CTS against LTR, tickets trained", tuple(lines))


SUITES: dict[str, Callable[[Preset], tuple[Block, ...]]] = {"table2": table2}


def get_suite(name: str, preset: Preset) -> tuple[Block, ...]:
    """The blocks of a suite.

    Raises:
        UnknownName: no such suite.
    """
    return SUITES[check_name("suite", name, list(SUITES))](preset)


def cells_of(blocks: Iterable[Block], seeds: Iterable[int]) -> list[Cell]:
    """All cells, seed by seed, so that one whole table comes before the next seed starts."""
    lines = [line for block in blocks for line in block.lines]
    return [replace(line.cell, seed=seed) for seed in seeds for line in lines if line.cell]
