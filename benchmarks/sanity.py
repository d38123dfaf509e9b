"""The criterion for passing the sanity checks."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import mean

from benchmarks.significance import LEVEL, holm, paired, paired_p


@dataclass(frozen=True)
class Verdict:
    """Whether a ticket beats its ablations.

    Attributes:
        passes: None where there are too few seeds to tell.
        gains: mean accuracy of the ticket minus that of each ablation, in points, where both were
            run with a common seed.
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
        differences = paired(ticket, values)
        if differences:
            gains[name] = mean(differences)
        if len(differences) < 2:
            few = True
        elif len(set(differences)) == 1:  # no spread: the test is not defined
            raw[name] = 0.0 if differences[0] > 0 else 1.0
        else:
            raw[name] = paired_p(differences, "greater")
    if few or not raw:
        return Verdict(None, gains, {})
    corrected = holm(raw)
    return Verdict(all(p < LEVEL for p in corrected.values()), gains, corrected)
