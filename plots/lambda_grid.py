"""Validation accuracy and sparsity by lambda: the grid search of CRBG Section IV-A."""

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from plots import style
from plots.drawing import Tables, panels
from plots.regions import ACCURACY, PRUNED

FIGURE_OF = {"lambda-grid": ""}

LOOKS = {
    "accuracy": style.Look("validation accuracy", ACCURACY, "o", "-"),
    "sparsity": style.Look("sparsity", PRUNED, "s", "-"),
}


def draw(tables: Tables) -> Figure:
    """One panel per model; the pressure's strength is lambda."""
    lines = tables.details("search")
    ends = lines[lines["epoch"] == lines.groupby("cell_key")["epoch"].transform("max")]
    figure, found = panels(ends, ["model", "dataset"], 2.7)
    for ax, (model, dataset), group in found:
        part = group.assign(sparsity=100 * (1 - group["density"]))
        for column, look in LOOKS.items():
            style.mean_line(ax, part, "strength", column, look)
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(FixedLocator(sorted(part["strength"].unique())))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter(FuncFormatter(lambda lam, _: f"{lam:.3g}"))
        ax.set_ylim(0, 100)
        style.percent_axis(ax)
        ax.set_xlabel("lambda")
        ax.set_ylabel("accuracy, and sparsity")
        seeds = style.seeds_of(part, "strength")
        ax.set_title(f"CRBG, {style.title_of(model, dataset)} ({seeds})")
    style.shared_legend(figure)
    return figure
