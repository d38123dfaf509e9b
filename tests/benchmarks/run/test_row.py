"""A row's columns."""

import torch

from benchmarks.run.row import architecture
from lottery import Layout, Mask


def test_the_architecture_of_a_fully_connected_network() -> None:
    layout = Layout.of_shapes([("a", (3, 4)), ("b", (2, 3))])
    keep = torch.zeros(18, dtype=torch.bool)
    keep[[0, 4, 6]] = True  # inputs 0, 0 and 2 of a
    keep[12 + 5] = True  # input 2 of b
    assert architecture(Mask(layout, keep)) == "2-1"
    assert architecture(Mask.full(layout)) == "4-3"


def test_none_of_a_network_with_convolutions() -> None:
    layout = Layout.of_shapes([("conv", (3, 4, 1, 1)), ("b", (2, 3))])
    assert architecture(Mask.full(layout)) == ""
