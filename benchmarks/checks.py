"""Refusing what cannot be run, before anything is."""

import os
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


def choose_jobs(asked: int | None, device: torch.device) -> int:
    """Processes that share the cells: as many as asked, or what suits the device.

    That is one on a CPU, where one uses every core. A small network leaves most of a GPU idle, so
    several share it, as far as two cores and 16 GiB of its memory for each go, and at most four.
    """
    if asked is not None:
        return asked
    if device.type == "cpu":
        return 1
    memory = torch.cuda.get_device_properties(device).total_memory
    return max(1, min(4, (os.cpu_count() or 1) // 2, memory // 2**34))


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
