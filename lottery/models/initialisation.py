"""Initial weights, from a seed."""

import math

import torch
from torch import nn

from lottery.core.initialisation import Initialisation
from lottery.core.randomness import generator


@torch.no_grad()
def initialise(module: nn.Module, seed: int, how: Initialisation) -> None:
    """Set every convolution, linear layer and norm of `module` in place.

    Args:
        module: parameters of other kinds (class tokens, position embeddings) stay as constructed.
        seed: the same seed gives the same weights, whatever ran before.
    """
    rng = generator(seed, "initialisation")
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=rng)
            fan_in = layer.weight[0].numel()
            if how.weights == "signed_constant":
                layer.weight.copy_(layer.weight.sign() * math.sqrt(2 / fan_in))
            layer.weight /= math.sqrt(how.kept)
            if layer.bias is None:
                continue
            if how.bias == "uniform":
                layer.bias.uniform_(-(fan_in**-0.5), fan_in**-0.5, generator=rng)
            else:
                layer.bias.zero_()  # draws nothing, as before protocol 3
        elif isinstance(layer, nn.BatchNorm2d) and layer.affine:
            if how.norm_scale == "uniform":
                layer.weight.uniform_(0, 1, generator=rng)
            else:
                layer.weight.fill_(1)
            layer.bias.zero_()
