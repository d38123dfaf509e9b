"""SynFlow (Tanaka et al. 2020): pruning without data by conserving synaptic flow."""

import torch
from torch import Tensor

from lottery.core.network import Network
from lottery.core.result import Result
from lottery.data.batches import Data
from lottery.models.paths import absolute_twin
from lottery.search.registry import method
from lottery.search.rounds import prune_in_rounds


@method("synflow", pruned_at="init")
def synflow(
    network: Network,
    data: Data,
    density: float,
    generator: torch.Generator,
    *,
    rounds: int = 100,
) -> Result:
    """Score weights by dR / d|theta| * |theta|, R the sum of the outputs of the network of absolute
    weights for an input of ones; 100 rounds of exponential pruning (Section 6, Algorithm 1).

    Norms only scale, as in the authors' code, where they are in evaluation mode with fresh
    statistics. Everything is in float64, because R of a deep network overflows float32.

    Raises:
        BadInput: an invalid density, or one that keeps no weight; a norm that is not torch's.
        ValueError: scores that are not finite.
    """
    twin = absolute_twin(network)
    ones = data.ones(torch.float64)

    def score(gates: Tensor) -> Tensor:
        gates = gates.double().requires_grad_()
        (gradient,) = torch.autograd.grad(twin(ones, gates).sum(), gates)
        return gradient * gates.detach()

    return prune_in_rounds(network, density, rounds, score)
