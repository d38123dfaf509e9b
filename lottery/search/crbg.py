"""Continuously relaxed Bernoulli gates (CRBG, Section III): strong tickets in frozen weights."""

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch

from lottery.core.errors import BadInput, check_name
from lottery.core.layer_gates import LayerGates
from lottery.core.mask import Mask, kept_count
from lottery.core.network import Network
from lottery.core.result import Result
from lottery.data.batches import Data
from lottery.search.gates import constant, plan_epochs, search_gates
from lottery.search.objectives import loss
from lottery.search.pressures import REDUCTIONS, ExpectedL0, GradBalance, Lagrange, Pressure
from lottery.search.registry import method
from lottery.search.relaxations import GaussianHardSigmoid
from lottery.search.rounds import check_finite
from lottery.training.runner import Runner

PRESSURES = ("expected_l0", "lagrange", "gradbalance")


def check(density: float | None, options: Mapping[str, Any]) -> None:
    """Check the options and the density target.

    Raises:
        UnknownName: a pressure or a reduction that does not exist.
        BadInput: lambda, sigma or the learning rate not positive and finite; a density target where
            lambda decides, or none where it is needed.
    """
    for name in ("lam", "sigma", "lr"):
        if not (options[name] > 0 and math.isfinite(options[name])):
            raise BadInput(f"crbg's {name} must be positive and finite, got {options[name]}")
    check_name("pressure_reduction", options["pressure_reduction"], REDUCTIONS)
    pressure = check_name("pressure of crbg", options["pressure"], PRESSURES)
    if pressure == "expected_l0" and density is not None:
        raise BadInput(f"crbg takes no density target, got {density}; its lambda decides")
    if pressure != "expected_l0" and density is None:
        raise BadInput(f"crbg under pressure {pressure} needs a density target")


@method("crbg", strong=True, pruned_at="init", sets_density=False, plan=plan_epochs, check=check)
def crbg(
    network: Network,
    data: Data,
    density: float | None,
    generator: torch.Generator,
    *,
    runner: Runner,
    lam: float = 0.05,
    mu0: float = 0.5,
    sigma: float = 0.5,
    lr: float = 1e-3,
    epochs: int = 50,
    batch_size: int = 128,
    pressure: str = "expected_l0",
    pressure_reduction: str = "sum_of_layer_means",
) -> Result:
    """Learn the gates' means mu by Adam under a pressure on the expected number of open gates.

    Args:
        network: the frozen base network.
        density: None; what lambda and the length of the search make it. Under the other two
            pressures, which are not the paper's, the target.
        lam: lambda; the paper's 0.1 for LeNet, 0.05 for ResNet-50, 0.08 for transformers.
        mu0: initial mean of the gates; under gradbalance they start at the density instead.
        sigma: standard deviation of the gates' noise.
        lr, epochs, batch_size: of Adam. A gate moves by about lr a step, so a search with fewer
            steps needs a higher lr to reach the same sparsity.
        pressure: "expected_l0" as the paper; "lagrange" or "gradbalance", those of CTS, for a
            density target.
        pressure_reduction: of the expected L0: "sum_of_layer_means", the paper's sum over layers
            with each layer's gates averaged, or "mean" over all gates. docs/crbg.md says why.

    Returns:
        The mask mu > 0, or the highest mu where a density is asked for; the scores are mu; the soft
        gates are mu clipped to [0, 1].

    Raises:
        BadInput: see `check`; or an invalid density, or one that keeps no weight.
        ValueError: means that are not finite in the end.
    """
    stated = {"lam": lam, "sigma": sigma, "lr": lr}
    check(density, stated | {"pressure": pressure, "pressure_reduction": pressure_reduction})
    gates = GaussianHardSigmoid(sigma)
    start = mu0
    if density is not None and pressure == "gradbalance":
        # Its lambda only falls slowly once the target is met, so P(gate != 0) starts there, as in
        # CTS; from further up it would close everything.
        start = sigma * torch.special.ndtri(torch.tensor(density).clamp_max(0.999)).item()
    mu, log = search_gates(
        network,
        data,
        gates,
        _pressure(pressure, network, density, lam, pressure_reduction),
        loss,
        start=network.weights.new_tensor(start).expand_as(network.weights),
        optimiser=partial(torch.optim.Adam, lr=lr, fused=True),  # fused: no vectors of its own
        schedule=constant,
        epochs=epochs,
        batch_size=batch_size,
        generator=generator,
        runner=runner,
        layer_gates=LayerGates(network.layout, network.weights),
    )
    check_finite(network.layout, mu)  # NaN > 0 is False: a search gone wrong would look sparse
    layout = network.layout
    mask = Mask(layout, mu > 0) if density is None else Mask.top(layout, mu, density)
    return Result(mask, scores=mu, soft_gates=gates.mean_gate(mu), log=log)


def _pressure(
    name: str, network: Network, density: float | None, lam: float, reduction: str
) -> Pressure:
    if density is None:
        return ExpectedL0(network.layout, lam, reduction, network.device)
    kept_count(density, network.layout.total)
    if name == "lagrange":
        return Lagrange(density, network.device)
    return GradBalance.to(density, network.device)
