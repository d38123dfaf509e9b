"""What each layer keeps, over its size: CTS Fig. 6."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from lottery.core.catalogue import model_label
from lottery.core.summary import removed
from plots import style
from plots.drawing import Tables, panels

FIGURE_OF = {"layerwise": ""}


def draw(tables: Tables) -> Figure:
    """One panel per model and density."""
    layers = tables.details("layers")
    layers = layers[layers["epoch"].isna()]
    figure, found = panels(layers, ["model", "density_requested"], 3.0)
    for ax, (model, density), part in found:
        draw_panel(ax, part)
        seeds = style.seeds_of(part, "method")
        ax.set_title(f"{model_label(model)} at {removed(density)} sparsity ({seeds})")
    style.shared_legend(figure)
    return figure


def draw_panel(ax: Axes, layers: pd.DataFrame) -> None:
    """The mean density of every layer by method, and bars for the layers' share of the weights."""
    names = list(dict.fromkeys(layers["layer"]))
    sizes = layers.drop_duplicates("layer").set_index("layer")["params"][names]
    bars = ax.twinx()
    bars.bar(range(len(names)), sizes / sizes.sum(), color="#BBBBBB", alpha=0.5, width=0.8)
    bars.set_ylabel("share of all weights (grey bars)")
    bars.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.0f}%"))
    bars.grid(visible=False)
    ax.set_zorder(bars.get_zorder() + 1)
    ax.patch.set_visible(False)
    layers = layers.assign(
        position=layers["layer"].map(names.index), share=layers["kept"] / layers["params"]
    )
    for name, group in layers.groupby(style.method_ids(layers), sort=False):
        seen = style.look(str(name))
        style.mean_line(ax, group, "position", "share", seen, band=False, markersize=3.5)
    # A layer that lost everything lies below the axis: it has no place on a logarithmic one.
    ax.set_yscale("log")
    ax.yaxis.set_major_formatter(FuncFormatter(lambda kept, _: f"{100 * (1 - kept):.4g}%"))
    ax.invert_yaxis()
    ax.set_ylabel("sparsity (log scale of density)")
    short = [name.removesuffix(".weight") for name in names]
    ax.set_xticks(range(len(names)), short, rotation=90, fontsize=5)
    ax.set_xlabel("")
