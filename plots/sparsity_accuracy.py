"""Accuracy against sparsity, one panel per paper and dataset: CTS Fig. 2."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from plots import style
from plots.drawing import Tables


def draw(tables: Tables) -> Figure:
    """The figure of all tickets as they were drawn; ablations and Fig. 3's objectives left out."""
    rows = tables.rows
    rows = rows[(rows["ablation"] == "none") & (rows["table"] != "Fig. 3")]
    panels = list(rows.groupby(["paper", "dataset"], sort=False))
    crowded = rows["method"].nunique() > 8
    width, height = (6.4, 5.2) if crowded else (4.4, 3.5)
    figure, axes = plt.subplots(
        1, len(panels), figsize=(width * len(panels), height), squeeze=False
    )
    for ax, ((paper, dataset), part) in zip(axes[0], panels, strict=True):
        draw_panel(ax, part, crowded=crowded)
        ax.set_title(f"{str(paper).upper()}, {dataset}")
        if crowded:
            ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return figure


def draw_panel(ax: Axes, rows: pd.DataFrame, *, crowded: bool = False) -> None:
    """One line or, where the method finds its own density, one point per method and model."""
    ids = [*map(style.method_id, rows["method"], rows["objective"], rows["options"])]
    models = list(rows["model"].unique())
    for (name, model), group in rows.groupby([ids, rows["model"]], sort=False):
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
    ax.set_ylabel("test accuracy (%)")
    ax.legend()
