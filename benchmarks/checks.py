"""Refusing what cannot be run, before anything is."""

from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks.cells import Cell
from benchmarks.registered import methods
from lottery.data import DATASETS, load
from lottery.errors import BadInput, check_name
from lottery.mask import kept_count
from lottery.models import build, check_input
from lottery.registry import objectives


def choose_device(name: str) -> torch.device:
    """The device of --device; "auto" is CUDA where there is one.

    Raises:
        BadInput: CUDA is asked for and absent.
        UnknownName: no such device.
    """
    check_name("device", name, ["auto", "cpu", "cuda"])
    if name == "cuda" and not torch.cuda.is_available():
        raise BadInput("--device cuda was asked for, but torch sees no CUDA device here")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def choose_precision(name: str, device: torch.device) -> str:
    """float32 or bfloat16; "auto" takes bfloat16 where the processor computes in it.

    Raises:
        UnknownName: no such precision.
    """
    check_name("precision", name, ["auto", "float32", "bfloat16"])
    if name != "auto":
        return name
    native = device.type == "cuda" or torch.cpu.get_capabilities().get("avx512_bf16", False)
    return "bfloat16" if native else "float32"


def check_cells(cells: Sequence[Cell], data_root: Path) -> None:
    """Check names, options, densities and data of all cells.

    Raises:
        UnknownName: a method, option, objective, dataset or model that does not exist.
        BadInput: a density outside (0, 1] or that keeps no weight; images of a size that the model
            cannot take; options that the method refuses.
        DataError: data that is damaged or cannot be had.
    """
    for cell in cells:
        check_name("dataset", cell.dataset, list(DATASETS))
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
    for dataset in {cell.dataset for cell in cells}:
        load(dataset, data_root)
