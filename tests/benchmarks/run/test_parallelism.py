"""How many processes and threads cells get."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from benchmarks.plan.cell import Cell
from benchmarks.run import parallelism
from benchmarks.run.parallelism import choose_jobs, threads
from lottery.training.recipe import Recipe

CPU = torch.device("cpu")
SMALL = Cell(
    "table2", "cts", "II", "demo", "cts", "resnet20", "digits", 0.5, "rewind",
    recipe=Recipe(batch_size=128),
)  # fmt: skip
LARGE = replace(SMALL, dataset="cifar10")


@pytest.fixture(autouse=True)
def four_cores(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(1)


def test_as_many_processes_as_asked_but_no_more_than_cells_or_cores() -> None:
    assert choose_jobs(3, [SMALL] * 3, CPU) == choose_jobs(3, [LARGE] * 9, CPU) == 3
    assert choose_jobs(3, [SMALL], CPU) == 1
    assert choose_jobs(100_000, [LARGE] * 9, CPU) == 4


def test_every_process_has_a_gibibyte(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallelism, "_free_memory", lambda: 5 * 2**29)
    assert choose_jobs(4, [SMALL] * 9, CPU) == 2


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
