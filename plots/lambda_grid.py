"""Validation accuracy and sparsity by lambda: the grid search of CRBG Section IV-A."""

import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from plots.drawing import Tables
from plots.regions import ACCURACY, PRUNED


def draw(tables: Tables) -> Figure:
    """One panel per model; the pressure's strength is lambda."""
    lines = tables.details("search")
    ends = lines[lines["epoch"] == lines.groupby("cell_key")["epoch"].transform("max")]
    panels = list(ends.groupby(["model", "dataset"], sort=False))
    figure, axes = plt.subplots(1, len(panels), figsize=(4.4 * len(panels), 3.6), squeeze=False)
    for ax, ((model, dataset), part) in zip(axes[0], panels, strict=True):
        for values, label, colour, marker in (
            (part["accuracy"], "validation accuracy", ACCURACY, "o"),
            (100 * (1 - part["density"]), "sparsity", PRUNED, "s"),
        ):
            sns.lineplot(
                x=part["strength"],
                y=values,
                errorbar=("ci", 95) if part["seed"].nunique() > 1 else None,
                seed=0,  # of the interval's bootstrap
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
