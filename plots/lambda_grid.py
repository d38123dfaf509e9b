"""Validation accuracy and sparsity by lambda: the grid search of CRBG Section IV-A."""

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from plots import style
from plots.drawing import Tables, panels
from plots.regions import ACCURACY, PRUNED

LOOKS = {
    "accuracy": style.Look("validation accuracy", ACCURACY, "o", "-"),
    "sparsity": style.Look("sparsity", PRUNED, "s", "-"),
}


def draw(tables: Tables) -> Figure:
    """One panel per model; the pressure's strength is lambda."""
    lines = tables.details("search")
    ends = lines[lines["epoch"] == lines.groupby("cell_key")["epoch"].transform("max")]
    figure, found = panels(ends, ["model", "dataset"], (4.4, 3.6))
    for ax, (model, dataset), group in found:
        part = group.assign(sparsity=100 * (1 - group["density"]))
        for column, look in LOOKS.items():
            style.mean_line(ax, part, "strength", column, look)
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(FixedLocator(sorted(part["strength"].unique())))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter(FuncFormatter(lambda lam, _: f"{lam:.3g}"))
        ax.set_ylim(0, 100)
        ax.set_xlabel("lambda")
        ax.set_ylabel("percent")
        ax.set_title(f"CRBG, {model} on {dataset}")
        ax.legend()
    return figure
