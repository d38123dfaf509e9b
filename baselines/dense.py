"""The dense network."""

import torch
from torch import Tensor

from lottery.batches import Data
from lottery.network import Network
from lottery.registry import method


@method("dense")
def dense(network: Network, data: Data, density: float, generator: torch.Generator) -> Tensor:
    """Equal scores: at density 1 everything is kept.

    Raises:
        ValueError: any other density.
    """
    if density != 1:
        raise ValueError(f"the dense network has density 1, not {density}")
    return torch.ones_like(network.weights)
