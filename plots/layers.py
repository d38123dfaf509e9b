"""Sparsity of every layer of strong tickets, one panel per model: CRBG Fig. 2."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from plots import style
from plots.drawing import Tables, panels

FIGURE_OF = {"table2": "-layers", "table3": "-layers"}

STRONG = ("crbg", "edge_popup", "edge_popup_epsilon")
NAMED = 24  # layers that have room for their names


def draw(tables: Tables) -> Figure:
    """Tickets whose weights stayed as they were, mean over seeds."""
    lines = tables.details("layers")
    lines = lines[lines["epoch"].isna() & lines["method"].isin(STRONG)]
    figure, found = panels(lines, ["model", "dataset"], 2.6)
    for ax, (model, dataset), group in found:
        _panel(ax, group)
        seeds = style.seeds_of(group, "method")
        ax.set_title(f"{style.title_of(model, dataset)} ({seeds})")
    style.shared_legend(figure)
    return figure


def _panel(ax: Axes, lines: pd.DataFrame) -> None:
    names = list(dict.fromkeys(lines["layer"]))
    for name, group in lines.groupby(style.method_ids(lines), sort=False):
        part = style.one_per_seed(group, "layer")
        removed = 100 * (1 - part["kept"] / part["params"])
        mean = removed.groupby(part["layer"], sort=False).mean()
        seen = style.look(str(name))
        at = [1 + names.index(str(layer)) for layer in mean.index]
        ax.plot(
            at, mean, color=seen.colour, marker=seen.marker, linestyle=seen.line, label=seen.label
        )
    style.percent_axis(ax)
    ax.set_ylabel("sparsity")
    if len(names) <= NAMED:
        short = [name.removesuffix(".weight") for name in names]
        ax.set_xticks(range(1, len(names) + 1), short, rotation=90, fontsize="x-small")
    else:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set_xlabel("prunable layer, from the input on")
