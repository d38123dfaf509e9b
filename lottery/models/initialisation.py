"""Initial weights, from a seed."""

import math

import torch
from torch import nn

from lottery.core.randomness import generator

WEIGHTS = ("kaiming_normal", "signed_constant")
NORM_SCALES = ("uniform", "one")


@torch.no_grad()
def initialise(
    module: nn.Module,
    seed: int,
    *,
    weights: str = "kaiming_normal",
    norm_scale: str = "uniform",
    kept: float = 1.0,
) -> None:
    """Set every convolution, linear layer and norm of `module` in place.

    Args:
        module: parameters of other kinds (class tokens, position embeddings) stay as constructed.
        seed: the same seed gives the same weights, whatever ran before.
        weights: "kaiming_normal": N(0, 2 / fan_in). "signed_constant": the sign of such a draw
            times its standard deviation (edge-popup, Ramanujan et al. 2020, Section 4.4).
        norm_scale: "uniform": BatchNorm's scale ~ U(0, 1), as CTS; "one": 1. The shift is 0.
        kept: fraction of weights that will be kept; fan_in is multiplied by it (the "scaled"
            initialisations of edge-popup, Section 4.4). 1 leaves the draw unscaled.

    Raises:
        ValueError: an unknown choice.
    """
    if weights not in WEIGHTS or norm_scale not in NORM_SCALES:
        raise ValueError(f"unknown initialisation {weights!r} with norm scale {norm_scale!r}")
    draw = generator(seed, "initialisation")
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=draw)
            if weights == "signed_constant":
                fan_in = layer.weight[0].numel()
                layer.weight.copy_(layer.weight.sign() * math.sqrt(2 / fan_in))
            layer.weight /= math.sqrt(kept)
            if layer.bias is not None:
                layer.bias.zero_()
        elif isinstance(layer, nn.BatchNorm2d) and layer.affine:
            if norm_scale == "uniform":
                layer.weight.uniform_(0, 1, generator=draw)
            else:
                layer.weight.fill_(1)
            layer.bias.zero_()
