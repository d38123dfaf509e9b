"""Networks of which only the paths are left: norms that scale, weights that are not negative."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from lottery.core.mask import Mask
from lottery.core.network import Network
from lottery.core.randomness import generator


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


class Rescale(nn.Module):
    """In a norm's place, a division by the largest value there is, taken as a constant: zeros stay
    zero, nothing is mixed, and what comes after neither saturates nor leaves float64's range."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        largest = x.detach().abs().amax()
        return x / torch.where(largest > 0, largest, 1)


Makers = Mapping[type[nn.Module], Callable[[Any], nn.Module]]
SCALES: Makers = {nn.BatchNorm2d: Scale, nn.LayerNorm: Scale}


def absolute_twin(network: Network) -> Network:
    """The network with absolute parameters, in float64, its norms reduced to their scale."""
    module = _replaced(network.module, SCALES)
    twin = Network(module.double(), network.layout, device=network.device)
    return twin.at(network.weights.double().abs(), network.rest.double().abs())


def effective(network: Network, mask: Mask, shape: tuple[int, int, int]) -> Mask:
    """The kept weights that can influence the output: those on a path of kept weights from the
    input to an output (Vysogorets & Kempe 2023, "Connectivity Matters", effective sparsity).

    A weight counts if the gradient of the summed outputs by its gate is not zero, in a network
    whose norms only rescale, whose max pooling averages, whose biases are zero and whose other
    parameters are random and positive: then no two paths cancel. What a bias alone brings to a
    channel does not count as influence of the weights behind it; learned tokens and embeddings
    count as inputs. With ReLU, GELU and attention this is exact up to float64's range.

    Args:
        shape: channels, height and width of the input. Taps of a convolution that only ever see
            padding are on no path.

    Returns:
        A mask within `mask`.
    """
    rescaled = {nn.BatchNorm2d: Rescale, nn.LayerNorm: Rescale}
    module = _replaced(network.module, {**rescaled, nn.MaxPool2d: _average})
    twin = Network(module.double(), network.layout, device=network.device)
    rng = generator(0, "effective parameters")

    def positive(size: tuple[int, ...], fan_in: int) -> Tensor:
        # Divided by the inputs of a unit, so that activations neither grow nor saturate a softmax.
        return (0.5 + torch.rand(size, generator=rng, dtype=torch.float64)) / fan_in

    weights = {e.name: positive(e.shape, _fan_in(e.shape)) for e in network.layout.entries}
    rest = {
        e.name: torch.zeros(e.shape, dtype=torch.float64)
        if e.name.rpartition(".")[2].endswith("bias")
        else positive(e.shape, _fan_in(e.shape))
        for e in twin.rest_layout.entries
    }
    twin = twin.at(
        network.layout.flatten(weights).to(network.device),
        twin.rest_layout.flatten(rest).double().to(network.device),
    )
    gates = mask.keep.to(network.device, torch.float64).requires_grad_()
    x = positive((1, *shape), 1).to(network.device)
    (gradient,) = torch.autograd.grad(twin(x, gates, training=False).sum(), gates)
    return Mask(network.layout, mask.keep & (gradient != 0).to(mask.keep.device))


def _fan_in(shape: tuple[int, ...]) -> int:
    return torch.Size(shape[1:]).numel() if len(shape) > 1 else 1


def _average(pool: nn.MaxPool2d) -> nn.Module:
    """An average over the same windows: every input of one is passed on, not the largest alone."""
    return nn.AvgPool2d(pool.kernel_size, pool.stride, pool.padding, pool.ceil_mode)


def _replaced(module: nn.Module, makers: Makers) -> nn.Module:
    """A copy of a module with every layer of the kinds given replaced."""
    module = deepcopy(module)
    for name, layer in list(module.named_modules()):
        for kind, make in makers.items():
            if isinstance(layer, kind):
                parent, _, attribute = name.rpartition(".")
                setattr(module.get_submodule(parent), attribute, make(layer))
    return module
