"""Refusing what cannot be run, before anything is."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.plan.cell import Cell
from benchmarks.run.methods import methods
from lottery.core.errors import check_name
from lottery.core.mask import kept_count
from lottery.data import DATASETS, load
from lottery.data.datasets import datasets
from lottery.models.adaptation import probe
from lottery.models.zoo import build, check_input
from lottery.search.registry import objectives


def check_cells(cells: Sequence[Cell], data_root: Path) -> None:
    """Check names, options, densities and data of all cells.

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
        if cell.density is not None:
            facts = DATASETS[cell.dataset]
            layout = build(cell.model, facts.shape, facts.classes, 0).layout
            kept_count(cell.density, layout.total)
    for model, dataset in {(c.model, c.dataset) for c in cells if c.model_source or ":" in c.model}:
        facts = DATASETS[dataset]
        probe(model, build(model, facts.shape, facts.classes, 0), facts.shape, facts.classes)
    for dataset in {cell.dataset for cell in cells}:
        load(dataset, data_root)
