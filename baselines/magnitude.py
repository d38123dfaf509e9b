"""Magnitude pruning."""

import torch

from lottery.batches import Data
from lottery.layer_densities import keep_layerwise
from lottery.network import Network
from lottery.registry import method
from lottery.search import Found


@method("magnitude")
def magnitude(
    network: Network,
    data: Data,
    density: float,
    generator: torch.Generator,
    *,
    layers: str = "global",
) -> Found:
    """Keep the highest |theta|.

    Args:
        layers: how the density is shared among layers, see lottery.layer_densities: "global",
            "uniform", "erk", or a ticket file.
    """
    scores = network.weights.abs()
    return Found(keep_layerwise(network.layout, scores, density, layers), scores=scores)
