"""Accuracy against sparsity, one panel per paper and dataset: CTS Fig. 2."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lottery.core.catalogue import OBJECTIVES
from plots import style
from plots.drawing import Tables, panels

ONLY_IN_FIG_3 = OBJECTIVES.keys() - {"kl", "loss"}


def draw(tables: Tables) -> Figure:
    """The figure of all tickets as they were drawn; ablations and Fig. 3's objectives left out.

    Where methods are many, every model has its own panel.
    """
    rows = tables.rows
    rows = rows[(rows["ablation"] == "none") & ~rows["objective"].isin(ONLY_IN_FIG_3)]
    if rows["method"].nunique() <= 8:
        figure, found = panels(rows, ["paper", "dataset"], (4.4, 3.5))
        for ax, (paper, dataset), part in found:
            draw_panel(ax, part)
            ax.set_title(f"{paper.upper()}, {dataset}")
        return figure
    figure, found = panels(rows, ["model", "dataset"], (6.4, 5.2))
    for ax, (model, dataset), part in found:
        draw_panel(ax, part, crowded=True)
        ax.set_title(f"{model}, {dataset}")
        ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return figure


def draw_panel(ax: Axes, rows: pd.DataFrame, *, crowded: bool = False) -> None:
    """One line or, where the method finds its own density, one point per method and model."""
    models = list(rows["model"].unique())
    by = [style.method_ids(rows), rows["model"]]
    for (name, model), found in rows.groupby(by, sort=False):
        group = style.one_per_seed(found, "density_requested")
        look = style.look(str(name))
        free = group["density_requested"].isna().all()
        if len(models) > 1:
            look = look._replace(label=f"{look.label}, {model}")
        style.mean_line(
            ax,
            group.assign(at=group["density"].mean() if free else group["density_requested"]),
            "at",
            "accuracy",
            look,
            err_kws={"alpha": 0.08 if crowded else 0.2},
            markersize=7,
            markeredgecolor=look.colour,
            # A second model has hollow markers.
            markerfacecolor="white" if models.index(model) else look.colour,
        )
    style.sparsity_axis(ax, rows["density"].tolist())
    style.accuracy_axis(ax)
    ax.legend()
