"""What can be said from a few seeds: paired t-tests, their correction and their power."""

import math
from bisect import bisect_left
from collections.abc import Hashable, Mapping, Sequence
from typing import Final, Literal, TypeVar

from lottery.core.summary import LEVEL

FEW: Final = "not enough seeds to tell"
UNCLEAR: Final = "indistinguishable"
POWER = 0.8  # the chance that the seeds needed detect a difference
MOST_SEEDS = 100  # more are not named

K = TypeVar("K", bound=Hashable)


def paired_p(differences: Sequence[float], alternative: Literal["two-sided", "greater"]) -> float:
    """The p-value of a paired t-test, from the differences by seed.

    Returns:
        NaN where the test is not defined: fewer than two differences, or all of them equal.
    """
    if len(set(differences)) < 2:
        return math.nan
    # scipy.stats takes a second to import; a table of one seed has no use for it.
    from scipy import stats

    return float(stats.ttest_1samp(differences, 0.0, alternative=alternative).pvalue)


def paired(mine: Mapping[int, float], theirs: Mapping[int, float]) -> dict[int, float]:
    """Differences by common seed, in points; rounded, or equal ones would differ in the last bit
    and seem to be the most certain of all."""
    common = sorted(mine.keys() & theirs.keys())
    return {seed: round(mine[seed] - theirs[seed], 6) for seed in common}


def hochberg_levels(p_values: Mapping[K, float]) -> dict[K, float]:
    """At what level each of several tests is made: 5%, divided by its place counted from the
    largest p-value (Hochberg 1988)."""
    order = sorted(p_values, key=lambda name: p_values[name], reverse=True)
    return {name: LEVEL / (i + 1) for i, name in enumerate(order)}


def hochberg(p_values: Mapping[K, float]) -> dict[K, float]:
    """Hochberg's correction: the i-th largest p-value times i, and no more than those above it.

    It bounds the chance of any wrong claim where the tests depend positively on each other, as
    those of one candidate against several baselines do; docs/verdict.md tries it.
    """
    corrected: dict[K, float] = {}
    least = 1.0
    for name, level in hochberg_levels(p_values).items():  # from the largest p-value down
        least = min(least, p_values[name] * LEVEL / level)
        corrected[name] = least
    return corrected


def power(effect: float, seeds: int, level: float = LEVEL) -> float:
    """The chance that a two-sided paired t-test detects a difference, by the noncentral t.

    Args:
        effect: the true mean difference in its own standard deviations over seeds.
    """
    from scipy import stats

    freedom, shift = seeds - 1, abs(effect) * math.sqrt(seeds)
    critical = stats.t.ppf(1 - level / 2, freedom)
    above, below = stats.nct.sf(critical, freedom, shift), stats.nct.cdf(-critical, freedom, shift)
    return float(above + below)


def seeds_needed(effect: float, level: float = LEVEL) -> int:
    """The fewest seeds that detect a difference with a chance of POWER; MOST_SEEDS + 1 where more
    than MOST_SEEDS are needed."""
    seeds = range(2, MOST_SEEDS + 1)
    return 2 + bisect_left(seeds, POWER, key=lambda count: power(effect, count, level))
