"""Accuracy and sparsity along a search, one panel per model: CRBG Fig. 1."""

from matplotlib.figure import Figure

from plots import style
from plots.drawing import Tables, panels
from plots.regions import ACCURACY, draw_regions, legend


def draw(tables: Tables) -> Figure:
    """The searches that were judged after every epoch."""
    lines = tables.details("search")
    lines = lines[lines["search_accuracy"].notna()]
    figure, found = panels(lines, ["method", "model", "dataset"], (4.4, 4.0))
    for ax, (method, model, dataset), group in found:
        part = style.one_per_seed(group, "epoch")
        along = part[["epoch", "seed"]].assign(
            density=part["search_density"], accuracy=part["search_accuracy"]
        )
        draw_regions(ax, along, "epoch")
        soft = part.groupby("epoch")["search_accuracy_soft_gates"].mean()
        ax.plot(soft.index, soft, color=ACCURACY, linestyle=":", label="test accuracy, soft gates")
        ax.set_xlabel("epoch of the search")
        ax.set_title(f"{str(method).upper()}, {model} on {dataset}")
        legend(ax)
    return figure
