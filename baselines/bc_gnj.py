"""Bayesian compression with the group normal-Jeffreys prior (Louizos et al. 2017, Section 4.1)."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from baselines.bayesian_compression import START_LOG_VARIANCE, compress
from baselines.sparse_vd import log_alpha, negative_kl
from lottery.core.errors import BadInput
from lottery.core.layout import Layout
from lottery.core.network import Network
from lottery.core.result import Result
from lottery.data.batches import Data
from lottery.search.gates import plan_epochs
from lottery.search.registry import method
from lottery.training.runner import Runner


class NormalJeffreys:
    """q(z_i) = N(mu_i, sigma_i^2) under p(z_i) ~ 1 / |z_i| (Eqs. 4 and 5)."""

    def __init__(self, inputs: Layout, device: torch.device) -> None:
        self._entries = inputs.entries
        self._mu = torch.ones(inputs.total, device=device)
        self._log_sigma2 = torch.full_like(self._mu, START_LOG_VARIANCE)
        self.parameters = {"mu": self._mu, "log_sigma2": self._log_sigma2}

    def draw(self, layer: int, count: int, noise: torch.Generator) -> Tensor:
        mu, log_sigma2 = (p[self._entries[layer].span] for p in self.parameters.values())
        epsilon = torch.empty(count, len(mu), device=mu.device, dtype=mu.dtype)
        return mu + (0.5 * log_sigma2).exp() * epsilon.normal_(generator=noise)

    def negative_kl(self) -> Tensor:
        """The approximation of Eq. 7, which is that of sparse variational dropout."""
        return negative_kl(self.log_dropout()).sum()

    def mean(self) -> Tensor:
        return self._mu

    def log_dropout(self) -> Tensor:
        """log alpha = log(sigma^2 / mu^2)."""
        return log_alpha(self._mu, self._log_sigma2)


def check(density: float | None, options: Mapping[str, Any]) -> None:
    """Check that no density is asked for.

    Raises:
        BadInput: a density target, which whole neurons would miss.
    """
    if density is not None:
        raise BadInput(f"bc_gnj takes no density target, got {density}; its threshold decides")


@method(
    "bc_gnj", own_weights=True, pruned_at="init", sets_density=False, plan=plan_epochs, check=check
)
def bc_gnj(
    network: Network,
    data: Data,
    density: float | None,
    generator: torch.Generator,
    *,
    runner: Runner,
    threshold: float = 0.0,
    first_deviation: float = 0.2,
    lr: float = 1e-2,
    epochs: int = 25,
    warm_up: float = 0.1,
    batch_size: int = 128,
) -> Result:
    """Learn a normal scale for every neuron's input; remove inputs of high log alpha.

    From the paper and its authors' code are the priors and posteriors, the bound on the first
    layer's deviation, posteriors that start narrow, and Adam at batch 128. The paper reads a
    threshold off the histogram of log alpha (its code has -2.8, -3 and -5 for LeNet's layers); one
    threshold for all layers, rate, length and warm-up are ours: docs/cited-methods.md has what was
    tried.

    Args:
        density: None; the threshold decides.
        threshold: on log alpha.
        first_deviation, lr, epochs, warm_up, batch_size: see compress.

    Returns:
        The mask of the neurons that are left, over the posterior means (Eq. 10).

    Raises:
        BadInput: a density target, or a convolution in groups.
        ValueError: rates that are not finite in the end.
    """
    check(density, {})
    return compress(
        network,
        data,
        generator,
        NormalJeffreys,
        runner=runner,
        threshold=threshold,
        first_deviation=first_deviation,
        lr=lr,
        epochs=epochs,
        warm_up=warm_up,
        batch_size=batch_size,
    )
