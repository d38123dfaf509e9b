"""Sparsity pressures: what is added to the objective's gradient so that gates close."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from lottery.core.errors import check_name
from lottery.core.layout import Layout
from lottery.search.relaxations import Relaxation


class Pressure(Protocol):
    """`strength` is the multiplier lambda, a tensor that the pressure updates in place."""

    strength: Tensor

    def add_to(
        self, gradient: Tensor, relaxation: Relaxation, parameter: Tensor, norm: Tensor
    ) -> None:
        """Add the sparsity term's gradient to the objective's, in place.

        Args:
            gradient: the objective's by the gate parameter, shape (d,), averaged over a batch's
                parts.
            parameter: of the relaxation's gates, shape (d,).
            norm: of the gradient of a single part, averaged over the parts.
        """

    def set_rate(self, factor: float) -> None:
        """Told the factor on the search's learning rate at every step; most have no use for it."""
        return None


class Constraint(Pressure, ABC):
    """A pressure that looks at all gates together."""

    strength: Tensor

    def add_to(
        self, gradient: Tensor, relaxation: Relaxation, parameter: Tensor, norm: Tensor
    ) -> None:
        gradient += self.gradient(*relaxation.keep(parameter), gradient, norm)

    @abstractmethod
    def gradient(
        self, keep: Tensor, keep_gradient: Tensor, objective: Tensor, norm: Tensor
    ) -> Tensor:
        """The sparsity term's share of the gradient.

        Args:
            keep: P(gate != 0), shape (d,).
            keep_gradient: its derivative by the gate parameter, shape (d,).
            objective: the objective's gradient by the gate parameter, shape (d,).
            norm: see `add_to`.

        Returns:
            What to add to `objective`, shape (d,).
        """


REDUCTIONS = ("mean", "sum_of_layer_means")


class ExpectedL0(Pressure):
    """lambda times the expected fraction of open gates (CRBG Section III).

    The paper prints a sum over gates; with it lambda = 0.1 prunes everything in the first epoch,
    so lambda multiplies a mean here: over all gates, or the sum of the per-layer means.
    """

    def __init__(self, layout: Layout, lam: float, reduction: str, device: torch.device) -> None:
        check_name("pressure_reduction", reduction, REDUCTIONS)
        self.strength = torch.tensor(float(lam), device=device)
        self._shares = [
            (entry.span, 1 / (layout.total if reduction == "mean" else entry.size))
            for entry in layout.entries
        ]

    def add_to(
        self, gradient: Tensor, relaxation: Relaxation, parameter: Tensor, norm: Tensor
    ) -> None:
        # Tensor by tensor: a large network has no room for another vector of length d.
        for span, share in self._shares:
            open_ = relaxation.keep_gradient(parameter[span])
            gradient[span].addcmul_(open_, self.strength, value=share)


def sparsity_constraint(
    keep: Tensor, keep_gradient: Tensor, density: float
) -> tuple[Tensor, Tensor]:
    """E|m|_0 / (density d) - 1 (CTS Eq. 10), and its gradient by the gate parameter, shape (d,)."""
    scale = 1 / (density * keep.numel())
    return keep.sum() * scale - 1, keep_gradient * scale


class Lagrange(Constraint):
    """Algorithm 1 of CTS: lambda is a variable too, and climbs the constraint that it multiplies.

    Args:
        density: kappa, the density that the constraint asks for.
        lr: step size of lambda's gradient ascent, which starts at 0. The paper tunes it. It falls
            with the search's learning rate.
    """

    def __init__(self, density: float, device: torch.device, *, lr: float = 0.1) -> None:
        self._density, self._full_lr = density, lr
        self._lr = torch.tensor(lr, device=device)
        self.strength = torch.zeros((), device=device)

    def set_rate(self, factor: float) -> None:
        self._lr.fill_(self._full_lr * factor)

    def gradient(
        self, keep: Tensor, keep_gradient: Tensor, objective: Tensor, norm: Tensor
    ) -> Tensor:
        sparsity, g_sparsity = sparsity_constraint(keep, keep_gradient, self._density)
        pressure = self.strength * g_sparsity
        self.strength += self._lr * sparsity
        return pressure


@dataclass
class GradBalance(Constraint):
    """Algorithm 2 of CTS: the constraint's gradient is brought to the norm of the objective's.

    Args:
        density: kappa_eff, the density that the constraint asks for (1.1 kappa in the paper).
        eta: smoothing of lambda, which starts at 0 (Algorithm 3).
        by_part: whether the norm is a single part's, averaged over the batch's parts as in the
            authors' code, or that of the averaged gradient.
    """

    density: float
    eta: float
    strength: Tensor
    by_part: bool = True

    def gradient(
        self, keep: Tensor, keep_gradient: Tensor, objective: Tensor, norm: Tensor
    ) -> Tensor:
        sparsity, g_sparsity = sparsity_constraint(keep, keep_gradient, self.density)
        norm = norm if self.by_part else objective.norm()
        target = norm / g_sparsity.norm().clamp_min(1e-30)
        target = torch.where(sparsity > 0, target, 0.0)  # one-sided: lines 4 to 8
        self.strength.copy_(self.eta * self.strength + (1 - self.eta) * target)
        return self.strength * g_sparsity

    @classmethod
    def to(
        cls,
        density: float,
        device: torch.device,
        *,
        slack: float = 1.1,
        eta: float = 0.99,
        by_part: bool = True,
    ) -> "GradBalance":
        """For a ticket of a given density: the constraint asks for `slack` times as much."""
        return cls(min(slack * density, 1.0), eta, torch.zeros((), device=device), by_part)
