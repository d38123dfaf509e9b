"""Continuously relaxed Bernoulli gates (CRBG, Section III): strong tickets in frozen weights."""

import math
from functools import partial

import torch

from lottery.batches import Data
from lottery.mask import Mask
from lottery.network import Network
from lottery.objectives import loss
from lottery.pressures import ExpectedL0
from lottery.pruning import check_finite
from lottery.registry import method
from lottery.relaxations import GaussianHardSigmoid
from lottery.runner import Runner
from lottery.search import Found, constant, plan_epochs, search_gates


@method("crbg", strong=True, pruned_at="init", sets_density=False, plan=plan_epochs)
def crbg(
    network: Network,
    data: Data,
    density: None,
    generator: torch.Generator,
    *,
    runner: Runner,
    lam: float = 0.05,
    mu0: float = 0.5,
    sigma: float = 0.5,
    lr: float = 1e-3,
    epochs: int = 50,
    batch_size: int = 128,
    pressure_reduction: str = "mean",
) -> Found:
    """Learn the gates' means mu by Adam under a pressure on the expected number of open gates.

    Args:
        network: the frozen base network.
        density: must be None; the density is what lambda and the length of the search make it.
        lam: lambda; the paper's 0.1 for LeNet, 0.05 for ResNet-50, 0.08 for transformers.
        mu0: initial mean of the gates.
        sigma: standard deviation of the gates' noise.
        lr, epochs, batch_size: of Adam. A gate moves by about lr a step, so a search with fewer
            steps needs a higher lr to reach the same sparsity.
        pressure_reduction: "mean" over all gates, or "sum_of_layer_means".

    Returns:
        The mask mu > 0; the scores are mu; the soft gates are mu clipped to [0, 1].

    Raises:
        ValueError: a density target, lambda or sigma not positive and finite, or means that are
            not finite in the end.
    """
    if density is not None:
        raise ValueError(f"crbg takes no density target, got {density}; its lambda decides")
    for name, value in (("lam", lam), ("sigma", sigma)):
        if not (value > 0 and math.isfinite(value)):
            raise ValueError(f"crbg's {name} must be positive and finite, got {value}")
    mu, log = search_gates(
        network,
        data,
        GaussianHardSigmoid(sigma),
        ExpectedL0(network.layout, lam, pressure_reduction, network.device),
        loss,
        start=torch.full_like(network.weights, mu0),
        optimiser=partial(torch.optim.Adam, lr=lr),
        schedule=constant,
        epochs=epochs,
        batch_size=batch_size,
        generator=generator,
        runner=runner,
    )
    check_finite(network.layout, mu)  # NaN > 0 is False: a search gone wrong would look sparse
    return Found(Mask(network.layout, mu > 0), scores=mu, soft_gates=mu.clamp(0, 1), log=log)
