"""How cells share a machine: processes, and the threads of each."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from benchmarks.plan.cell import Cell
from benchmarks.run.estimate import forward_flops

# Operations of an image's forward pass below which threads mostly wait for each other.
SMALL_FORWARD_FLOPS = 2.5e7
MAX_JOBS = 8


def choose_jobs(asked: int | None, cells: Sequence[Cell], device: torch.device) -> int:
    """Processes that share the cells: as many as asked, or what suits them and the device; never
    more than there are cells or cores, or gibibytes of free memory.

    On a CPU that is one per core if all cells are small, and else one that uses every core. A
    small network leaves most of a GPU idle, so several processes share it, as far as two cores and
    16 GiB of free memory for each go.
    """
    if asked is not None:
        return max(1, min(asked, len(cells), os.cpu_count() or 1, _free_memory() // 2**30))
    jobs = cores = torch.get_num_threads()
    if device.type == "cuda":
        jobs = min(cores // 2, torch.cuda.mem_get_info(device)[0] // 2**34, MAX_JOBS // 2)
    elif not all(is_small(cell) for cell in cells):
        jobs = 1
    return max(1, min(jobs, len(cells), MAX_JOBS))


def _free_memory() -> int:
    """Bytes of memory that is free or can be freed; a great many where nobody says."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        (line,) = [line for line in lines if line.startswith("MemAvailable:")]
        return 1024 * int(line.split()[1])
    except (OSError, ValueError):
        return 2**60


def is_small(cell: Cell) -> bool:
    """Whether threads would mostly wait for each other in a step of this cell."""
    return forward_flops(cell.model, cell.dataset) < SMALL_FORWARD_FLOPS


@contextmanager
def threads(cell: Cell) -> Iterator[None]:
    """One thread for a small cell, whoever else runs, so that its numbers are the same everywhere
    (sums that threads share are rounded differently); for others, those that the process has."""
    before = torch.get_num_threads()
    if is_small(cell):
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
