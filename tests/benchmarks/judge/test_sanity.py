"""The criterion of the sanity checks."""

import math

import pytest
from scipy import stats

from benchmarks.judge.sanity import check
from benchmarks.judge.statistics import FEW


def test_a_clear_winner_passes() -> None:
    ticket = {0: 80.0, 1: 81.0, 2: 79.5}
    found = check(
        ticket,
        {"shuffle": {0: 60.0, 1: 61.5, 2: 59.0}, "invert": {0: 10.0, 1: 12.0, 2: 9.0}},
    )
    assert found.passes == "yes"
    assert found.gains == pytest.approx({"shuffle": 20.0, "invert": 69.8333}, abs=1e-3)


def test_one_ablation_that_is_as_good_fails_the_whole() -> None:
    ticket = {0: 80.0, 1: 81.0, 2: 79.5}
    found = check(
        ticket, {"shuffle": {0: 80.5, 1: 80.0, 2: 79.6}, "invert": {0: 10.0, 1: 12.0, 2: 9.0}}
    )
    assert found.passes == "indistinguishable", "it is ahead by a little"
    assert found.p_values["invert"] < 0.05 < found.p_values["shuffle"]
    level = {seed: accuracy + 0.5 for seed, accuracy in ticket.items()}
    assert check(ticket, {"shuffle": level, "invert": {0: 10.0, 1: 12.0, 2: 9.0}}).passes == "no"


def test_every_gain_passes_by_itself() -> None:
    """A claim about all ablations needs no correction for their number."""
    others = {name: {0: -3.0, 1: -4.0, 2: -6.0} for name in ("shuffle", "reinit", "invert")}
    found = check(dict.fromkeys(range(3), 0.0), others)
    assert found.p_values == pytest.approx(dict.fromkeys(others, 0.0195), abs=1e-4)
    assert found.passes == "yes"


def test_the_test_is_one_sided_and_paired() -> None:
    ticket, other = {0: 50.0, 1: 70.0, 2: 90.0}, {0: 48.0, 1: 68.5, 2: 87.0}
    differences = [2.0, 1.5, 3.0]
    mean = sum(differences) / 3
    spread = math.sqrt(sum((d - mean) ** 2 for d in differences) / 2)
    t = mean / (spread / math.sqrt(3))
    found = check(ticket, {"shuffle": other})
    assert found.p_values["shuffle"] == pytest.approx(float(stats.t.sf(t, 2)))
    assert found.passes == "yes"
    assert check(other, {"shuffle": ticket}).passes == "no"


@pytest.mark.parametrize("seeds", [[], [0]])
def test_too_few_seeds_needed(seeds: list[int]) -> None:
    assert check(dict.fromkeys(seeds, 90.0), {"invert": {0: 10.0}}).passes == FEW


def test_only_common_seeds_are_compared() -> None:
    found = check({0: 90.0, 1: 91.0, 2: 10.0}, {"invert": {0: 50.0, 1: 52.0, 9: 99.0}})
    assert found.gains == {"invert": 39.5}
    assert found.passes == "yes"


def test_differences_without_spread() -> None:
    assert check({0: 90.0, 1: 91.0}, {"invert": {0: 80.0, 1: 81.0}}).passes == FEW
    assert check({0: 90.0, 1: 91.0}, {"invert": {0: 90.0, 1: 91.0}}).passes == "no"


def test_differences_that_are_equal_but_for_floating_point_are_no_spread() -> None:
    ticket, shuffled = {0: 90.3, 1: 80.3, 2: 0.3}, {0: 90.2, 1: 80.2, 2: 0.2}
    assert len({ticket[seed] - shuffled[seed] for seed in ticket}) > 1
    assert check(ticket, {"shuffle_layerwise": shuffled}).passes == FEW


def test_an_ablation_that_was_not_run_has_no_gain() -> None:
    found = check({0: 90.0, 1: 91.0}, {"invert": {}, "shuffle_layerwise": {0: 80.0}})
    assert found.passes == FEW
    assert found.gains == {"shuffle_layerwise": 10.0}
