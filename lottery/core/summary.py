"""How numbers are summed up for people, in tables and figures alike."""

import math
from collections.abc import Sequence
from statistics import mean, stdev

from lottery.core.extras import needing

LEVEL = 0.05  # of tests; intervals are at 1 - LEVEL


def removed(density: float) -> str:
    """A density as the percentage of weights removed; enough digits where few are left."""
    percent = 100 * (1 - density)
    return f"{percent:.1f}%" if percent < 99.9 else f"{percent:.2f}%"


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean, and the ends of its confidence interval by Student's t at 1 - LEVEL.

    The ends are NaN for a single value.
    """
    centre = mean(values)
    if len(values) < 2:
        return centre, math.nan, math.nan
    half = stdev(values) * least_difference(len(values), comparisons=1)
    return centre, centre - half, centre + half


def least_difference(seeds: int, comparisons: int) -> float:
    """How many of its own standard deviations a mean difference must have to be told from chance.

    Two-sided, at LEVEL divided by the number of comparisons; infinite for one seed.
    """
    if seeds < 2:
        return math.inf
    # scipy.stats takes a second to import; a table of one seed has no use for it.
    with needing("suites"):
        from scipy import stats

    return float(stats.t.ppf(1 - LEVEL / (2 * comparisons), seeds - 1)) / math.sqrt(seeds)
