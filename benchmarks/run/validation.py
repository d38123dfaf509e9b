"""Refusing what cannot be run, before anything is."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from benchmarks.plan.cell import Cell
from benchmarks.run.methods import methods
from lottery.core.errors import check_name
from lottery.core.mask import kept_count
from lottery.data import DATASETS
from lottery.data.datasets import datasets, load_parts
from lottery.data.sources import Absent
from lottery.models.adaptation import probe
from lottery.models.zoo import build, check_input
from lottery.search.registry import objectives


def check_cells(cells: Sequence[Cell], data_root: Path) -> dict[str, Absent]:
    """Check names, options, densities and data of all cells.

    Returns:
        What is said of datasets that are not there and cannot be fetched, where others are.

    Raises:
        UnknownName: a method, option, objective, dataset or model that does not exist.
        BadInput: a density outside (0, 1] or that keeps no weight; images of a size that the model
            cannot take; options that the method refuses.
        DataError: data that is damaged or cannot be had.
    """
    for cell in cells:
        check_name("dataset", cell.dataset, datasets.names())
        check_input(cell.model, DATASETS[cell.dataset].shape)
        method = methods[cell.method]
        options = method.changed(cell.options)
        method.check(cell.density, {**method.options, **options})
        if "objective" in options:
            objectives[options["objective"]]
    for model, dataset, density in {(c.model, c.dataset, c.density) for c in cells}:
        if density is not None:
            kept_count(density, _prunable(model, dataset))
    for model, dataset in {(c.model, c.dataset) for c in cells if c.model_source or ":" in c.model}:
        facts = DATASETS[dataset]
        probe(model, build(model, facts.shape, facts.classes, 0), facts.shape, facts.classes)
    names = {cell.dataset for cell in cells}
    absent = {name: reason for name in names if (reason := _absence(name, data_root))}
    if absent and absent.keys() == names:
        raise next(iter(absent.values()))
    return absent


@cache
def _prunable(model: str, dataset: str) -> int:
    """d: the prunable weights of a model for a dataset."""
    facts = DATASETS[dataset]
    return build(model, facts.shape, facts.classes, 0).layout.total


def _absence(dataset: str, data_root: Path) -> Absent | None:
    """Why a dataset that nobody can fetch is not there."""
    try:
        load_parts(dataset, data_root)
    except Absent as reason:
        return reason
    return None
