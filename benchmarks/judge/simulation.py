"""python -m benchmarks.judge.simulation: how often a verdict is wrong, and what it detects.

Accuracies are made up, so that the truth is known; the tables are those of docs/verdict.md.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from tabulate import tabulate

from benchmarks.judge.statistics import hochberg
from lottery.core.summary import LEVEL

Array = NDArray[np.float64]
SEEDS = (3, 5, 10)
COUNT = 20_000  # made-up comparisons for each number: a standard error of 0.15% at 5%
COLLAPSE = 0.1  # the share of trainings that collapse, in that case


@dataclass(frozen=True)
class Case:
    """What the accuracies of a made-up comparison are drawn from, in any unit.

    Attributes:
        ahead: how far the candidate truly is ahead of each baseline, at every density.
        spread: standard deviation over seeds of the candidate and of each baseline.
        by_density: what that is multiplied by at each density.
        densities: correlation of a method's deviations at two densities of a seed.
        baselines: correlation of two baselines' deviations, of opposite sign in turn if negative.
        seeds: correlation of two seeds' deviations. There is none where seeds are independent.
        noise: normal, "heavy" tails (Student's t, 3 degrees of freedom), or normal with "collapse".
    """

    ahead: tuple[float, ...] = (0, 0, 0, 0, 0)
    spread: tuple[float, ...] = (1, 1, 1, 1, 1, 1)
    by_density: tuple[float, ...] = (1, 1, 1)
    densities: float = 0.0
    baselines: float = 0.0
    seeds: float = 0.0
    noise: str = "normal"


UNEQUAL = (1, 0.2, 0.5, 1, 2, 4)
COVERED: Mapping[str, Case] = {
    "all independent, of one variance": Case(),
    "densities of a seed correlated (0.9)": Case(densities=0.9),
    "sparser tickets vary more (1 : 3 : 10)": Case(by_density=(0.3, 1, 3), densities=0.5),
    "methods of unequal variance (1 : 400)": Case(spread=UNEQUAL, densities=0.5),
    "an unsteady candidate": Case(spread=(4, 1, 1, 1, 1, 1), densities=0.5),
    "a steady candidate, baselines alike": Case(spread=(0.1, 1, 1, 1, 1, 1), baselines=0.8),
    "a steady candidate, baselines opposed": Case(spread=(0.1, 1, 1, 1, 1, 1), baselines=-0.8),
    "heavy tails (Student's t, 3 degrees)": Case(noise="heavy", densities=0.5),
    "two baselines truly far behind": Case(ahead=(0, 0, 0, 30, 30), densities=0.5),
    "four baselines truly behind": Case(ahead=(0, 4, 4, 4, 4), densities=0.5),
}
NOT_COVERED: Mapping[str, Case] = {
    "one training in ten collapses": Case(noise="collapse", spread=(0.2,) * 6),
    "seeds that are not independent (0.3)": Case(seeds=0.3),
}
POWER_AHEAD = (1, 2, 3, 5, 8, 12)


def differences(case: Case, seeds: int, count: int, generator: np.random.Generator) -> Array:
    """The candidate minus each baseline: comparison, seed, baseline, density."""
    methods, densities = len(case.spread), len(case.by_density)
    shape = (count, seeds, methods, densities)
    own = _correlated(case.noise, shape, 3, case.densities, generator)
    if case.baselines:
        sign = np.sign(case.baselines) ** np.arange(methods)
        together = generator.standard_normal((count, seeds, 1, densities)) * sign[:, None]
        share = np.where(np.arange(methods) > 0, abs(case.baselines), 0)[:, None]
        own = np.sqrt(1 - share) * own + np.sqrt(share) * together
    if case.seeds:
        alike = generator.standard_normal((count, 1, methods, 1))
        own = math.sqrt(1 - case.seeds) * own + math.sqrt(case.seeds) * alike
    deviations = own * np.array(case.spread)[:, None] * np.array(case.by_density)
    if case.noise == "collapse":
        collapsed = generator.random(shape) < COLLAPSE
        deviations[:, :, 0] += 10 * (COLLAPSE - collapsed[:, :, 0])  # of the candidate, mean zero
    found: Array = deviations[:, :, :1] - deviations[:, :, 1:] + np.array(case.ahead)[:, None]
    return found


def _correlated(
    noise: str, shape: tuple[int, ...], axis: int, share: float, generator: np.random.Generator
) -> Array:
    """Noise whose values along an axis have a correlation of `share`."""

    def draw(shape: tuple[int, ...]) -> Array:
        heavy = noise == "heavy"
        return generator.standard_t(3, shape) if heavy else generator.standard_normal(shape)

    common = (*shape[:axis], 1, *shape[axis + 1 :])
    return math.sqrt(1 - share) * draw(shape) + math.sqrt(share) * draw(common)


def detected_overall(found: Array) -> NDArray[np.bool_]:
    """Which baselines differ over all densities, by the test: comparison, baseline."""
    return _detected(stats.ttest_1samp(found.mean(axis=3), 0, axis=1).pvalue)


def detected_by_density(found: Array) -> NDArray[np.bool_]:
    """The same at each density: comparison, baseline and density in one."""
    return _detected(stats.ttest_1samp(found.reshape(*found.shape[:2], -1), 0, axis=1).pvalue)


def detected_as_independent(found: Array) -> NDArray[np.bool_]:
    """What would be detected if every density of a seed were a seed of its own."""
    runs = np.moveaxis(found, 3, 2).reshape(found.shape[0], -1, found.shape[2])
    return _detected(stats.ttest_1samp(runs, 0, axis=1).pvalue)


def detected_by_pooled_variance(found: Array) -> NDArray[np.bool_]:
    """What would be detected if all baselines' differences had one variance."""
    means = found.mean(axis=3)
    _, seeds, baselines = means.shape
    variance = means.var(axis=1, ddof=1).mean(axis=1, keepdims=True)
    t = means.mean(axis=1) / np.sqrt(variance / seeds)
    return _detected(2 * stats.t.sf(abs(t), (seeds - 1) * baselines))


def _detected(p_values: Array | float) -> NDArray[np.bool_]:
    """After the correction, for each line."""
    found = np.asarray(p_values)
    passed = found < LEVEL  # before it: lines that have none have none after it either
    for i in np.flatnonzero(passed.any(axis=1)):
        passed[i] = [p < LEVEL for _, p in sorted(hochberg(dict(enumerate(found[i]))).items())]
    return passed


def wrong(detected: NDArray[np.bool_], case: Case) -> float:
    """The chance, in percent, that any difference is detected where there is none."""
    level = np.repeat(np.array(case.ahead) == 0, detected.shape[1] // len(case.ahead))
    return 100 * float(detected[:, level].any(axis=1).mean())


def false_positives(cases: Mapping[str, Case], count: int = COUNT) -> str:
    """The chance that anything is detected that is not there, for each number of seeds."""
    lines = []
    for name, case in cases.items():
        generator = np.random.default_rng(0)
        found = [differences(case, seeds, count, generator) for seeds in SEEDS]
        overall = [wrong(detected_overall(each), case) for each in found]
        each = [wrong(detected_by_density(each), case) for each in found]
        lines.append([name, *(f"{value:.1f}" for value in (*overall, *each))])
    return _table(["truth", *_by_seeds("over all"), *_by_seeds("at each")], lines)


def alternatives(cases: Mapping[str, Case], count: int = COUNT) -> str:
    """The same of tests that assume more, over all densities with three seeds."""
    lines = []
    for name, case in cases.items():
        found = differences(case, SEEDS[0], count, np.random.default_rng(0))
        tests = (detected_overall, detected_as_independent, detected_by_pooled_variance)
        lines.append([name, *(f"{wrong(test(found), case):.1f}" for test in tests)])
    return _table(["truth", "as here", "densities as seeds", "one variance"], lines)


def power(count: int = COUNT) -> str:
    """The chance that a difference is detected, by its size in deviations at one density."""
    lines = []
    for size in POWER_AHEAD:
        ahead = size * math.sqrt(2)  # a difference's own standard deviation
        generator, line = np.random.default_rng(0), [str(size)]
        alone, all_of_them = ((ahead, 0, 0, 0, 0), (ahead,) * 5)
        for case in (Case(alone, densities=0.5), Case(all_of_them, densities=0.5)):
            for seeds in SEEDS:
                detected = detected_overall(differences(case, seeds, count, generator))
                line.append(f"{100 * detected[:, 0].mean():.0f}")
        for seeds in SEEDS:
            detected = detected_by_density(differences(case, seeds, count, generator))
            line.append(f"{100 * detected.mean():.0f}")
        lines.append(line)
    headers = [*_by_seeds("one"), *_by_seeds("all"), *_by_seeds("all, at each")]
    return _table(["size", *headers], lines)


def _by_seeds(what: str) -> list[str]:
    return [f"{what}, {seeds} seeds" for seeds in SEEDS]


def _table(headers: list[str], lines: list[list[str]]) -> str:
    return tabulate(lines, headers, "github", disable_numparse=True)


def main(count: int = COUNT) -> None:
    """Print the tables."""
    for table in (
        false_positives(COVERED, count),
        false_positives(NOT_COVERED, count),
        alternatives(COVERED, count),
        power(count),
    ):
        print(f"{table}\n")


if __name__ == "__main__":
    main()
