"""The criterion for passing the sanity checks."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import mean
from typing import Literal

from benchmarks.judge.statistics import FEW, UNCLEAR, paired, paired_p
from lottery.core.summary import LEVEL

Passes = Literal["yes", "no", "indistinguishable", "not enough seeds to tell"]


@dataclass(frozen=True)
class SanityCheck:
    """Whether a ticket beats its ablations.

    Attributes:
        passes: see `check`.
        gains: mean accuracy of the ticket minus that of each ablation, in points, where both were
            run with a common seed.
        p_values: of each ablation, one-sided.
    """

    passes: Passes
    gains: dict[str, float]
    p_values: dict[str, float]


def check(ticket: Mapping[int, float], ablations: Mapping[str, Mapping[int, float]]) -> SanityCheck:
    """Compare a ticket with its ablations, paired by seed.

    - "yes": its accuracy is higher than that of every ablation by a one-sided paired t-test over
      seeds, each at the 5% level. A claim that holds only if all of its parts do needs no
      correction for their number (intersection-union test, Berger 1982);
    - FEW: with an ablation it has fewer than two common seeds, or is ahead by the same on all of
      them, so that there is no spread to test by;
    - "no": an ablation is level with it on average, or better;
    - UNCLEAR: it is ahead of all of them, but not by enough.

    Args:
        ticket: accuracy by seed.
        ablations: the same for each ablation, by name.
    """
    differences = {name: [*paired(ticket, values).values()] for name, values in ablations.items()}
    gains = {name: mean(found) for name, found in differences.items() if found}
    if not ablations or any(map(_too_few, differences.values())):
        return SanityCheck(FEW, gains, {})
    p_values = {
        name: 1.0 if len(set(found)) == 1 else paired_p(found, "greater")
        for name, found in differences.items()
    }
    if max(p_values.values()) < LEVEL:
        return SanityCheck("yes", gains, p_values)
    return SanityCheck("no" if min(gains.values()) <= 0 else UNCLEAR, gains, p_values)


def _too_few(differences: list[float]) -> bool:
    """Whether differences by seed say nothing yet; equal ones that are no gain say enough."""
    return len(differences) < 2 or (len(set(differences)) == 1 and differences[0] > 0)
