"""Iterative magnitude pruning (IMP) and lottery ticket rewinding (LTR)."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from lottery.core.mask import Mask, kept_count
from lottery.core.network import Network
from lottery.core.result import Result
from lottery.data.batches import Data
from lottery.search.registry import method
from lottery.training.recipe import Recipe
from lottery.training.runner import Runner


def levels(density: float, pruning_rate: float) -> Iterator[float]:
    """Densities after each level, from one level on down to `density`, the last one partial.

    Raises:
        ValueError: a pruning rate outside (0, 1).
    """
    if not 0 < pruning_rate < 1:
        raise ValueError(f"pruning_rate {pruning_rate} is outside (0, 1)")
    for level in range(1, level_count(density, pruning_rate)):
        yield (1 - pruning_rate) ** level
    yield density


def level_count(density: float, pruning_rate: float) -> int:
    """How many times the network is trained and pruned to reach a density."""
    # Grid densities are powers that floating point reaches only nearly.
    return max(1, math.ceil(math.log(density) / math.log(1 - pruning_rate) - 1e-6))


def plan(
    recipe: Recipe, start: float, density: float | None, options: Mapping[str, Any]
) -> dict[str, float]:
    """One training a level; the levels are shared by all densities."""
    count = level_count(density or 1.0, options["pruning_rate"])
    return {f"level {level}": recipe.epochs - start for level in range(count)}


@method("imp", pruned_at="init", plan=plan)
@method("ltr", pruned_at="rewind", plan=plan)
def iterative_magnitude(
    network: Network,
    data: Data,
    density: float,
    generator: torch.Generator,
    *,
    runner: Runner,
    pruning_rate: float = 0.2,
) -> Result:
    """Train, prune globally by magnitude, go back to where `network` is; until the density is met.

    At initialisation this is IMP (Frankle & Carbin 2019, Section 2, strategy with global pruning);
    at step k it is LTR (Frankle et al. 2020, Algorithm 2): weights go back to step k, the
    optimiser starts fresh and the schedule continues from step k. Every density of one seed goes
    through the same levels, so a runner that remembers trainings trains each level once.

    Args:
        pruning_rate: share of the remaining weights that a level removes.

    Raises:
        ValueError: a pruning rate outside (0, 1).
        BadInput: an invalid density, or one that keeps no weight.
    """
    kept_count(density, network.layout.total)
    mask = Mask.full(network.layout, network.device)
    for level in levels(density, pruning_rate):
        magnitudes = runner.train(network, mask).weights.abs()
        mask = Mask.top(network.layout, magnitudes, level, within=mask)
    # No scores: what earlier levels pruned has no order, so there is nothing to invert.
    return Result(mask)
