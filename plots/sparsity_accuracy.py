"""Accuracy against sparsity, by paper and dataset or by family of methods: CTS Fig. 2."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lottery.core.catalogue import OBJECTIVES, dataset_label, model_label
from plots import style
from plots.drawing import Tables, grid, panels
from plots.printed import draw_points

FIGURE_OF = {"table2": "", "sparsity-accuracy": "", "table3": "", "strong-tickets": ""}

ONLY_IN_FIG_3 = OBJECTIVES.keys() - {"kl", "loss"}
MOST = 8  # methods in one panel
# Families of methods, each a panel where methods are many; what is in none is in the last.
FAMILIES = {
    "searches and pruning in rounds": ("cts", "ltr", "imp"),
    "scores, no search": ("snip", "grasp", "synflow", "saliency", "magnitude", "random"),
    "learned gates": ("gem_miner", "continuous_sparsification", "l0_hard_concrete", "sparse_vd"),
    "frozen weights, and others": (),
}
REFERENCES = ("cts kl", "random")  # in every panel, by their looks' keys


def draw(tables: Tables) -> Figure:
    """The figure of all tickets as they were drawn; ablations and Fig. 3's objectives left out."""
    rows = tables.rows
    rows = rows[(rows["ablation"] == "none") & ~rows["objective"].isin(ONLY_IN_FIG_3)]
    if rows["method"].nunique() > MOST:
        return _by_family(rows)
    figure, found = panels(rows, ["paper", "dataset"], 3.0)
    for ax, (paper, dataset), part in found:
        draw_panel(ax, part)
        draw_points(ax, part)
        style.accuracy_axis(ax, dataset=dataset)
        seeds = style.seeds_of(part, "method", "model", "density_requested")
        ax.set_title(f"{paper.upper()}, {dataset_label(dataset)} ({seeds})")
    style.shared_legend(figure)
    return figure


def _by_family(rows: pd.DataFrame) -> Figure:
    rows = rows.assign(id=style.method_ids(rows), family=[_family(m) for m in rows["method"]])
    shown = [
        (str(model), str(dataset), family, part)
        for (model, dataset), part in rows.groupby(["model", "dataset"], sort=False)
        for family in FAMILIES
        if family in set(part["family"])
    ]
    figure, axes = grid(len(shown), 2.9, sharey=True)
    for ax, (model, dataset, family, part) in zip(axes, shown, strict=True):
        _family_panel(ax, part, family, dataset)
        seeds = style.seeds_of(part, "id", "density_requested")
        ax.set_title(f"{style.title_of(model, dataset)} ({seeds})\n{family}")
    return figure


def _family_panel(ax: Axes, rows: pd.DataFrame, family: str, dataset: str) -> None:
    mine = rows["family"] == family
    dense = rows["method"] == "dense"
    shown = rows[~dense & (mine | rows["id"].isin(REFERENCES))]
    draw_panel(ax, shown, faint=[name for name in REFERENCES if name not in set(rows["id"][mine])])
    if dense.any():
        seen = style.look("dense")
        accuracy = rows["accuracy"][dense].mean()
        ax.axhline(accuracy, color=seen.colour, linestyle=":", linewidth=1, label=seen.label)
    style.sparsity_axis(ax, rows["density"][~dense].tolist())
    style.accuracy_axis(ax, dataset=dataset)
    style.legend_below(ax)


def _family(method: str) -> str:
    *_, last = FAMILIES
    return next((name for name, methods in FAMILIES.items() if method in methods), last)


def draw_panel(ax: Axes, rows: pd.DataFrame, faint: Sequence[str] = ()) -> None:
    """One line or, where the method finds its own density, one point per method and model.

    Args:
        faint: the methods that others are compared with, by their looks' keys.
    """
    models = list(rows["model"].unique())
    by = [style.method_ids(rows), rows["model"]]
    for (name, model), found in rows.groupby(by, sort=False):
        group = style.one_per_seed(found, "density_requested")
        look = style.look(str(name))
        free = group["density_requested"].isna().all()
        if len(models) > 1:
            look = look._replace(label=f"{look.label}, {model_label(str(model))}")
        reference: dict[str, Any] = {"alpha": 0.45, "linewidth": 2} if name in faint else {}
        style.mean_line(
            ax,
            group.assign(at=group["density"].mean() if free else group["density_requested"]),
            "at",
            "accuracy",
            look,
            err_kws={"alpha": 0.15},
            markeredgecolor=look.colour,
            # A second model has markers that are filled half.
            fillstyle="left" if models.index(model) else "full",
            **reference,
        )
    style.sparsity_axis(ax, rows["density"].tolist())
