"""Objective values right after drawing, one panel per objective: CTS Figs. 1, 7 and 8."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from plots import style
from plots.drawing import Tables

TITLES = {
    "loss": "loss",
    "delta_loss": "relative change of the loss",
    "grad_norm": "gradient norm (higher is better)",
    "kl": "reverse KL divergence",
    "feature": "feature distance",
    "grad_match": "gradient distance",
}
# Saliency criteria with a name of their own, and the objectives that they stand for (Section III).
STANDS_FOR = {"snip": ("loss", "delta_loss"), "grasp": ("grad_norm",)}
LOOKS = {
    "cts gradbalance": style.LOOKS["cts kl"]._replace(label="Quick CTS, GradBalance"),
    "cts lagrange": style.LOOKS["cts loss"]._replace(label="Quick CTS, Lagrange"),
    "imp": style.LOOKS["imp"]._replace(label="LTR (k = 0)"),
}


def draw(tables: Tables) -> Figure:
    """A line of panels for each model and place of drawing."""
    values = tables.details("objectives")
    groups = list(values.groupby(["pruned_at", "model"], sort=False))
    named = [_objectives(group) for _, group in groups]
    columns = max(len(names) for names in named)
    figure, axes = plt.subplots(
        len(groups), columns, figsize=(3.4 * columns, 3.2 * len(groups)), squeeze=False
    )
    for line, ((pruned_at, model), group), names in zip(axes, groups, named, strict=True):
        for ax in line[len(names) :]:
            ax.set_visible(False)
        for ax, name in zip(line, names, strict=False):
            _panel(ax, group, name)
            place = "initialisation" if pruned_at == "init" else "the rewind point"
            ax.set_title(f"{model} at {place}")
    return figure


def _objectives(group: pd.DataFrame) -> list[str]:
    """The objectives that tickets were drawn for, and those of the named criteria without them."""
    searched = set(group["objective"].dropna())
    wanted = searched or {"delta_loss", "grad_norm"}
    return [name for name in TITLES if name in wanted]


def _panel(ax: Axes, group: pd.DataFrame, objective: str) -> None:
    part = group[group["objectives_objective"] == objective]
    drawn_for = part["objective"].isin([objective]) | part["objective"].isna()
    others = part["method"].map(lambda m: objective not in STANDS_FOR.get(m, (objective,)))
    part = part[drawn_for & ~others].copy()
    if objective == "grad_norm":  # minimised as its negative
        part["value"] = -part["value"]
    part["id"] = part["method"].where(
        part["method"] != "cts", "cts " + part["gradient_step"].astype(str)
    )
    for name, lines in part.groupby("id", sort=False):
        look = LOOKS.get(str(name), style.look(str(name)))
        style.mean_line(ax, lines, "density_requested", "value", look)
    style.sparsity_axis(ax, part["density_requested"].tolist())
    positive = part["value"][part["value"] > 0]
    if len(positive) == len(part) and positive.max() > 20 * positive.min():
        ax.set_yscale("log")
    ax.set_ylabel(TITLES[objective])
    ax.legend(fontsize="x-small")
