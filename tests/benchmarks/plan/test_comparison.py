"""Comparisons are frozen."""

from dataclasses import replace

import pytest

from benchmarks.plan.comparison import Candidate, comparison_names, get_comparison
from benchmarks.plan.presets import get_preset
from benchmarks.plan.suites import cells_of, get_suite
from benchmarks.run.methods import methods
from lottery.core.errors import UnknownName

# Of all cells, baselines and a stand-in for the new method, by comparison and preset. A comparison
# that is changed makes results that cannot be compared: make a new version instead.
FROZEN = {
    ("trained-tickets-3", "demo"): "a5929e503ee79791",
    ("trained-tickets-3", "quick"): "d27c2f7a2f304e79",
    ("trained-tickets-3", "paper"): "7b4b3263e9856b13",
}
MINE = Candidate("mine", "init", "abc")


def test_no_comparison_has_changed() -> None:
    found = {
        (name, preset): comparison.fingerprint(comparison.preset(preset))
        for name in comparison_names()
        for comparison in [get_comparison(name)]
        for preset in comparison.presets
    }
    assert found == FROZEN


def test_a_fingerprint_is_of_all_that_is_asked() -> None:
    comparison = get_comparison("trained-tickets-3")
    demo = comparison.preset("demo")
    found = {
        comparison.fingerprint(demo),
        comparison.fingerprint(replace(demo, seeds=(0, 1))),
        comparison.fingerprint(replace(demo, grid={"resnet20": [8, 14]})),
        replace(comparison, baselines=comparison.baselines[1:]).fingerprint(demo),
    }
    assert len(found) == 4


@pytest.mark.parametrize("name", comparison_names())
def test_baselines_are_as_they_are_registered(name: str) -> None:
    comparison = get_comparison(name)
    for baseline in comparison.baselines:
        method = methods[baseline.method]
        assert method.changed(baseline.options) == baseline.options
        assert (method.strong, method.own_weights) == (False, False)
        if baseline.method not in ("random", "magnitude"):
            assert baseline.pruned_at == method.pruned_at


def test_the_demo_shares_its_baselines_with_the_suite() -> None:
    comparison = get_comparison("trained-tickets-3")
    suite = "sparsity-accuracy"
    shared = {c.key for c in cells_of(get_suite(suite, get_preset("demo").for_suite(suite)), [0])}
    cells = cells_of(comparison.blocks(comparison.preset("demo"), MINE), [0])
    baselines = {cell.key for cell in cells if cell.method != "mine"}
    assert len(baselines) == 15
    assert baselines <= shared


def test_the_candidate_differs_from_baselines_in_its_method_alone() -> None:
    comparison = get_comparison("trained-tickets-3")
    cells = cells_of(comparison.blocks(comparison.preset("demo"), MINE), [1])
    (mine,) = {cell for cell in cells if cell.method == "mine" and cell.density == 0.8**14
               and cell.ablation == "none"}  # fmt: skip
    snip = next(c for c in cells if c.method == "snip" and c.density == 0.8**14)
    different = {"method", "source"}
    for name, value in mine.identity().items():
        assert name in different or snip.identity()[name] == value
    assert {c.ablation for c in cells if c.method == "mine"} == {
        *("none", "shuffle_layerwise", "reinitialise", "invert")
    }


def test_a_method_that_draws_at_the_rewind_point_is_not_reinitialised() -> None:
    comparison = get_comparison("trained-tickets-3")
    blocks = comparison.blocks(comparison.preset("demo"), Candidate("mine", "rewind", "abc"))
    mine = [cell for cell in cells_of(blocks, [0]) if cell.method == "mine"]
    assert {cell.ablation for cell in mine} == {"none", "shuffle_layerwise", "invert"}


def test_a_baseline_compared_with_itself_is_there_once() -> None:
    comparison = get_comparison("trained-tickets-3")
    blocks = comparison.blocks(comparison.preset("demo"), Candidate("snip", "init"))
    keys = [cell.key for cell in cells_of(blocks, [0])]
    assert len(keys) == len(set(keys)) == 3 * (4 + 4)


def test_unknown_names() -> None:
    with pytest.raises(UnknownName, match="unknown comparison 'trained-tickets-0': did you mean"):
        get_comparison("trained-tickets-0")
    with pytest.raises(UnknownName, match="unknown preset of trained-tickets-3 'dmo'"):
        get_comparison("trained-tickets-3").preset("dmo")
