"""Statistics over seeds, against independent formulas."""

import math

import numpy as np
import pytest
from scipy import stats

from benchmarks.judge.statistics import (
    MOST_SEEDS,
    POWER,
    hochberg,
    paired,
    paired_p,
    power,
    seeds_needed,
)
from lottery.core.summary import interval, least_difference


def test_interval_by_hand() -> None:
    mean, low, high = interval([90.0, 92.0, 94.0])
    half = 4.302652729911275 * 2.0 / math.sqrt(3)  # t at 97.5% with 2 degrees of freedom
    assert (mean, low, high) == pytest.approx((92.0, 92.0 - half, 92.0 + half))


def test_one_seed_has_no_interval() -> None:
    mean, low, high = interval([90.0])
    assert mean == 90.0
    assert math.isnan(low)
    assert math.isnan(high)


def test_the_paired_test_is_scipys() -> None:
    mine, theirs = [90.0, 91.5, 92.0], [88.0, 91.0, 89.5]
    differences = [*paired(dict(enumerate(mine)), dict(enumerate(theirs))).values()]
    assert differences == pytest.approx([2.0, 0.5, 2.5])
    expected = stats.ttest_rel(mine, theirs)
    assert paired_p(differences, "two-sided") == pytest.approx(float(expected.pvalue))
    assert paired_p(differences, "greater") == pytest.approx(float(expected.pvalue) / 2)


@pytest.mark.parametrize("differences", [[], [1.0], [1.0, 1.0, 1.0], [0.0, 0.0]])
def test_where_the_test_is_not_defined(differences: list[float]) -> None:
    assert math.isnan(paired_p(differences, "two-sided"))


def test_equal_differences_stay_equal_in_floating_point() -> None:
    mine, theirs = {0: 97.5, 1: 0.3}, {0: 97.3, 1: 0.1}
    assert mine[0] - theirs[0] != mine[1] - theirs[1]
    assert paired(mine, theirs) == {0: 0.2, 1: 0.2}


def test_the_least_difference_is_where_the_strictest_p_value_is_the_level() -> None:
    least = least_difference(5, 12)
    values = [least + z for z in (-1.0, -1.0, 0.0, 1.0, 1.0)]  # standard deviation 1
    assert 12 * paired_p(values, "two-sided") == pytest.approx(0.05)
    assert least_difference(1, 12) == math.inf


def test_hochberg_by_hand() -> None:
    corrected = hochberg({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.5})
    # 0.5 * 1, 0.04 * 2, 0.03 * 3 no more than that, 0.01 * 4
    assert corrected == pytest.approx({"d": 0.5, "b": 0.08, "c": 0.08, "a": 0.04})
    assert hochberg({"a": 0.04, "b": 0.03}) == pytest.approx({"a": 0.04, "b": 0.04})
    assert hochberg({}) == {}


@pytest.mark.parametrize(
    ("effect", "seeds", "level"), [(0.0, 3, 0.05), (1.0, 5, 0.05), (4, 3, 0.01)]
)
def test_power_is_the_share_of_samples_that_are_told(
    effect: float, seeds: int, level: float
) -> None:
    samples = np.random.default_rng(0).normal(effect, 1, (20_000, seeds))
    told = np.asarray(stats.ttest_1samp(samples, 0, axis=1).pvalue) < level
    assert power(effect, seeds, level) == pytest.approx(told.mean(), abs=0.01)
    assert power(-effect, seeds, level) == pytest.approx(power(effect, seeds, level))


def test_the_number_of_seeds_is_the_first_that_is_enough() -> None:
    seeds = seeds_needed(1.5, 0.01)
    assert power(1.5, seeds, 0.01) >= POWER > power(1.5, seeds - 1, 0.01)
    assert seeds_needed(-1.5, 0.01) == seeds
    assert seeds_needed(0.0) == MOST_SEEDS + 1
    assert seeds_needed(1e6) == 2
