"""Magnitude pruning."""

import torch
from torch import Tensor

from lottery.batches import Data
from lottery.network import Network
from lottery.registry import method


@method("magnitude")
def magnitude(network: Network, data: Data, density: float, generator: torch.Generator) -> Tensor:
    """|theta| over all layers together, shape (d,)."""
    return network.weights.abs()
