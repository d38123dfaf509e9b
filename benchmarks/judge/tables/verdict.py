"""A verdict as tables: the ranking, each sparsity, and what it cost."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import mean

from benchmarks.judge.differences import Difference, Rank
from benchmarks.judge.points import Point
from benchmarks.judge.statistics import MOST_SEEDS
from benchmarks.judge.tables.sections import Table
from benchmarks.judge.tables.text import NONE, minutes
from lottery.core.summary import removed


def ranking_table(
    name: str, points: Sequence[Point], overall: Sequence[Difference], rank: Rank | None
) -> Table:
    """Every method by its mean over densities, with the candidate's difference from it."""
    accuracy = defaultdict[str, list[float]](list)
    for point in points:
        accuracy[point.label].append(point.accuracy)
    compared = sorted((d for d in overall if d.seeds), key=lambda d: d.mean)
    mine = [str(rank.place) if rank else NONE, name, f"{mean(accuracy[name]):.1f}", "", "", "", ""]
    lines = [_ranked(d, compared, accuracy) for d in compared]
    lines.insert(rank.place - 1 if rank else 0, mine)
    for label in [label for label in accuracy if label not in {line[1] for line in lines}]:
        lines.append([NONE, label, f"{mean(accuracy[label]):.1f}", "", "", "", ""])
    headers = [
        "rank", "method", "accuracy %", "difference", "corrected p", "outcome",
        "seeds needed",
    ]  # fmt: skip
    return Table(headers, lines)


def _ranked(
    difference: Difference, compared: Sequence[Difference], accuracy: Mapping[str, list[float]]
) -> list[str]:
    ahead = sum(other.mean < difference.mean for other in compared) + (difference.mean > 0)
    return [
        str(1 + ahead),
        difference.baseline,
        f"{mean(accuracy[difference.baseline]):.1f}",
        with_interval(difference, "+.1f"),
        _p_value(difference),
        difference.outcome,
        _seeds_needed(difference),
    ]


def _seeds_needed(difference: Difference) -> str:
    if difference.outcome in ("better", "worse"):
        return "enough"
    if difference.seeds_needed is None:
        return NONE
    more = difference.seeds_needed > MOST_SEEDS
    return f"over {MOST_SEEDS}" if more else str(difference.seeds_needed)


def accuracy_table(points: Sequence[Point]) -> Table:
    """Mean and interval by method and sparsity."""
    columns = sorted(
        {(point.model, point.density) for point in points}, key=lambda c: (c[0], -c[1])
    )
    several = len({model for model, _ in columns}) > 1
    by_label = defaultdict[str, dict[tuple[str, float], str]](dict)
    for point in points:
        by_label[point.label][point.model, point.density] = with_interval(point, ".1f")
    headers = [f"{model + ' ' if several else ''}{removed(d)}" for model, d in columns]
    lines = [[label, *(found.get(c, "") for c in columns)] for label, found in by_label.items()]
    return Table(["accuracy %", *headers], lines)


def difference_table(differences: Sequence[Difference]) -> Table:
    """The candidate against each baseline at each sparsity."""
    headers = [
        "compared with",
        "model",
        "sparsity",
        "difference",
        "corrected p",
        "seeds",
        "outcome",
    ]
    return Table(
        headers,
        [
            [
                d.baseline,
                d.model,
                removed(d.density) if d.density else "",
                with_interval(d, "+.1f") if d.seeds else "",
                _p_value(d),
                str(d.seeds),
                d.outcome,
            ]
            for d in differences
        ],
    )


def cost_table(points: Sequence[Point]) -> Table:
    """Epochs, time and the Pareto front."""
    headers = [
        "method", "model", "sparsity", "accuracy %", "search epochs", "train epochs", "time",
        "on the front",
    ]  # fmt: skip
    return Table(
        headers,
        [
            [
                p.label,
                p.model,
                removed(p.density),
                f"{p.accuracy:.1f}",
                f"{p.search_epochs:.1f}",
                f"{p.train_epochs:.1f}",
                minutes(p.seconds / 60),
                "yes" if p.on_front else "no",
            ]
            for p in points
        ],
    )


def _p_value(difference: Difference) -> str:
    return "" if math.isnan(difference.p) else f"{difference.p:.2g}"


def with_interval(thing: Point | Difference, form: str) -> str:
    """A mean, and its interval where there is one."""
    centre = thing.accuracy if isinstance(thing, Point) else thing.mean
    if math.isnan(thing.low):
        return f"{centre:{form}}"
    return f"{centre:{form}} [{thing.low:{form}}, {thing.high:{form}}]"
