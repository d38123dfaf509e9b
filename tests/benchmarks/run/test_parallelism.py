"""How many processes and threads cells get."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from benchmarks.plan.cell import Cell
from benchmarks.run.parallelism import choose_jobs, threads
from lottery.training.recipe import Recipe

CPU = torch.device("cpu")
SMALL = Cell(
    "table2", "cts", "II", "demo", "cts", "resnet20", "digits", 0.5, "rewind",
    recipe=Recipe(batch_size=128),
)  # fmt: skip
LARGE = replace(SMALL, dataset="cifar10")


@pytest.fixture(autouse=True)
def four_cores() -> Iterator[None]:
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(1)


def test_as_many_processes_as_asked() -> None:
    assert choose_jobs(3, [SMALL], CPU) == choose_jobs(3, [LARGE] * 9, CPU) == 3


@pytest.mark.parametrize(
    ("cells", "jobs"),
    [
        ([], 1),
        ([SMALL], 1),
        ([SMALL] * 3, 3),
        ([replace(SMALL, model="wide_resnet20", recipe=Recipe())] * 3, 3),  # of CRBG's demo
        ([SMALL] * 9, 4),
        ([LARGE] * 9, 1),
        ([*[SMALL] * 9, LARGE], 1),
    ],
)
def test_small_cells_take_a_core_each_and_large_ones_all_cores(
    cells: list[Cell], jobs: int
) -> None:
    assert choose_jobs(None, cells, CPU) == jobs


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_a_gpu_is_shared() -> None:
    assert 1 <= choose_jobs(None, [LARGE] * 9, torch.device("cuda")) <= 2


def test_a_small_cell_runs_on_one_thread_whoever_else_runs() -> None:
    for cell, inside in ((SMALL, 1), (LARGE, 4)):
        with threads(cell):
            assert torch.get_num_threads() == inside
        assert torch.get_num_threads() == 4
