"""Networks of which only the paths are left: norms that scale, weights that are not negative."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from lottery.core.mask import Mask
from lottery.core.network import Network
from lottery.core.prunable import is_norm
from lottery.core.randomness import generator
from lottery.models.plain_norms import SCALES, PlainNetwork, Substitutes, rescale


def absolute_twin(network: Network) -> Network:
    """The network with absolute parameters, in float64, its norms reduced to their scale.

    Raises:
        BadInput: in a pass, a norm that is not torch's.
    """
    module = deepcopy(network.module)
    for frozen in module.parameters():
        frozen.data.abs_()
    twin = PlainNetwork(network, module, SCALES)
    return twin.at(network.weights.double().abs(), network.rest.double().abs())


def _average(pool: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """An average over the same windows: every input of one is passed on, not the largest alone."""

    def averaged(
        x: Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        **_: Any,
    ) -> Tensor:
        return pool(x, kernel_size, stride, padding, ceil_mode)

    return averaged


PATHS: Substitutes = {
    **dict.fromkeys(SCALES, rescale),
    F.max_pool1d: _average(F.avg_pool1d),
    F.max_pool2d: _average(F.avg_pool2d),
    F.max_pool3d: _average(F.avg_pool3d),
}


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
    twin: Network = PlainNetwork(network, deepcopy(network.module), PATHS)
    rng = generator(0, "effective parameters")

    def positive(size: tuple[int, ...], fan_in: int) -> Tensor:
        # Divided by the inputs of a unit, so that activations neither grow nor saturate a softmax.
        return (0.5 + torch.rand(size, generator=rng, dtype=torch.float64)) / fan_in

    weights = {e.name: positive(e.shape, _fan_in(e.shape)) for e in network.layout.entries}
    rest = {
        e.name: torch.zeros(e.shape, dtype=torch.float64)
        if e.name.rpartition(".")[2].endswith("bias")
        else torch.ones(e.shape, dtype=torch.float64)
        if is_norm(twin.module.get_submodule(e.name.rpartition(".")[0]))
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
