"""The baselines that only rank: dense, random and magnitude."""

import math
from typing import Any

import pytest
import torch

from baselines.dense import dense
from baselines.magnitude import magnitude
from baselines.random import random
from lottery.core.network import Network
from lottery.core.randomness import generator
from lottery.data.batches import Data
from lottery.search.registry import methods


def test_dense_keeps_everything(tiny: Network, digits: Data) -> None:
    scores = dense(tiny, digits, 1.0, generator(0))
    assert scores.tolist() == [1.0] * 436


@pytest.mark.parametrize("density", [0.5, 0, 1.1, math.nan])
def test_dense_has_no_other_density(tiny: Network, digits: Data, density: float) -> None:
    with pytest.raises(ValueError, match=f"dense network has density 1, not {density}"):
        dense(tiny, digits, density, generator(0))


def test_magnitude_keeps_the_largest_whatever_their_sign(tiny: Network, digits: Data) -> None:
    weights = torch.linspace(-1, 1, 436).roll(57)
    found = magnitude(tiny.at(weights), digits, 0.3, generator(0))
    largest = sorted(range(436), key=lambda i: (-abs(weights[i].item()), i))[: round(0.3 * 436)]
    assert found.mask.keep.nonzero().flatten().tolist() == sorted(largest)
    kept = weights[found.mask.keep]
    assert (kept < 0).sum() > 50
    assert (kept > 0).sum() > 50
    assert methods["magnitude"].pruned_at == "rewind"


def test_random_scores_are_uniform(tiny: Network, digits: Data) -> None:
    def keeps(seed: int) -> Any:
        return random(tiny, digits, 0.3, generator(seed)).mask.keep

    counts = torch.stack([keeps(seed) for seed in range(200)]).float().mean(0)
    # 200 draws of probability 0.3: standard deviation 0.032 for each of the weights.
    assert abs(counts.mean() - 0.3) < 0.001
    assert (abs(counts - 0.3) < 5 * 0.0324).all()
    assert counts.std() > 0.5 * 0.0324
    assert torch.equal(keeps(0), keeps(0))
    assert not torch.equal(keeps(0), keeps(1))
    assert methods["random"].pruned_at == "init"
