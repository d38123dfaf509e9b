"""Random pruning."""

import torch
from torch import Tensor

from lottery.batches import Data
from lottery.network import Network
from lottery.registry import method


@method("random", pruned_at="init")
def random(network: Network, data: Data, density: float, generator: torch.Generator) -> Tensor:
    """Uniform scores over all layers together, shape (d,)."""
    return torch.rand(network.layout.total, generator=generator).to(network.device)
