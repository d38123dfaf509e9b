"""What can be said from a few seeds: paired t-tests and Holm's correction."""

import math
from collections.abc import Mapping, Sequence
from typing import Final, Literal

FEW: Final = "not enough seeds to tell"
UNCLEAR: Final = "not told apart"


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


def paired(mine: Mapping[int, float], theirs: Mapping[int, float]) -> list[float]:
    """Differences by common seed, in points; rounded, or equal ones would differ in the last bit
    and seem to be the most certain of all."""
    return [round(mine[seed] - theirs[seed], 6) for seed in sorted(mine.keys() & theirs.keys())]


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm's correction: the i-th smallest of m p-values times m - i + 1, made monotone."""
    corrected: dict[str, float] = {}
    largest = 0.0
    order: Sequence[str] = sorted(p_values, key=lambda name: p_values[name])
    for i, name in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - i) * p_values[name]))
        corrected[name] = largest
    return corrected
