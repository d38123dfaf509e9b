"""A method beside the baselines of a comparison: accuracy by sparsity, and against what it cost."""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lottery.core.summary import removed
from plots import style
from plots.drawing import Tables

CANDIDATE = style.Look("", "#000000", "*", "-")


def draw(tables: Tables) -> Figure:
    """Per model a panel of accuracy by sparsity, and below it one per sparsity against cost.

    The points are those that python -m benchmarks.compare writes.
    """
    models = list(tables.rows.groupby(["model", "dataset"], sort=False))
    columns = max(part["density"].nunique() for _, part in models)
    figure = plt.figure(figsize=(max(6.4, 3.2 * columns), 6.2 * len(models)))
    grid = figure.add_gridspec(2 * len(models), columns)
    for i, ((model, dataset), part) in enumerate(models):
        top = figure.add_subplot(grid[2 * i, :])
        _by_sparsity(top, part)
        top.set_title(f"{model}, {dataset}: mean and 95% interval over seeds")
        by_density = part.groupby("density", sort=False)
        for column, (density, group) in enumerate(by_density):
            ax = figure.add_subplot(grid[2 * i + 1, column])
            _by_cost(ax, group)
            ax.set_title(f"{removed(float(str(density)))} removed; line: the front")
            ax.set_ylabel("" if column else "test accuracy (%)")
    return figure


def _by_sparsity(ax: Axes, points: pd.DataFrame) -> None:
    for _, group in points.groupby("label", sort=False):
        half = group["accuracy"] - group["low"]
        ax.errorbar(
            group["density"],
            group["accuracy"],
            yerr=half if half.notna().all() else None,
            label=group["label"].iloc[0],
            elinewidth=0.8,
            capsize=2,
            **_marks(group.iloc[0]),
        )
    style.sparsity_axis(ax, points["density"].tolist())
    # Intervals of few seeds are wide: the means decide what is shown.
    low, high = points["accuracy"].min(), points["accuracy"].max()
    margin = max(1.0, (high - low) / 5)
    ax.set_ylim(max(0.0, low - margin), min(101.0, high + margin))
    ax.set_ylabel("test accuracy (%)")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)


def _by_cost(ax: Axes, points: pd.DataFrame) -> None:
    front = points[points["on_front"]].sort_values("epochs")
    ax.step(front["epochs"], front["accuracy"], where="post", color="#999999", lw=1, zorder=1)
    for _, point in points.iterrows():
        ax.plot(point["epochs"], point["accuracy"], **{**_marks(point), "linestyle": ""})
    ax.margins(0.15)
    ax.set_xlabel("epochs of search and training")


def _marks(point: "pd.Series[Any]") -> dict[str, Any]:
    """How a method is drawn; the one that is compared stands out."""
    mine = bool(point["candidate"])
    look = CANDIDATE if mine else style.look(style.method_id(point))
    return {
        "color": look.colour,
        "marker": look.marker,
        "linestyle": look.line,
        "markersize": 11 if mine else 6,
        "linewidth": 2.4 if mine else 1.2,
        "zorder": 3 if mine else 2,
    }
