"""Validation accuracy and sparsity by lambda: the grid search of CRBG Section IV-A."""

import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from plots import style
from plots.drawing import Tables, panels
from plots.regions import ACCURACY, PRUNED


def draw(tables: Tables) -> Figure:
    """One panel per model; the pressure's strength is lambda."""
    lines = tables.details("search")
    ends = lines[lines["epoch"] == lines.groupby("cell_key")["epoch"].transform("max")]
    figure, found = panels(ends, ["model", "dataset"], (4.4, 3.6))
    for ax, (model, dataset), group in found:
        part = style.one_per_seed(group, "strength")
        for values, label, colour, marker in (
            (part["accuracy"], "validation accuracy", ACCURACY, "o"),
            (100 * (1 - part["density"]), "sparsity", PRUNED, "s"),
        ):
            sns.lineplot(
                x=part["strength"],
                y=values,
                errorbar=style.interval,
                ax=ax,
                label=label,
                color=colour,
                marker=marker,
            )
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(FixedLocator(sorted(part["strength"].unique())))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter(FuncFormatter(lambda lam, _: f"{lam:.3g}"))
        ax.set_ylim(0, 100)
        ax.set_xlabel("lambda")
        ax.set_ylabel("percent")
        ax.set_title(f"CRBG, {model} on {dataset}")
    return figure
