"""SynFlow (Tanaka et al. 2020): pruning without data by conserving synaptic flow."""

from copy import deepcopy

import torch
from torch import Tensor, nn

from lottery.batches import Data
from lottery.network import Network
from lottery.pruning import prune_in_rounds
from lottery.registry import method
from lottery.search import Found


@method("synflow", pruned_at="init")
def synflow(
    network: Network,
    data: Data,
    density: float,
    generator: torch.Generator,
    *,
    rounds: int = 100,
) -> Found:
    """Score weights by dR / d|theta| * |theta|, R the sum of the outputs of the network of absolute
    weights for an input of ones; 100 rounds of exponential pruning (Section 6, Algorithm 1).

    Norms only scale, as in the authors' code, where they are in evaluation mode with fresh
    statistics. Everything is in float64, because R of a deep network overflows float32.

    Raises:
        ValueError: scores that are not finite.
    """
    twin = absolute_twin(network)
    ones = torch.ones(1, *data.dataset.shape, dtype=torch.float64, device=network.device)

    def score(gates: Tensor) -> Tensor:
        gates = gates.double().requires_grad_()
        (gradient,) = torch.autograd.grad(twin(ones, gates).sum(), gates)
        return gradient * gates.detach()

    return prune_in_rounds(network, density, rounds, score)


class Scale(nn.Module):
    """A norm that has forgotten how to normalise: only its scale and shift are left."""

    def __init__(self, norm: nn.BatchNorm2d | nn.LayerNorm) -> None:
        super().__init__()
        self.register_parameter("weight", norm.weight)
        self.register_parameter("bias", norm.bias)
        self.shape = (-1, 1, 1) if isinstance(norm, nn.BatchNorm2d) else (-1,)

    def forward(self, x: Tensor) -> Tensor:
        if isinstance(self.weight, Tensor):
            x = x * self.weight.view(self.shape)
        return x + self.bias.view(self.shape) if isinstance(self.bias, Tensor) else x


def absolute_twin(network: Network) -> Network:
    """The network with absolute parameters, in float64, its norms reduced to their scale."""
    module = deepcopy(network.module)
    for name, layer in list(module.named_modules()):
        if isinstance(layer, nn.BatchNorm2d | nn.LayerNorm):
            parent, _, attribute = name.rpartition(".")
            setattr(module.get_submodule(parent), attribute, Scale(layer))
    twin = Network(module.double(), network.layout, device=network.device)
    return twin.at(network.weights.double().abs(), network.rest.double().abs())
