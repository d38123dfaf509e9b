"""How searches went: objective, expected and realised density, pressure strength by epoch."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from lottery.core.summary import removed
from plots import style
from plots.drawing import Tables, panels

FIGURE_OF = {"table1": "-search", "table2": "-search", "table3": "-search", "recipe": "-search"}

PANELS = {
    "search_objective": "objective, in its own unit",
    "expected_density": "expected density",
    "search_density": "density of the open gates",
    "strength": "pressure strength λ",
}
WIDE = 20.0  # times that values are apart, from which on an axis is logarithmic


def draw(tables: Tables) -> Figure:
    """A panel for every quantity that changes, a line for each search; means over seeds."""
    log = tables.details("search")
    log = log[log["ablation"] == "none"]
    log = log.melt([c for c in log if c not in PANELS], list(PANELS), "panel", "shown")
    log = log.dropna(subset="shown").sort_values(["model", "dataset"], kind="stable")
    by = ["model", "dataset", "panel"]
    changes = log.groupby(by)["shown"].transform("nunique") > 1
    figure, found = panels(log[changes] if changes.any() else log, by, 2.3)
    for ax, (model, dataset, column), part in found:
        _lines(ax, part)
        _scale(ax, part, density="density" in column)
        ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        ax.set_ylabel(PANELS[column])
        ax.set_title(f"{style.title_of(model, dataset)} ({style.seeds_of(part, 'cell_key')})")
    style.shared_legend(figure, columns=3)
    return figure


def _lines(ax: Axes, log: pd.DataFrame) -> None:
    for name, searches in log.groupby(style.method_ids(log), sort=False):
        by_density = searches.groupby(searches["density_requested"].fillna(0), sort=False)
        looks = style.shades(style.look(str(name)), by_density.ngroups)
        for look, (density, group) in zip(looks, by_density, strict=True):
            wanted = f" at {removed(float(str(density)))}" if density else ""
            look = look._replace(label=look.label + wanted)
            epochs = group["epoch"].nunique()
            # Markers on a few of the epochs tell lines apart where colours do not.
            style.mean_line(ax, group, "epoch", "shown", look, markevery=max(1, epochs // 6))
    ax.set_xlabel("epoch of the search")


def _scale(ax: Axes, log: pd.DataFrame, *, density: bool) -> None:
    positive = log["shown"][log["shown"] > 0]  # a short search may open no gate
    if len(positive) and log["shown"].min() >= 0 and positive.max() > WIDE * positive.min():
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        ax.yaxis.set_minor_formatter(NullFormatter())
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    if density:
        ax.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g}%"))
