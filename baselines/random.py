"""Random pruning (Liu et al. 2022, "The unreasonable effectiveness of random pruning")."""

import torch

from lottery.batches import Data
from lottery.layer_densities import keep_layerwise
from lottery.network import Network
from lottery.registry import method
from lottery.search import Found


@method("random", pruned_at="init")
def random(
    network: Network,
    data: Data,
    density: float,
    generator: torch.Generator,
    *,
    layers: str = "global",
) -> Found:
    """Uniform scores.

    Args:
        layers: how the density is shared among layers, see lottery.layer_densities: "global",
            "uniform", "erk", or a ticket file.

    Raises:
        BadInput: a density that is none or keeps no weight, or layers as in keep_layerwise.
    """
    scores = torch.rand(network.layout.total, generator=generator).to(network.device)
    return Found(keep_layerwise(network.layout, scores, density, layers), scores=scores)
