"""Relaxations of binary gates: from a real parameter per weight to a differentiable gate.

A relaxation is functions over a flat parameter of shape (d,): `sample` draws gates, `keep` gives
P(gate != 0) and its derivative, which sparsity pressures need in closed form, and `mean_gate` the
gates without noise.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from lottery.core.layout import Layout
from lottery.core.mask import Mask, kept_count, layer_count, top_k_of_numbers


class Relaxation(Protocol):
    def sample(self, parameter: Tensor, generator: torch.Generator) -> Tensor:
        """Gates, shape (d,), differentiable in the parameter."""

    def fill(self, gates: Tensor, parameter: Tensor, generator: torch.Generator) -> None:
        """`sample` into a given vector, without graph."""
        gates.copy_(self.sample(parameter, generator))

    def keep(self, parameter: Tensor) -> tuple[Tensor, Tensor]:
        """P(gate != 0) and its derivative by the parameter, each of shape (d,), without graph."""

    def keep_gradient(self, parameter: Tensor) -> Tensor:
        """The second of `keep` alone."""
        return self.keep(parameter)[1]

    def mean_gate(self, parameter: Tensor) -> Tensor:
        """The gates without noise, shape (d,), without graph."""


@dataclass(frozen=True)
class Concrete(Relaxation):
    """Binary concrete gates with logistic noise (CTS Eq. 8), in one of two forms.

    sigmoid(logit + noise / tau), as in the CTS authors' code: tau divides the noise alone, and more
    gates are drawn open than `keep`, which is sigmoid(logit), says. Or, without `noise_alone`, as
    the paper prints it: sigmoid((logit + noise) / tau).
    """

    tau: float = 2 / 3
    noise_alone: bool = True

    def sample(self, parameter: Tensor, generator: torch.Generator) -> Tensor:
        uniform = torch.empty_like(parameter).uniform_(1e-7, 1 - 1e-7, generator=generator)
        noise = torch.logit(uniform)
        if self.noise_alone:
            return torch.sigmoid(parameter + noise / self.tau)
        return torch.sigmoid((parameter + noise) / self.tau)

    @torch.no_grad()
    def keep(self, parameter: Tensor) -> tuple[Tensor, Tensor]:
        alpha = torch.sigmoid(parameter)
        return alpha, alpha * (1 - alpha)

    @torch.no_grad()
    def mean_gate(self, parameter: Tensor) -> Tensor:
        return torch.sigmoid(parameter if self.noise_alone else parameter / self.tau)


@dataclass(frozen=True)
class GaussianHardSigmoid(Relaxation):
    """Stochastic gates, clip(mu + N(0, sigma^2), 0, 1) (CRBG Section III)."""

    sigma: float = 0.5

    def sample(self, parameter: Tensor, generator: torch.Generator) -> Tensor:
        noise = torch.empty_like(parameter).normal_(0, self.sigma, generator=generator)
        return (parameter + noise).clamp(0, 1)

    @torch.no_grad()
    def fill(self, gates: Tensor, parameter: Tensor, generator: torch.Generator) -> None:
        gates.normal_(0, self.sigma, generator=generator).add_(parameter).clamp_(0, 1)

    @torch.no_grad()
    def keep(self, parameter: Tensor) -> tuple[Tensor, Tensor]:
        return torch.special.ndtr(parameter / self.sigma), self.keep_gradient(parameter)

    @torch.no_grad()
    def keep_gradient(self, parameter: Tensor) -> Tensor:
        # The normal density at mu, made in one new vector. Below e^-60 nothing moves any more, and
        # a CPU takes a hundred times as long for numbers too small to be normal.
        scale = 1 / (self.sigma * math.sqrt(2 * math.pi))
        return parameter.square().mul_(-0.5 / self.sigma**2).clamp_min_(-60).exp_().mul_(scale)

    @torch.no_grad()
    def mean_gate(self, parameter: Tensor) -> Tensor:
        return parameter.clamp(0, 1)


@dataclass(frozen=True)
class HardConcrete(Relaxation):
    """Concrete gates stretched to (low, high) and clipped to [0, 1] (Louizos et al. 2018, Eq. 11).

    Unlike Concrete they reach 0 and 1 with positive probability.
    """

    tau: float = 2 / 3
    low: float = -0.1
    high: float = 1.1

    def sample(self, parameter: Tensor, generator: torch.Generator) -> Tensor:
        concrete = Concrete(self.tau, noise_alone=False)
        return self._stretched(concrete.sample(parameter, generator))

    @torch.no_grad()
    def keep(self, parameter: Tensor) -> tuple[Tensor, Tensor]:
        p = torch.sigmoid(parameter - self.shift)  # Eq. 12
        return p, p * (1 - p)

    @property
    def shift(self) -> float:
        """tau log(-low / high): the logit of P(gate != 0) is the parameter minus this."""
        return self.tau * math.log(-self.low / self.high)

    @torch.no_grad()
    def mean_gate(self, parameter: Tensor) -> Tensor:
        """Eq. 13."""
        return self._stretched(torch.sigmoid(parameter))

    def _stretched(self, s: Tensor) -> Tensor:
        return (s * (self.high - self.low) + self.low).clamp(0, 1)


@dataclass(frozen=True)
class StraightThroughTopK(Relaxation):
    """Keep the highest |score|; the gradient passes straight through to the score.

    Edge-popup (Ramanujan et al. 2020, Section 3.2). `density` is the fraction kept, which its
    public code calls "prune_rate".
    """

    layout: Layout
    density: float
    per_layer: bool = True

    def sample(self, parameter: Tensor, generator: torch.Generator) -> Tensor:
        scores = parameter.abs()
        # Value of the mask, exactly, as the difference is zero; gradient of |score|.
        return self._highest(scores.detach()).float() + (scores - scores.detach())

    @torch.no_grad()
    def keep(self, parameter: Tensor) -> tuple[Tensor, Tensor]:
        return self.mean_gate(parameter), torch.zeros_like(parameter)

    @torch.no_grad()
    def mean_gate(self, parameter: Tensor) -> Tensor:
        return self.mask(parameter.abs()).keep.float()

    def mask(self, scores: Tensor) -> Mask:
        """The mask of the highest scores, shape (d,)."""
        top = Mask.top_per_layer if self.per_layer else Mask.top
        return top(self.layout, scores, self.density)

    def _highest(self, scores: Tensor) -> Tensor:
        """What `mask` keeps, shape (d,), without its checks at every step."""
        if not self.per_layer:
            return top_k_of_numbers(scores, kept_count(self.density, self.layout.total))
        parts = [
            top_k_of_numbers(scores[e.span], layer_count(self.density, e.size))
            for e in self.layout.entries
        ]
        return torch.cat(parts)


@dataclass(frozen=True)
class StraightThroughRounding(Relaxation):
    """Round scores in [0, 1], those frozen at zero aside; the gradient passes straight through.

    Gem-Miner (Sreenivasan et al. 2022, Algorithm 1). `alive`, shape (d,), is 1 where a weight is
    not frozen; the method changes it in place.
    """

    alive: Tensor

    def sample(self, parameter: Tensor, generator: torch.Generator) -> Tensor:
        rounded = (parameter >= 0.5).float()
        return (rounded + (parameter - parameter.detach())) * self.alive

    @torch.no_grad()
    def keep(self, parameter: Tensor) -> tuple[Tensor, Tensor]:
        return self.mean_gate(parameter), torch.zeros_like(parameter)

    @torch.no_grad()
    def mean_gate(self, parameter: Tensor) -> Tensor:
        return (parameter >= 0.5).float() * self.alive
