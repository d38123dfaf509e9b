"""The criterion for passing the sanity checks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy.stats import ttest_rel

LEVEL = 0.05


@dataclass(frozen=True)
class Verdict:
    """Whether a ticket beats its ablations.

    Attributes:
        passes: None where there are too few seeds to tell.
        gains: mean accuracy of the ticket minus that of each ablation, in points.
        p_values: of each ablation, corrected for their number (Holm).
    """

    passes: bool | None
    gains: dict[str, float]
    p_values: dict[str, float]


def judge(ticket: Mapping[int, float], ablations: Mapping[str, Mapping[int, float]]) -> Verdict:
    """Compare a ticket with its ablations, paired by seed.

    A ticket passes if its accuracy is higher than that of every ablation by a one-sided paired
    t-test over seeds, the p-values corrected by Holm's method, at the 5% level. With fewer than
    two common seeds nothing can be said.

    Args:
        ticket: accuracy by seed.
        ablations: the same for each ablation, by name.
    """
    gains, raw, few = {}, {}, False
    for name, values in ablations.items():
        seeds = sorted(ticket.keys() & values.keys())
        mine, theirs = [ticket[s] for s in seeds], [values[s] for s in seeds]
        # Accuracies have four decimals; what differs after that is floating point.
        differences = [round(a - b, 6) for a, b in zip(mine, theirs, strict=True)]
        gains[name] = sum(differences) / len(differences) if differences else float("nan")
        if len(seeds) < 2:
            few = True
        elif len(set(differences)) == 1:  # no spread: the test is not defined
            raw[name] = 0.0 if differences[0] > 0 else 1.0
        else:
            raw[name] = float(ttest_rel(mine, theirs, alternative="greater").pvalue)
    if few or not raw:
        return Verdict(None, gains, {})
    corrected = holm(raw)
    return Verdict(all(p < LEVEL for p in corrected.values()), gains, corrected)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm's correction: the i-th smallest of m p-values times m - i + 1, made monotone."""
    corrected: dict[str, float] = {}
    largest = 0.0
    order: Sequence[str] = sorted(p_values, key=lambda name: p_values[name])
    for i, name in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - i) * p_values[name]))
        corrected[name] = largest
    return corrected
