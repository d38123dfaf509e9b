"""Pruned and retained weights as stacked regions under a line of accuracy: CRBG Figs. 1 and 3."""

import pandas as pd
from matplotlib.axes import Axes

from plots import style

PRUNED, RETAINED, ACCURACY = "#56B4E9", "#009E73", "#D55E00"


def draw_regions(ax: Axes, rows: pd.DataFrame, x: str, *, marker: str = "") -> None:
    """Means over seeds of the columns `density` and `accuracy` by the column `x`.

    A band is the range over seeds.
    """
    by = rows.groupby(x)
    sparsity, accuracy = 100 * (1 - by["density"].mean()), by["accuracy"]
    ax.stackplot(
        sparsity.index,
        sparsity,
        100 - sparsity,
        labels=["pruned", "retained"],
        colors=[PRUNED, RETAINED],
        alpha=0.35,
    )
    mean = accuracy.mean()
    ax.plot(mean.index, mean, color=ACCURACY, marker=marker, label="accuracy, binary mask")
    if rows["seed"].nunique() > 1:
        ax.fill_between(mean.index, accuracy.min(), accuracy.max(), color=ACCURACY, alpha=0.25)
    ax.margins(x=0)
    ax.set_ylim(0, 100)
    style.percent_axis(ax)
    ax.set_ylabel("weights, and test accuracy")
