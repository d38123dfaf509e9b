"""Sparsity of every layer of a strong ticket, one panel per model: CRBG Fig. 2."""

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from plots import style
from plots.drawing import Tables, panels
from plots.regions import PRUNED


def draw(tables: Tables) -> Figure:
    """CRBG's tickets, mean over seeds."""
    lines = tables.details("layers")
    lines = lines[lines["epoch"].isna() & (lines["method"] == "crbg")]
    figure, found = panels(lines, ["model", "dataset"], (7.0, 2.9), columns=1)
    for ax, (model, dataset), group in found:
        part = style.one_per_seed(group, "layer")
        sparsity = 100 * (1 - part["kept"] / part["params"])
        mean = sparsity.groupby(part["layer"], sort=False).mean()
        ax.bar(range(1, len(mean) + 1), mean, color=PRUNED, edgecolor="black", linewidth=0.4)
        ax.set_xlim(0.3, len(mean) + 0.7)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set_ylim(0, 100)
        ax.set_xlabel("prunable layer, from the input on")
        ax.set_ylabel("sparsity (%)")
        ax.set_title(f"CRBG, {model} on {dataset}")
    return figure
