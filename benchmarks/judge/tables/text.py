"""How numbers are shown to people."""

from collections.abc import Sequence
from statistics import mean, stdev

NONE = "-"


def sparsity(percent: float | None) -> str:
    return NONE if percent is None else f"{percent:.1f}%"


def average(values: Sequence[float], digits: str = ".1f") -> str:
    """The mean, with the standard deviation where there are several values."""
    text = format(mean(values), digits)
    return f"{text} ± {format(stdev(values), digits)}" if len(values) > 1 else text


def minutes(value: float | None) -> str:
    if value is None:
        return NONE
    if value < 1:
        return f"{60 * value:.0f} s"
    return f"{value:.1f} min" if value < 120 else f"{value / 60:.1f} h"
