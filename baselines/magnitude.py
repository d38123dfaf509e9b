"""Magnitude pruning (Han et al. 2015, "Learning both weights and connections")."""

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

    Raises:
        BadInput: a density that is none or keeps no weight, or layers as in keep_layerwise.
    """
    scores = network.weights.abs()
    return Found(keep_layerwise(network.layout, scores, density, layers), scores=scores)
