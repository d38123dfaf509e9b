"""What a list says that cells cost."""

from dataclasses import replace

import torch

from benchmarks.cells import Cell
from benchmarks.cost import Piece, pieces
from lottery.recipe import Recipe

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
