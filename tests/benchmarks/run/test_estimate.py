"""What a list says that cells cost."""

from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.plan.cell import Cell
from benchmarks.run.estimate import Piece, forward_flops, pieces
from lottery.data import DATASETS
from lottery.models.zoo import build
from lottery.training.recipe import Recipe

FULL = Cell(
    "table1", "cts", "I", "quick", "cts", "resnet20", "digits", 0.05, "rewind",
    recipe=Recipe(epochs=16, rewind_epochs=1),
)  # fmt: skip


def parts(cell: Cell) -> list[Piece]:
    return pieces(cell, torch.device("cpu"), "float32")


def test_cells_share_what_they_do_alike_and_nothing_else() -> None:
    quick = replace(FULL, options={"search": "quick"})
    shuffled = replace(FULL, ablation="shuffle_layerwise")
    assert [p.epochs for p in parts(FULL)] == [1, 16, 15]
    assert [p.epochs for p in parts(quick)] == [1, 2, 15]

    def shared(other: Cell) -> list[float]:
        names = {p.name for p in parts(FULL)}
        return [p.epochs for p in parts(other) if p.name in names]

    assert shared(quick) == [1], "another search is another ticket to train"
    assert shared(shuffled) == [1, 16]
    assert shared(replace(FULL, seed=1)) == []


@pytest.mark.parametrize(
    ("model", "dataset", "missing"),
    [("lenet-300-100", "mnist", 0), ("resnet20", "cifar10", 0), ("swin_mini", "cifar10", 0.1)],
)
def test_operations_are_those_that_torch_counts(model: str, dataset: str, missing: float) -> None:
    facts = DATASETS[dataset]
    network = build(model, facts.shape, facts.classes, 0)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, *facts.shape))
    counted = counter.get_total_flops()
    assert forward_flops(model, dataset) <= counted
    assert forward_flops(model, dataset) == pytest.approx(counted, rel=missing)


def test_operations_of_resnet20_by_hand() -> None:
    stages = 16 * 3 * 9 * 1024 + 6 * 16 * 16 * 9 * 1024
    for width, pixels in ((32, 256), (64, 64)):
        # Six convolutions, the first of half the width, and the shortcut's.
        stages += pixels * 9 * (width // 2 * width + 5 * width * width + width // 2 * width)
    assert forward_flops("resnet20", "cifar10") == 2 * (stages + 64 * 10)
