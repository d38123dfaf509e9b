"""Random pruning (Liu et al. 2022, "The unreasonable effectiveness of random pruning")."""

import torch

from lottery.core.layer_densities import keep_layerwise
from lottery.core.network import Network
from lottery.core.result import Result
from lottery.data.batches import Data
from lottery.search.registry import method


@method("random", pruned_at="init")
def random(
    network: Network,
    data: Data,
    density: float,
    generator: torch.Generator,
    *,
    layers: str = "global",
) -> Result:
    """Uniform scores.

    Args:
        layers: how the density is shared among layers, see lottery.core.layer_densities: "global",
            "uniform", "erk", or a ticket file.

    Raises:
        BadInput: a density that is invalid or keeps no weight, or layers as in keep_layerwise.
    """
    scores = torch.rand(network.layout.total, generator=generator).to(network.device)
    return Result(keep_layerwise(network.layout, scores, density, layers), scores=scores)
