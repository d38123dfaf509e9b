"""Accuracy and sparsity along a search, one panel per model: CRBG Fig. 1."""

from matplotlib.figure import Figure

from lottery.core.catalogue import known
from plots import style
from plots.drawing import Tables, panels
from plots.regions import ACCURACY, draw_regions

FIGURE_OF = {"table1": "-training"}


def draw(tables: Tables) -> Figure:
    """The searches that were judged after every epoch."""
    lines = tables.details("search")
    lines = lines[lines["search_accuracy"].notna()]
    figure, found = panels(lines, ["method", "model", "dataset"], 3.2)
    for ax, (method, model, dataset), group in found:
        part = style.one_per_seed(group, "epoch")
        along = part[["epoch", "seed"]].assign(
            density=part["search_density"], accuracy=part["search_accuracy"]
        )
        draw_regions(ax, along, "epoch")
        soft = part.groupby("epoch")["search_accuracy_soft_gates"].mean()
        ax.plot(soft.index, soft, color=ACCURACY, linestyle=":", label="accuracy, soft gates")
        ax.set_xlabel("epoch of the search")
        seeds = style.seeds_of(part, "epoch")
        ax.set_title(f"{known(method).label}, {style.title_of(model, dataset)} ({seeds})")
    style.shared_legend(figure)
    return figure
