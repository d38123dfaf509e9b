"""Iterative magnitude pruning and rewinding, on trainings that are made up, and on real ones."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from baselines.iterative_magnitude import iterative_magnitude, level_count, levels, plan
from lottery.core.errors import BadInput
from lottery.core.mask import Mask
from lottery.core.network import Network
from lottery.core.randomness import generator
from lottery.core.result import Result
from lottery.data.batches import Data
from lottery.search.registry import methods
from lottery.training.recipe import Recipe
from lottery.training.runner import Runner
from lottery.training.train import train


@pytest.mark.parametrize("count", range(1, 30))
@pytest.mark.parametrize("rate", [0.2, 0.5358, 0.8])
def test_powers_take_as_many_levels_as_their_exponent(count: int, rate: float) -> None:
    found = list(levels((1 - rate) ** count, rate))
    assert level_count((1 - rate) ** count, rate) == len(found) == count
    assert found == pytest.approx([(1 - rate) ** n for n in range(1, count + 1)], rel=1e-12)
    assert found[-1] == (1 - rate) ** count


@pytest.mark.parametrize(
    ("density", "rate", "expected"),
    [
        (0.5, 0.2, [0.8, 0.64, 0.512, 0.5]),
        (0.9, 0.2, [0.9]),
        (0.79, 0.2, [0.8, 0.79]),
        (0.513, 0.2, [0.8, 0.64, 0.513]),
        (0.1, 0.5, [0.5, 0.25, 0.125, 0.1]),
        (1.0, 0.2, [1.0]),
    ],
)
def test_the_last_level_is_partial_off_the_grid(
    density: float, rate: float, expected: list[float]
) -> None:
    assert list(levels(density, rate)) == pytest.approx(expected)


@given(st.floats(1e-4, 1), st.floats(0.05, 0.95))
@settings(max_examples=100, deadline=None)
def test_no_level_removes_more_than_its_share(density: float, rate: float) -> None:
    found = [1.0, *levels(density, rate)]
    assert found[-1] == density
    for before, after in pairwise(found):
        assert before >= after >= before * (1 - rate) * (1 - 1e-5)


@given(st.floats(1e-3, 0.9), st.floats(1e-3, 0.9), st.floats(0.1, 0.9))
@settings(max_examples=50, deadline=None)
def test_densities_of_a_chain_share_their_levels(one: float, other: float, rate: float) -> None:
    shorter, longer = sorted((list(levels(one, rate)), list(levels(other, rate))), key=len)
    assert shorter[:-1] == longer[: len(shorter) - 1]


@pytest.mark.parametrize("rate", [0, 1, -0.1, 1.5, math.nan])
def test_impossible_rates_are_refused(rate: float) -> None:
    with pytest.raises(ValueError, match=rf"pruning_rate {rate} is outside \(0, 1\)"):
        list(levels(0.5, rate))


def test_the_plan_is_a_training_a_level() -> None:
    recipe = Recipe(epochs=20, rewind_epochs=2)
    options = {"pruning_rate": 0.2}
    assert plan(recipe, 2, 0.8**3, options) == {"level 0": 18, "level 1": 18, "level 2": 18}
    assert plan(recipe, 0, 0.8, options) == {"level 0": 20}


class MadeUp(Runner):
    """A runner whose trainings end at weights given in advance; remembers what was trained."""

    def __init__(self, data: Data, *ends: list[float]) -> None:
        super().__init__(data, Recipe(), 0)
        self.ends = [torch.tensor(end) for end in ends]
        self.trained: list[list[int]] = []
        self.starts: list[Tensor] = []

    def train(self, network: Network, mask: Mask) -> Network:
        self.starts.append(network.weights.clone())
        self.trained.append(mask.keep.int().tolist())
        return network.at(self.ends[len(self.trained) - 1] * mask.keep)


@pytest.fixture
def ten() -> Network:
    """Ten prunable weights, 0 to 9."""
    return Network(nn.Sequential(nn.Linear(5, 2, bias=False))).at(torch.arange(10.0))


def draw(network: Network, runner: Runner, density: float, rate: float) -> Result:
    return iterative_magnitude(
        network, runner.data, density, generator(0), runner=runner, pruning_rate=rate
    )


def test_three_levels_by_hand(ten: Network, digits: Data) -> None:
    runner = MadeUp(
        digits,
        [-9, 8, -7, 6, -5, 4, -3, 2, -1, 0.5],  # keeps the 7 largest magnitudes: 0 to 6
        [1, 2, 3, 9, -9, 9, -9, 99, 99, 99],  # of these 5: 2 to 6; 7 to 9 do not come back
        [99, 99, -0.1, 0.2, -0.3, 0.25, 0.15, 9, 9, 9],  # of these 4: 3 to 6
    )
    # 0.7 * 10; 0.49 * 10, rounded; then not 0.343 but 0.4 * 10.
    found = draw(ten, runner, 0.4, 0.3)
    assert runner.trained == [
        [1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
        [1, 1, 1, 1, 1, 1, 1, 0, 0, 0],
        [0, 0, 1, 1, 1, 1, 1, 0, 0, 0],
    ]
    assert found.mask.keep.int().tolist() == [0, 0, 0, 1, 1, 1, 1, 0, 0, 0]
    # Every level starts from the network's own weights, not from where the last one ended.
    assert all(torch.equal(start, torch.arange(10.0)) for start in runner.starts)


def test_a_pruned_weight_does_not_come_back_where_the_kept_are_zero(
    ten: Network, digits: Data
) -> None:
    runner = MadeUp(digits, [0.1, 0, 0, 0, 0, 1, 1, 1, 1, 1], [0.0] * 10)
    found = draw(ten, runner, 0.25, 0.5)
    assert runner.trained[1] == [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]
    # All magnitudes are zero: of those that are left, the first two are kept.
    assert found.mask.keep.int().tolist() == [0, 0, 0, 0, 0, 1, 1, 0, 0, 0]


def test_there_are_no_scores_to_invert(ten: Network, digits: Data) -> None:
    """What earlier levels pruned is all zero, so its order would be that of the tie-breaking."""
    assert draw(ten, MadeUp(digits, [-9, 8, -7, 6, -5, 4, -3, 2, -1, 0.5]), 0.5, 0.5).scores is None


@pytest.mark.parametrize("density", [0, 1.5, -1, math.nan, 0.01])
def test_an_invalid_density_is_refused_before_training(
    ten: Network, digits: Data, density: float
) -> None:
    runner = MadeUp(digits)
    with pytest.raises(BadInput, match=f"density {density} "):
        draw(ten, runner, density, 0.2)
    assert runner.trained == []


# 8 steps, rewinding to the second.
RECIPE = Recipe(epochs=2, rewind_epochs=0.5, batch_size=64, replicas=1, gradient="mean_clipped")


def test_masks_of_one_chain_are_nested(tiny: Network, digits: Data) -> None:
    def keep(density: float) -> Tensor:
        mask = draw(tiny, Runner(digits, RECIPE, 0), density, 0.2).mask
        assert mask.kept == round(density * 436)
        return mask.keep

    for level in range(1, 5):
        before, after = keep(0.8 ** (level - 1)), keep(0.8**level)
        between = keep(0.9 * 0.8 ** (level - 1))  # ranked by the same training as `after`
        assert not (after & ~between).any()
        assert not (between & ~before).any()


def test_levels_train_from_the_rewind_point_to_the_end(tiny: Network, digits: Data) -> None:
    """One level of LTR, from the training itself."""
    start = train(tiny, Mask.full(tiny.layout), digits, RECIPE, 0, range(2))
    found = draw(start, Runner(digits, RECIPE, 0, start_step=2), 0.8, 0.2)
    end = train(start, Mask.full(tiny.layout), digits, RECIPE, 0, range(2, 8))
    threshold = end.weights.abs().sort().values[436 - round(0.8 * 436)]
    assert torch.equal(found.mask.keep, end.weights.abs() >= threshold)


def test_both_names_are_the_same_draw_at_other_points() -> None:
    imp, ltr = methods["imp"], methods["ltr"]
    assert imp.draw is ltr.draw is iterative_magnitude
    assert (imp.pruned_at, ltr.pruned_at) == ("init", "rewind")
    assert ltr.options == {"pruning_rate": 0.2}
