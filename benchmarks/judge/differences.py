"""The candidate of a comparison minus its baselines: over all densities, and at each."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import mean, stdev
from typing import Literal

from benchmarks.judge.points import Point
from benchmarks.judge.statistics import (
    FEW,
    UNCLEAR,
    hochberg,
    hochberg_levels,
    paired,
    paired_p,
    seeds_needed,
)
from lottery.core.summary import LEVEL, interval

# In the order in which a summary names them.
Outcome = Literal[
    "better", "worse", "indistinguishable", "equal on every seed", "not enough seeds to tell"
]


@dataclass(frozen=True)
class Difference:
    """The candidate minus one baseline, paired by seed, in points.

    Attributes:
        model: empty where it is over all of them.
        density: None where it is over all densities.
        densities: over how many pairs of model and density it is the mean.
        low: with `high` the ends of the mean's interval, not corrected.
        p: corrected for the number of tests in its family; NaN where the test is not defined.
        outcome: the candidate's; see `_outcome`.
        seeds_needed: how many would probably detect it, at the spread and the level that it has;
            None where they are enough, or there is no spread to go by.
    """

    baseline: str
    model: str
    density: float | None
    densities: int
    by_seed: Mapping[int, float]
    mean: float
    low: float
    high: float
    p: float
    outcome: Outcome
    seeds_needed: int | None

    @property
    def seeds(self) -> int:
        return len(self.by_seed)


@dataclass(frozen=True)
class Rank:
    """The candidate's place by mean difference, one more than the number of baselines ahead of it.

    Attributes:
        of: how many methods are ranked, the candidate among them.
        best: the place that the tests leave open at best; `worst`, at worst.
    """

    place: int
    of: int
    best: int
    worst: int


def over_densities(points: Sequence[Point]) -> tuple[Difference, ...]:
    """One for each baseline: of every seed the mean over models and densities, tested over seeds.

    Only seeds that have all of these pairs count. Corrected for the number of baselines.
    """
    parts = defaultdict[str, list[Difference]](list)
    for difference in _paired(points):
        if difference.seeds:
            parts[difference.baseline].append(difference)
    return _judged([_mean(found) for found in parts.values()])


def by_density(points: Sequence[Point]) -> tuple[Difference, ...]:
    """One for each baseline at each density. Corrected for the number of all of them."""
    return _judged(_paired(points))


def rank(differences: Iterable[Difference]) -> Rank | None:
    """Where the candidate stands among the baselines; None where there is none to compare with."""
    compared = [d for d in differences if d.seeds]
    if not compared:
        return None
    of, outcomes = len(compared) + 1, [d.outcome for d in compared]
    place = 1 + sum(d.mean < 0 for d in compared)
    return Rank(place, of, 1 + outcomes.count("worse"), of - outcomes.count("better"))


def _paired(points: Sequence[Point]) -> list[Difference]:
    return [
        _difference(other.label, mine.model, mine.density, 1, paired(mine.by_seed, other.by_seed))
        for mine in points
        if mine.candidate
        for other in points
        if not other.candidate and (other.model, other.density) == (mine.model, mine.density)
    ]


def _mean(parts: Sequence[Difference]) -> Difference:
    """The mean over densities of every seed that has them all, rounded as `paired` does."""
    seeds = set.intersection(*(set(part.by_seed) for part in parts))
    by_seed = {s: round(mean(part.by_seed[s] for part in parts), 6) for s in sorted(seeds)}
    return _difference(parts[0].baseline, "", None, len(parts), by_seed)


def _difference(
    baseline: str, model: str, density: float | None, densities: int, by_seed: Mapping[int, float]
) -> Difference:
    """Its p-value is not corrected, and nothing is said of it yet."""
    values = list(by_seed.values())
    centre, low, high = interval(values) if values else (math.nan, math.nan, math.nan)
    p = paired_p(values, "two-sided")
    return Difference(baseline, model, density, densities, by_seed, centre, low, high, p, FEW, None)


def _judged(family: Sequence[Difference]) -> tuple[Difference, ...]:
    """What is said of each of some differences, corrected for their number."""
    p_values = {i: d.p for i, d in enumerate(family) if not math.isnan(d.p)}
    corrected, levels = hochberg(p_values), hochberg_levels(p_values)
    found = []
    for i, difference in enumerate(family):
        judged = replace(difference, p=corrected.get(i, math.nan))
        judged = replace(judged, outcome=_outcome(judged))
        if judged.p >= LEVEL:
            effect = judged.mean / stdev(judged.by_seed.values())
            judged = replace(judged, seeds_needed=seeds_needed(effect, levels[i]))
        found.append(judged)
    return tuple(found)


def _outcome(difference: Difference) -> Outcome:
    """By the corrected p-value. A difference whose interval alone excludes zero would pass with
    more seeds; without spread or with one seed there is no test."""
    if not math.isnan(difference.p):
        if difference.p < LEVEL:
            return "better" if difference.mean > 0 else "worse"
        return FEW if difference.low > 0 or difference.high < 0 else UNCLEAR
    same = difference.seeds > 1 and difference.mean == 0
    return "equal on every seed" if same else FEW
