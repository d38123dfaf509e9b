"""Accuracy and sparsity along a search, one panel per model: CRBG Fig. 1."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from plots.drawing import NothingToDraw, Tables
from plots.regions import ACCURACY, draw_regions, legend


def draw(tables: Tables) -> Figure:
    """The searches that were judged after every epoch.

    Raises:
        NothingToDraw: there is none.
    """
    lines = tables.details("search")
    lines = lines[lines["search_accuracy"].notna()]
    panels = list(lines.groupby(["method", "model", "dataset"], sort=False))
    if not panels:
        raise NothingToDraw("no search was judged after every epoch")
    figure, axes = plt.subplots(1, len(panels), figsize=(4.4 * len(panels), 4.0), squeeze=False)
    for ax, ((method, model, dataset), part) in zip(axes[0], panels, strict=True):
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
