"""Relaxations of binary gates: from a real parameter per weight to a differentiable gate.

A relaxation is two functions over a flat parameter of shape (d,): `sample` draws gates, `keep`
gives P(gate != 0) and its derivative, which sparsity pressures need in closed form.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from lottery.layout import Layout
from lottery.mask import Mask


class Relaxation(Protocol):
    def sample(self, parameter: Tensor, generator: torch.Generator) -> Tensor:
        """Gates, shape (d,), differentiable in the parameter."""

    def keep(self, parameter: Tensor) -> tuple[Tensor, Tensor]:
        """P(gate != 0) and its derivative by the parameter, each of shape (d,), without graph."""


@dataclass(frozen=True)
class Concrete:
    """Binary concrete gates, sigmoid((logit + noise) / tau) with logistic noise (CTS Eq. 8)."""

    tau: float = 2 / 3

    def sample(self, parameter: Tensor, generator: torch.Generator) -> Tensor:
        uniform = torch.empty_like(parameter).uniform_(1e-7, 1 - 1e-7, generator=generator)
        return torch.sigmoid((parameter + torch.logit(uniform)) / self.tau)

    @torch.no_grad()
    def keep(self, parameter: Tensor) -> tuple[Tensor, Tensor]:
        alpha = torch.sigmoid(parameter)
        return alpha, alpha * (1 - alpha)


@dataclass(frozen=True)
class GaussianHardSigmoid:
    """Stochastic gates, clip(mu + N(0, sigma^2), 0, 1) (CRBG Section III)."""

    sigma: float = 0.5

    def sample(self, parameter: Tensor, generator: torch.Generator) -> Tensor:
        noise = torch.empty_like(parameter).normal_(0, self.sigma, generator=generator)
        return (parameter + noise).clamp(0, 1)

    @torch.no_grad()
    def keep(self, parameter: Tensor) -> tuple[Tensor, Tensor]:
        z = parameter / self.sigma
        density = torch.exp(-0.5 * z**2) / (self.sigma * math.sqrt(2 * math.pi))
        return torch.special.ndtr(z), density


@dataclass(frozen=True)
class StraightThroughTopK:
    """Keep the highest |score| of every layer; the gradient passes straight through to the score.

    Edge-popup (Ramanujan et al. 2020, Section 3.2). `density` is the fraction kept, which its
    public code calls "prune_rate".
    """

    layout: Layout
    density: float

    def sample(self, parameter: Tensor, generator: torch.Generator) -> Tensor:
        scores = parameter.abs()
        gates = Mask.top_per_layer(self.layout, scores.detach(), self.density).keep
        # Value of the mask, gradient of |score|.
        return gates.float() + scores - scores.detach()

    @torch.no_grad()
    def keep(self, parameter: Tensor) -> tuple[Tensor, Tensor]:
        gates = Mask.top_per_layer(self.layout, parameter.abs(), self.density).keep
        return gates.float(), torch.zeros_like(parameter)
