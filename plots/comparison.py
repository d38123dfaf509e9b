"""A method beside the baselines of a comparison: accuracy by sparsity, and against what it cost."""

import math
from itertools import pairwise
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lottery.core.summary import removed
from plots import style
from plots.drawing import Tables

CANDIDATE = style.Look("", "#000000", "*", "-")
COLUMNS = 3  # panels side by side at most
DODGE = 0.3  # how far apart methods lie at a density, as a share of the way to the next


def draw(tables: Tables) -> Figure:
    """Per model a panel of accuracy by sparsity, or by method where there is one sparsity alone,
    and below it one per sparsity against cost.

    The points are those that python -m benchmarks.compare writes.
    """
    models = list(tables.rows.groupby(["model", "dataset"], sort=False))
    columns = min(COLUMNS, max(part["density"].nunique() for _, part in models))
    rows = [1 + -(-part["density"].nunique() // columns) for _, part in models]
    figure = plt.figure(figsize=(style.PAGE, 2.5 * sum(rows)))
    grid = figure.add_gridspec(sum(rows), columns)
    for i, ((model, dataset), points) in enumerate(models):
        first = sum(rows[:i])
        top = figure.add_subplot(grid[first, :])
        densities = sorted(points["density"].unique(), reverse=True)
        (_by_sparsity if len(densities) > 1 else _by_method)(top, points)
        top.set_title(f"{style.title_of(model, dataset)}: {_what(points)}")
        for j, density in enumerate(densities):
            ax = figure.add_subplot(grid[first + 1 + j // columns, j % columns])
            _by_cost(ax, points[points["density"] == density])
            ax.set_title(f"{removed(density)} removed")
            if j % columns:
                ax.set_ylabel("")
    style.shared_legend(figure)
    return figure


def _what(points: pd.DataFrame) -> str:
    """Of how many seeds the means are, and whether they have intervals."""
    few, many = points["seeds"].min(), points["seeds"].max()
    if many == 1:
        return "one seed, so no interval"
    seeds = f"{few} to {many}" if few < many else str(many)
    return f"mean of {seeds} seeds, 95% interval"


def _by_sparsity(ax: Axes, points: pd.DataFrame) -> None:
    """Methods lie side by side at each density, so that none hides another."""
    densities = sorted(points["density"].unique())
    gap = min(math.log(b / a) for a, b in pairwise(densities))
    groups = list(points.groupby("label", sort=False))
    step = DODGE * gap / len(groups)
    for i, (_, group) in enumerate(groups):
        group = group.sort_values("density", ascending=False)
        aside = math.exp(step * ((len(groups) - 1) / 2 - i))
        _means(ax, group["density"] * aside, group["accuracy"], _half(group), group.iloc[0])
    style.sparsity_axis(ax, densities)
    _show_means(ax, points)


def _by_method(ax: Axes, points: pd.DataFrame) -> None:
    """Of one density: a line for each method, the best on top."""
    points = points.sort_values("accuracy", ascending=False)
    for place, label in enumerate(points["label"]):
        one = points[points["label"] == label]
        _means(ax, one["accuracy"], [place], _half(one), one.iloc[0], across=True)
    ax.set_yticks(range(len(points)), points["label"].tolist())
    ax.set_ylim(len(points) - 0.4, -0.6)
    _show_means(ax, points, "x")


def _half(points: pd.DataFrame) -> "pd.Series[float]":
    """Half of each interval; NaN where there is none."""
    half: pd.Series[float] = points["accuracy"] - points["low"]
    return half


def _means(
    ax: Axes,
    x: Any,
    y: Any,
    half: "pd.Series[float]",
    point: "pd.Series[Any]",
    across: bool = False,
) -> None:
    more: dict[str, Any] = {"label": point["label"], **_marks(point)}
    if half.notna().any():
        more["xerr" if across else "yerr"] = half
    ax.errorbar(x, y, elinewidth=0.8, capsize=2, **more)


def _show_means(ax: Axes, points: pd.DataFrame, axis: str = "y") -> None:
    """Intervals of few seeds are wide: the means decide what is shown."""
    low, high = points["accuracy"].min(), points["accuracy"].max()
    margin = (high - low) / 5
    ax.set(**{f"{axis}lim": (low - margin, high + margin)})
    style.accuracy_axis(ax, axis, points["dataset"].iloc[0])


def _by_cost(ax: Axes, points: pd.DataFrame) -> None:
    """Markers are hollow, but for the candidate's below them, so that none hides another."""
    front = points[points["on_front"]].sort_values("epochs")
    line = ax.step(front["epochs"], front["accuracy"], where="post", label="Pareto front")
    plt.setp(line, color="#999999", lw=1, zorder=1)
    for _, point in points.iterrows():
        ax.plot(point["epochs"], point["accuracy"], **{**_marks(point), "linestyle": ""})
    ax.margins(0.15)
    style.accuracy_axis(ax, "y", points["dataset"].iloc[0])
    ax.set_xlabel("epochs in total")


def _marks(point: "pd.Series[Any]") -> dict[str, Any]:
    """How a method is drawn; the one that is compared stands out."""
    mine = bool(point["candidate"])
    look = CANDIDATE if mine else style.look(style.method_id(point))
    return {
        "color": look.colour,
        "marker": look.marker,
        "linestyle": look.line,
        "markersize": 11 if mine else 6,
        "markerfacecolor": look.colour if mine else "none",
        "markeredgewidth": 1.3,
        "linewidth": 2.0 if mine else 1.2,
        "zorder": 2 if mine else 3,
    }
