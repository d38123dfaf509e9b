"""Bayesian compression with the group horseshoe prior (Louizos et al. 2017, Section 4.2)."""

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from baselines.bayesian_compression import START_LOG_VARIANCE, compress
from lottery.core.errors import BadInput
from lottery.core.layout import Layout
from lottery.core.network import Network
from lottery.core.result import Result
from lottery.data.batches import Data
from lottery.search.gates import plan_epochs
from lottery.search.registry import method
from lottery.training.runner import Runner


class Horseshoe:
    """z_i = sqrt(s_a s_b a_i b_i), all factors log-normal under q.

    Under the prior s_a ~ Gamma(1/2, scale tau0^2), s_b ~ inverse Gamma(1/2, 1), a_i ~ Gamma(1/2, 1)
    and b_i ~ inverse Gamma(1/2, 1): a layer's s = sqrt(s_a s_b) is then half-Cauchy of scale tau0,
    and a neuron's sqrt(a_i b_i) half-Cauchy of scale 1.
    """

    def __init__(self, inputs: Layout, device: torch.device, tau0: float) -> None:
        self._entries = inputs.entries
        self._log_tau2 = 2 * math.log(tau0)
        # Rows are the gamma and the inverse gamma factor. A layer starts at tau0, where its prior
        # has it, and every neuron at 1 / tau0 by its second factor, whose tail is long: all scales
        # are 1, and the prior pulls each down with the same small force.
        self._shared = torch.zeros(2, len(inputs.entries), device=device)
        self._shared[0] = self._log_tau2
        self._own = torch.zeros(2, inputs.total, device=device)
        self._own[1] = -self._log_tau2
        self._log_shared = torch.full_like(self._shared, START_LOG_VARIANCE)
        self._log_own = torch.full_like(self._own, START_LOG_VARIANCE)
        sizes = torch.tensor([e.size for e in inputs.entries], device=device)
        self._layer_of = torch.arange(len(sizes), device=device).repeat_interleave(sizes)
        self.parameters = {
            "shared": self._shared,
            "log_shared": self._log_shared,
            "own": self._own,
            "log_own": self._log_own,
        }

    def draw(self, layer: int, count: int, noise: torch.Generator) -> Tensor:
        """The layer's own factor is drawn once for all of its inputs."""
        span, shared = self._entries[layer].span, slice(layer, layer + 1)
        return torch.exp(
            _root(self._own[:, span], self._log_own[:, span], count, noise)
            + _root(self._shared[:, shared], self._log_shared[:, shared], count, noise)
        )

    def negative_kl(self) -> Tensor:
        gamma = gamma_negative_kl(self._own[0], self._log_own[0], 0.0).sum()
        shared = gamma_negative_kl(self._shared[0], self._log_shared[0], self._log_tau2).sum()
        inverse = inverse_gamma_negative_kl(self._own[1], self._log_own[1]).sum()
        shared_inverse = inverse_gamma_negative_kl(self._shared[1], self._log_shared[1]).sum()
        return gamma + shared + inverse + shared_inverse

    def mean(self) -> Tensor:
        mu, sigma2 = self._log_normal()
        return torch.exp(mu + 0.5 * sigma2)

    def log_dropout(self) -> Tensor:
        """The negative logarithm of the mode of z, sigma^2 - mu."""
        mu, sigma2 = self._log_normal()
        return sigma2 - mu

    def _log_normal(self) -> tuple[Tensor, Tensor]:
        """mu and sigma^2 of log z: a root of a product of log-normals is log-normal."""
        mu = 0.5 * (self._own.sum(0) + self._shared.sum(0)[self._layer_of])
        shared = self._log_shared.exp().sum(0)[self._layer_of]
        return mu, 0.25 * (self._log_own.exp().sum(0) + shared)


def _root(mean: Tensor, log_variance: Tensor, count: int, noise: torch.Generator) -> Tensor:
    """Samples of the logarithm of sqrt(a b), a and b log-normal: shape (count, n) from (2, n)."""
    epsilon = torch.empty(count, mean.shape[1], device=mean.device, dtype=mean.dtype)
    deviation = 0.5 * log_variance.exp().sum(0).sqrt()
    return 0.5 * mean.sum(0) + deviation * epsilon.normal_(generator=noise)


def gamma_negative_kl(mean: Tensor, log_variance: Tensor, log_scale: float) -> Tensor:
    """-KL(LN(mean, variance) || Gamma(1/2, scale)) (the paper's supplement, Section B)."""
    expected = torch.exp(mean + 0.5 * log_variance.exp() - log_scale)
    return 0.5 * (mean + log_variance + 1 + math.log(2) - log_scale) - expected


def inverse_gamma_negative_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """-KL(LN(mean, variance) || inverse Gamma(1/2, 1)): that of 1 / z to a gamma distribution."""
    return gamma_negative_kl(-mean, log_variance, 0.0)


def check(density: float | None, options: Mapping[str, Any]) -> None:
    """Check the options, and that no density is asked for.

    Raises:
        BadInput: a density target, which whole neurons would miss, or a scale that is not positive.
    """
    if density is not None:
        raise BadInput(f"bc_ghs takes no density target, got {density}; its threshold decides")
    if not (options["tau0"] > 0 and math.isfinite(options["tau0"])):
        raise BadInput(f"bc_ghs's tau0 must be positive and finite, got {options['tau0']}")


@method(
    "bc_ghs", own_weights=True, pruned_at="init", sets_density=False, plan=plan_epochs, check=check
)
def bc_ghs(
    network: Network,
    data: Data,
    density: float | None,
    generator: torch.Generator,
    *,
    runner: Runner,
    threshold: float = 4.0,
    tau0: float = 1e-5,
    first_deviation: float = 1.0,
    lr: float = 2e-2,
    epochs: int = 25,
    warm_up: float = 0.1,
    batch_size: int = 128,
) -> Result:
    """Learn a log-normal scale for every neuron's input; remove inputs of a mode close to zero.

    From the paper are the prior, the posteriors and the rule; its thresholds are read off
    histograms and not printed. Threshold, start, rate, length and warm-up are ours, and so is that
    the first layer's deviation may be as wide as its prior: docs/cited-methods.md has what was
    tried.

    Args:
        density: None; the threshold decides.
        threshold: on the negative log-mode of a scale.
        tau0: scale of the prior of a layer's own factor.
        first_deviation, lr, epochs, warm_up, batch_size: see compress.

    Returns:
        The mask of the neurons that are left, over the posterior means.

    Raises:
        BadInput: see `check`; or a convolution in groups.
        ValueError: rates that are not finite in the end.
    """
    check(density, {"tau0": tau0})
    return compress(
        network,
        data,
        generator,
        partial(Horseshoe, tau0=tau0),
        runner=runner,
        threshold=threshold,
        first_deviation=first_deviation,
        lr=lr,
        epochs=epochs,
        warm_up=warm_up,
        batch_size=batch_size,
    )
