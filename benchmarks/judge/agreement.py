"""Whether a line of a table agrees with what its paper prints."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Final, Literal

from benchmarks.plan.block import Line
from benchmarks.results.lookup import Results

WITHIN = 1.0  # points, or two standard deviations over seeds where that is more
REPRODUCED: Final = "reproduced"
EXPLAINED: Final = "printed value explained"
NOT: Final = "not reproduced"


@dataclass(frozen=True)
class Agreement:
    """A measured line beside the printed one.

    Attributes:
        difference: measured minus printed, in points.
        outcome: REPRODUCED, EXPLAINED or NOT; None where the two are not of the same task and
            length, and the difference alone says something.
    """

    difference: float
    outcome: Literal["reproduced", "printed value explained", "not reproduced"] | None


def agreement(line: Line, results: Results) -> Agreement | None:
    """How a line agrees; None where one of the two numbers is missing or is of another task.

    A method that decides the sparsity has to meet the printed one too.
    """
    cell, printed, rows = line.cell, line.printed, results.rows(line.cell)
    if not (cell and printed and rows) or cell.dataset != printed.dataset:
        return None
    values = [float(row[printed.metric]) for row in rows]
    difference = mean(values) - printed.value
    if cell.preset != "paper":
        return Agreement(difference, None)
    agrees = _within(values, printed.value)
    if cell.density is None and printed.sparsity is not None:  # it chose the sparsity too
        sparsities = [100 * (1 - float(row["density"])) for row in rows]
        agrees &= _within(sparsities, printed.sparsity)
    if agrees:
        return Agreement(difference, REPRODUCED)
    return Agreement(difference, EXPLAINED if line.explained else NOT)


def _within(values: Sequence[float], printed: float) -> bool:
    tolerance = max(WITHIN, 2 * stdev(values) if len(values) > 1 else 0.0)
    return abs(mean(values) - printed) <= tolerance
